"""Which kind of sample an object is."""

from __future__ import annotations

from typing import Any

from jupyter_deploy.exceptions import SampleError
from jupyter_deploy.packaging.samples.base import Sample, Subject, kin
from jupyter_deploy.packaging.samples.refused import refusal
from jupyter_deploy.packaging.samples.tensors import INPUT

#: What the user gave.
SAMPLE = Subject("The sample", "X_test", "Give")
#: What the user's preprocess made of it.
PREPROCESSED = Subject("What preprocess returned", "rows", "Return")


def open_sample(data: Any, *, tensor: str = INPUT, subject: Subject = SAMPLE) -> Sample:
    """Return the sample as one of the kinds that are known.

    Parameters
    ----------
    data
        The user's object.
    tensor
        Name for the only tensor, when `data` is an array of more than two dimensions.
    subject
        How errors speak of it.

    Raises
    ------
    SampleError
        When it is none of them, or has no rows or columns; the hint has the line that converts.
    """
    import numpy as np

    if isinstance(data, np.ndarray):
        if data.ndim < 2:
            raise refusal(data, subject)
        _not_empty(data.shape[0], data.shape[1], subject)
        if data.ndim == 2:
            from jupyter_deploy.packaging.samples.arrays import ArraySample

            return ArraySample(data, subject)
        return _tensors(data, subject, tensor)
    if kin(data, "pandas", "DataFrame"):
        from jupyter_deploy.packaging.samples.pandas import PandasSample

        _not_empty(data.shape[0], data.shape[1], subject)
        return PandasSample(data, subject)
    if kin(data, "polars", "DataFrame"):
        from jupyter_deploy.packaging.samples.polars import PolarsSample

        _not_empty(data.shape[0], data.shape[1], subject)
        return PolarsSample(data, subject)
    if isinstance(data, list) and data and all(isinstance(row, dict) for row in data):
        from jupyter_deploy.packaging.samples.records import RecordsSample

        _not_empty(len(data), len(data[0]), subject)
        return RecordsSample(data, subject)
    if isinstance(data, dict) and data and all(_is_tensor(v) for v in data.values()):
        return _tensors(data, subject, tensor)
    raise refusal(data, subject)


def _tensors(data: Any, subject: Subject, name: str) -> Sample:
    from jupyter_deploy.packaging.samples.tensors import TensorSample

    sample = TensorSample(data, subject, name)
    _not_empty(len(sample), 1, subject)
    return sample


def _is_tensor(value: Any) -> bool:
    import numpy as np

    return isinstance(value, np.ndarray) and value.ndim > 0


def _not_empty(rows: int, columns: int, subject: Subject) -> None:
    if rows == 0 or columns == 0:
        raise SampleError(
            f"{subject.words} has {rows} row{'s' * (rows != 1)} and {columns} "
            f"column{'s' * (columns != 1)}.",
            f"{subject.give} some rows the model can predict on, for example {subject.example}.",
        )
