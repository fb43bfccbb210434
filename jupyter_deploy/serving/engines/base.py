"""What an engine is: it makes the model's input from checked columns, and runs the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from ..inputs.cells import Field
from ..inputs.decode import Input
from ..signature import Column

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Outputs:
    """Answers for a batch.

    Attributes
    ----------
    predictions
        Shape (rows,) or (rows, k), labels in the types the model was trained with.
    probabilities
        Shape (rows, classes); None for models without.
    others
        Further outputs by name, each of shape (rows, …).
    """

    predictions: Array
    probabilities: Array | None = None
    others: Mapping[str, Array] = field(default_factory=dict)

    def head(self, rows: int) -> Outputs:
        """Return the answers of the first `rows` rows."""
        return Outputs(
            self.predictions[:rows],
            None if self.probabilities is None else self.probabilities[:rows],
            {name: array[:rows] for name, array in self.others.items()},
        )


class Engine(Input, Protocol):
    """A loaded model."""

    #: The library that runs it, for metadata.
    platform: str
    #: Whether calls are known to be safe and short enough for the event loop.
    reentrant: bool

    def run(self, batch: Any) -> Outputs:
        """Answer a batch; raises whatever the model raises."""


def bounds(dtype: np.dtype[Any]) -> tuple[float, float]:
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        return int(info.min), int(info.max)
    if dtype == np.float32:
        return -float(np.finfo(np.float32).max), float(np.finfo(np.float32).max)
    return -np.inf, np.inf


def integer_dtype(column: Column) -> np.dtype[Any]:
    """NumPy dtype of an integer column; pandas writes nullable ones with a capital."""
    try:
        dtype = np.dtype(column.dtype.lower())
    except TypeError:  # category, object, string: Python's own integers
        return np.dtype(np.int64)
    return dtype if dtype.kind in "iu" else np.dtype(np.int64)


def as_arrays(fields: Sequence[Field], columns: Sequence[Any]) -> list[Array]:
    """Bring checked values, one list a column, into arrays of the fields' dtypes."""
    arrays = []
    for taken, values in zip(fields, columns, strict=True):
        if isinstance(values, np.ndarray):  # a tensor
            arrays.append(values)
        elif taken.dtype is None or taken.dtype == object:
            array = np.empty(len(values), dtype=object)
            array[:] = values
            arrays.append(array)
        else:
            arrays.append(np.array(values, dtype=taken.dtype))
    return arrays
