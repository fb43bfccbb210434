"""Put the signature together from the sample and from what the model answered on it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from jupyter_deploy.serving.signature import Output, Signature, Task

if TYPE_CHECKING:
    import numpy as np

    from jupyter_deploy.packaging.outputs import Outputs
    from jupyter_deploy.packaging.samples import Sample
    from jupyter_deploy.serving.signature import Column, Scalar


def learn(
    sample: Sample,
    *,
    task: Task,
    outputs: Outputs,
    classes: tuple[Scalar, ...] | None,
    target_classes: Mapping[str, tuple[Scalar, ...]] | None = None,
) -> Signature:
    """Learn the signature.

    Parameters
    ----------
    sample
        All rows, of which ranges, categories and nulls are learnt.
    outputs
        What the model answered on some of them.
    classes
        Labels in the order of the probabilities.
    target_classes
        The same for each of several targets, by the name of its output.

    Raises
    ------
    SampleError
        For names or values that a request can't carry.
    """
    columns = sample.columns()
    found = {"predictions": outputs.predictions}
    if outputs.probabilities is not None:
        found["probabilities"] = outputs.probabilities
    found.update(outputs.others)
    labels = target_classes or {}
    return Signature(
        layout=sample.layout,
        task=task,
        inputs=columns,
        outputs=tuple(
            Output(name, _dtype(array), (-1, *array.shape[1:]), labels.get(name))
            for name, array in found.items()
        ),
        classes=classes,
        example=_example(sample, columns),
    )


def _example(sample: Sample, columns: tuple[Column, ...]) -> dict[str, Any]:
    """The first row; JSON has no infinity, so the column's least number stands for one."""
    import numpy as np

    if not columns:
        return {}
    (record,) = sample.records(np.arange(1))
    return {c.name: _finite(record[c.name], c.minimum or 0.0) for c in columns}


def _finite(value: Any, instead: Any) -> Any:
    if isinstance(value, list):
        return [_finite(v, instead) for v in value]
    return instead if isinstance(value, float) and math.isinf(value) else value


def _dtype(array: np.ndarray[Any, Any]) -> str:
    return "object" if array.dtype.kind in "OU" else array.dtype.name
