"""First step: what is this model, what does it take, what does it answer?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jupyter_deploy.packaging.adapters import TABLE
from jupyter_deploy.packaging.parity import MAX_ROWS, pick_rows
from jupyter_deploy.packaging.signature import check_columns, layout_of, learn, take

if TYPE_CHECKING:
    import numpy as np

    from jupyter_deploy.packaging.adapters import Adapter
    from jupyter_deploy.packaging.hooks import Hooks, Postprocess, Preprocess
    from jupyter_deploy.packaging.outputs import Outputs
    from jupyter_deploy.serving.policies import Policy
    from jupyter_deploy.serving.signature import Signature

#: ``{check: policy}``, and for one column ``{column: {check: policy}}``.
Validate = Mapping[str, "Policy | str | Mapping[str, Policy | str]"]


@dataclass(frozen=True)
class Inspected:
    """A model that can be packed, with what was learnt about it.

    Attributes
    ----------
    model, sample
        The user's own objects.
    adapter
        Of the model's framework.
    signature
        Learnt from the whole sample: what clients send and get.
    rows
        Positions in the sample of the rows the model was run on, at most 2000.
    outputs
        What clients would get for `rows`.
    model_rows
        What the model itself was called with for `rows`.
    model_signature
        What the model itself takes and answers.
    model_outputs
        What the native model answered on `model_rows`.
    hooks
        The user's functions before and after the model; None without.
    notes
        What the user should know about the sample, in sentences: what the model warned of on
        it, and in which form it was taken when that isn't its own.
    """

    model: Any
    sample: Any
    adapter: Adapter
    signature: Signature
    rows: np.ndarray[Any, Any]
    outputs: Outputs
    model_rows: Any
    model_signature: Signature
    model_outputs: Outputs
    hooks: Hooks | None = None
    notes: tuple[str, ...] = ()

    @property
    def model_type(self) -> str:
        """Qualified name of the model's type, or of the function."""
        kind = self.model if hasattr(self.model, "__qualname__") else type(self.model)
        return f"{kind.__module__}.{kind.__qualname__}"


def inspect_model(
    model: Any,
    sample: Any,
    *,
    preprocess: Preprocess | None = None,
    postprocess: Postprocess | None = None,
    validate: Validate | None = None,
    max_rows: int | None = None,
) -> Inspected:
    """Find the adapter, learn the signature and run the native model on rows of the sample.

    Parameters
    ----------
    model
        A fitted scikit-learn estimator or Pipeline, any object with ``predict``, or a function
        of one argument.
    sample
        pandas DataFrame or 2-D numpy array of rows the model can predict on.

    Raises
    ------
    UnsupportedModelError
        When the object can't be served; the hint shows what would.
    SampleError
        When the sample can't be used, or the model raises on it.
    """
    adapter = TABLE.find(model)
    adapter.check(model)
    layout = layout_of(sample)
    columns = check_columns(sample, layout)
    rows = pick_rows(len(sample), MAX_ROWS)
    taken = take(sample, rows)
    outputs = adapter.outputs(model, taken)
    signature = learn(
        sample,
        columns=columns,
        layout=layout,
        task=adapter.task(model),
        outputs=outputs,
        classes=adapter.classes(model),
    )
    return Inspected(model, sample, adapter, signature, rows, outputs, taken, signature, outputs)
