"""First step: what is this model, what does it take, what does it answer?"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

from jupyter_deploy.exceptions import SampleError
from jupyter_deploy.packaging.adapters import TABLE, NotConvertibleError
from jupyter_deploy.packaging.diagnosis.blamed import explain
from jupyter_deploy.packaging.diagnosis.compared import check_trained
from jupyter_deploy.packaging.diagnosis.encoders import check_encoded
from jupyter_deploy.packaging.diagnosis.trained import trained
from jupyter_deploy.packaging.diagnosis.warned import warned
from jupyter_deploy.packaging.hooks import hooks_of, open_rows
from jupyter_deploy.packaging.parity import MAX_ROWS, pick_rows
from jupyter_deploy.packaging.policies import Validate, with_policies
from jupyter_deploy.packaging.samples import open_sample
from jupyter_deploy.packaging.samples.tensors import INPUT
from jupyter_deploy.packaging.signature import learn

if TYPE_CHECKING:
    import numpy as np

    from jupyter_deploy.packaging.adapters import Adapter
    from jupyter_deploy.packaging.hooks import Hooks, Postprocess, Preprocess
    from jupyter_deploy.packaging.outputs import Outputs
    from jupyter_deploy.packaging.samples import Sample
    from jupyter_deploy.serving.signature import Signature, Task


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
    source
        The sample as one of the kinds that are known: counts its rows, takes and hashes them.
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
    source: Sample
    hooks: Hooks | None = None
    notes: tuple[str, ...] = ()

    @property
    def model_type(self) -> str:
        """Qualified name of the model's type, or of the function."""
        if self.adapter.graphs:
            return "onnx.ModelProto"
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
        A trained model of a framework with an adapter, any object with ``predict``, or a
        function of one argument.
    sample
        Rows the model can predict on: a pandas or polars DataFrame, a numpy array of two or
        more dimensions, a list of dicts, or a dict of numpy arrays.
    preprocess
        Called with rows in the sample's own type; returns what the model takes.
    postprocess
        Called with the predictions, or with predictions and probabilities when it has two
        parameters; returns one value a row.
    validate
        What is done with requests unlike the sample: ``{check: policy}``, and for one column
        ``{column: {check: policy}}``; see :data:`jupyter_deploy.serving.policies.CHECKS`.
    max_rows
        Rows a request may hold; None for no limit but the body's.

    Raises
    ------
    UnsupportedModelError
        When the object can't be served; the hint shows what would.
    SampleError
        When the sample can't be used, isn't what the model was trained on, or the model or a
        hook raises on it.
    UsageError
        When a hook can't be called, or a policy is not one that there is.
    """
    adapter = TABLE.find(model)
    model = adapter.opened(model)
    adapter.check(model)
    hooks = hooks_of(preprocess, postprocess)
    source = open_sample(sample, tensor=_tensor_name(adapter, model))
    source.columns()  # refused before the model is called
    if isinstance(sample, dict) and list(sample) == [INPUT] and not adapter.graphs:
        raise SampleError(
            f"The sample is a dict of one array called {INPUT!r}, which a service can't tell from "
            "the array itself.",
            f"Give the array, sample[{INPUT!r}], or call the tensor otherwise.",
        )
    asked = _Asked(model, adapter, hooks)
    try:
        answered = asked.answer(source)
    except SampleError as refused:
        if source.layout != "records":
            raise
        source, answered = asked.answer_as_frame(source, refused)
    inspected = asked.inspected(source, answered)
    return replace(
        inspected,
        sample=source.data,
        signature=with_policies(inspected.signature, validate, max_rows),
    )


@dataclass(frozen=True)
class _Answered:
    """Rows of the sample on their way through hooks and model."""

    rows: np.ndarray[Any, Any]
    inner: Sample
    unconvertible: str
    model_outputs: Outputs
    outputs: Outputs
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Asked:
    """The model that is to be inspected."""

    model: Any
    adapter: Adapter
    hooks: Hooks | None

    def answer(self, source: Sample) -> _Answered:
        """Run rows of the sample through hooks and model."""
        import numpy as np

        rows = pick_rows(len(source), MAX_ROWS)
        inner, why = source, ""
        hooks = self.hooks
        known: list[str] = []
        with warned("The model") as notes:
            if hooks is not None and hooks.preprocess is not None:
                inner, why = open_rows(hooks.before(source.take(rows)))
                check_trained(self.model, inner, preprocessed=True)
                # a copy: a model may change what it is given
                taken = inner.take(np.arange(len(inner)))
            else:
                check_trained(self.model, source)
                known = check_encoded(self.model, source)
                taken = source.take(rows)
            try:
                model_outputs = self.adapter.outputs(self.model, taken)
            except SampleError as refused:
                raise explain(self.model, inner, refused) from refused.__cause__
            outputs = model_outputs if hooks is None else hooks.after(model_outputs)
        notes[:0] = known
        return _Answered(rows, inner, why, model_outputs, outputs, notes)

    def answer_as_frame(self, source: Sample, refused: SampleError) -> tuple[Sample, _Answered]:
        """Run records the model doesn't take as a DataFrame.

        Raises
        ------
        SampleError
            When it doesn't take that either: as it refused the form it is likelier to take.
        """
        import pandas as pd

        frame = open_sample(pd.DataFrame(source.data))
        try:
            frame.columns()
            answered = self.answer(frame)
        except SampleError as second:
            raise second if trained(self.model).width else refused from None
        note = "The model takes no list of dicts: it is called with a pandas DataFrame of them."
        answered.notes.insert(0, note)
        return frame, answered

    def inspected(self, source: Sample, answered: _Answered) -> Inspected:
        """Learn the signatures, of the model and of what clients see."""
        hooks = self.hooks
        pre = hooks is not None and hooks.preprocess is not None
        model_signature = learn(
            answered.inner,
            task=self.adapter.task(self.model),
            outputs=answered.model_outputs,
            classes=self.adapter.classes(self.model),
            target_classes=self.adapter.target_classes(self.model),
        )
        signature = model_signature
        if hooks is not None:
            signature = learn(
                source,
                task=_task(model_signature, answered.outputs),
                outputs=answered.outputs,
                classes=model_signature.classes,
                target_classes=self.adapter.target_classes(self.model),
            )
        adapter = self.adapter
        if answered.unconvertible:
            adapter = cast("Adapter", _Unconvertible(adapter, answered.unconvertible))
        return Inspected(
            self.model,
            source.data,
            adapter,
            signature,
            answered.rows,
            answered.outputs,
            answered.inner.data if pre else source.take(answered.rows),
            model_signature,
            answered.model_outputs,
            source,
            hooks,
            tuple(answered.notes),
        )


class _Unconvertible:
    """An adapter whose model is called with rows that have no ONNX form."""

    def __init__(self, adapter: Adapter, reason: str) -> None:
        self._adapter = adapter
        self._reason = reason

    def __getattr__(self, name: str) -> Any:
        return getattr(self._adapter, name)

    def to_onnx(self, model: Any, signature: Signature) -> list[bytes]:
        raise NotConvertibleError(f"{self._reason}, which has no ONNX form")


def _tensor_name(adapter: Adapter, model: Any) -> str:
    """The model's own name for its only tensor, where the framework has names for them."""
    names = getattr(adapter, "input_names", None)
    found: list[str] = list(names(model)) if callable(names) else []
    return found[0] if len(found) == 1 else INPUT


def _task(model: Signature, outputs: Outputs) -> Task:
    """What the predictions mean behind postprocess."""
    values = outputs.predictions
    if model.task == "classification" and model.classes is not None:
        return "classification" if set(values.ravel().tolist()) <= set(model.classes) else "other"
    return "regression" if model.task == "regression" and values.dtype.kind == "f" else "other"
