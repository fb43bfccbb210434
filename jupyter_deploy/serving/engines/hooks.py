"""The user's functions before and after the model."""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..cells import Field
from ..packed import Packed
from ..signature import Column
from .base import Array, Engine, Outputs
from .native import NativeEngine, NativeRows


class HookedEngine:
    """A model between two functions.

    Requests are read by the outer signature, into the type of the sample; what preprocess
    makes of them goes to the model, as frames to Python code and as arrays to ONNX Runtime.
    """

    #: Functions of the user's may be anything: slow, or unsafe to call from two threads.
    reentrant = False

    def __init__(self, inner: Engine, packed: Packed) -> None:
        if packed.hooks is None:
            raise ValueError(f"{packed.name} {packed.version} has no hooks")
        with packed.hooks.open("rb") as file:
            # the Bento's own content, just checked against the hash its author wrote
            hooks = pickle.load(file)  # noqa: S301
        self._before = hooks["preprocess"]
        self._after = hooks["postprocess"]
        self._both = hooks.get("takes_probabilities", False)
        self._inner = inner
        self.platform = inner.platform
        # nothing before the model: its own way of reading requests is the shortest
        self._rows = NativeRows(packed.signature) if self._before is not None else None
        self._input = self._rows if self._rows is not None else inner
        self._columns = packed.model_signature.inputs
        self._flat = len(packed.signature.outputs[0].shape) == 1

    @property
    def fields(self) -> Sequence[Field]:
        return self._input.fields

    @property
    def matrix(self) -> np.dtype[Any] | None:
        return self._input.matrix

    def assemble(self, columns: list[list[Any]]) -> Any:
        """Make the rows that preprocess takes."""
        return self._input.assemble(columns)

    def assemble_arrays(self, columns: list[Array]) -> Any:
        """Make the rows that preprocess takes of arrays, one a column."""
        return self._input.assemble_arrays(columns)

    def run(self, batch: Any) -> Outputs:
        """Answer a batch of :meth:`assemble`, or a matrix."""
        return self._postprocessed(self._answered(batch))

    def _answered(self, batch: Any) -> Outputs:
        if self._rows is None:
            return self._inner.run(batch)
        given = self._rows.rows(batch)
        count = row_count(given)
        rows = self._before(given)
        found = row_count(rows)
        if found != count:
            raise ValueError(f"preprocess returned {found} rows for {count}")
        if isinstance(self._inner, NativeEngine):
            return self._inner.call(rows)
        return self._inner.run(self._tensors(rows))

    def _tensors(self, rows: Any) -> Any:
        """Return the batch of an ONNX model for the rows its native form would take."""
        inner = self._inner
        if inner.matrix is not None and isinstance(rows, np.ndarray):
            return np.ascontiguousarray(rows, dtype=inner.matrix)
        return inner.assemble_arrays([_array(rows, i, c) for i, c in enumerate(self._columns)])

    def _postprocessed(self, outputs: Outputs) -> Outputs:
        if self._after is None:
            return outputs
        predictions = outputs.predictions
        count = len(predictions)
        if self._both:
            returned = self._after(predictions, outputs.probabilities)
        else:
            returned = self._after(predictions)
        found = np.asarray(returned)
        if self._flat and found.ndim > 1 and found.size == count:
            found = found.reshape(-1)
        if found.ndim == 0 or len(found) != count:
            raise ValueError(f"postprocess returned {found.shape} values for {count} predictions")
        return Outputs(found, outputs.probabilities, outputs.others)


def row_count(rows: Any) -> int:
    """Count the rows of anything a model may be called with, a dict of arrays included."""
    if isinstance(rows, dict):
        rows = next(iter(rows.values()), ())
    shape = getattr(rows, "shape", None)
    # a sparse matrix has no length
    return int(shape[0]) if shape else len(rows)


def _array(rows: Any, at: int, column: Column) -> Array:
    """One column, or one tensor, of what the model takes."""
    if isinstance(rows, Mapping) or hasattr(rows, "columns"):
        values = rows[column.name]
    elif isinstance(rows, list) and isinstance(rows[0], Mapping):
        values = [row[column.name] for row in rows]
    else:
        array = np.asarray(rows)
        values = array[:, at] if array.ndim == 2 and not column.shape else array
    if hasattr(values, "to_numpy"):
        values = values.to_numpy()
    return np.asarray(values)
