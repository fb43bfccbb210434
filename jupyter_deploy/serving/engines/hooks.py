"""A model between two functions of the user's."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np

from ..packed import Packed
from .base import Array, Engine, Outputs
from .native import NativeEngine
from .rows import NativeRows, count_rows
from .tensors import arrays


class HookedEngine:
    """A model between two functions of the user's.

    Requests are read by the outer signature into the type of the sample; what preprocess makes
    of them goes to the model, as it is to Python code and as arrays to ONNX Runtime.

    Parameters
    ----------
    inner
        Runs the model.
    packed
        With hooks.
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
        self._takes_both = hooks.get("takes_probabilities", False)
        self._inner = inner
        self._model_columns = packed.model_signature.inputs
        self._names = [column.name for column in self._model_columns]
        self._flat = len(packed.signature.outputs[0].shape) == 1
        self._rows: NativeRows | None = None
        if self._before is not None:
            self._rows = NativeRows(packed.signature)
        # with nothing before the model, its own way to read requests is the shortest
        self._input = self._rows or inner
        self.platform = inner.platform
        self.fields = self._input.fields
        self.matrix = self._input.matrix

    def assemble(self, columns: list[Any]) -> Any:
        """Make the rows that preprocess takes."""
        return self._input.assemble(columns)

    def assemble_arrays(self, columns: list[Array]) -> Any:
        """Make the same of arrays, one a column."""
        return self._input.assemble_arrays(columns)

    def run(self, batch: Any) -> Outputs:
        """Answer a batch of :meth:`assemble`, or a matrix."""
        if self._rows is None:
            return self._postprocessed(self._inner.run(batch))
        given = self._rows.rows(batch)
        # before the call, which may change it
        count = count_rows(given)
        rows = self._before(given)
        found = count_rows(rows)
        if found != count:
            raise ValueError(f"preprocess returned {found} rows for {count}")
        if isinstance(self._inner, NativeEngine):
            return self._postprocessed(self._inner.call(rows))
        return self._postprocessed(self._inner.run(self._tensors(rows)))

    def _tensors(self, rows: Any) -> Any:
        """Return the batch of an ONNX model for the rows that its native form would take."""
        matrix = self._inner.matrix
        if matrix is not None and isinstance(rows, np.ndarray):
            return np.ascontiguousarray(rows, dtype=matrix)
        if matrix is not None and matrix.kind == "f" and hasattr(rows, "iloc"):
            # a DataFrame of pandas at once, a fiftieth of what its columns one by one cost
            if list(rows.columns) != self._names:
                rows = rows[self._names]
            return np.ascontiguousarray(rows.to_numpy(dtype=matrix, na_value=np.nan))
        return self._inner.assemble_arrays(arrays(rows, self._model_columns))

    def _postprocessed(self, outputs: Outputs) -> Outputs:
        if self._after is None:
            return outputs
        predictions, probabilities = outputs.predictions, outputs.probabilities
        count = len(predictions)
        answers = (predictions, probabilities) if self._takes_both else (predictions,)
        returned = np.asarray(self._after(*answers))
        if self._flat and returned.ndim > 1 and returned.size == count:
            returned = returned.reshape(-1)
        if returned.ndim == 0 or len(returned) != count:
            raise ValueError(
                f"postprocess returned values of shape {returned.shape} for {count} predictions"
            )
        return Outputs(returned, probabilities, outputs.others)
