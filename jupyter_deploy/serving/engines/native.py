"""The object the user trained, unpickled."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..cells import Field
from ..packed import Packed
from ..signature import Column, Signature
from .base import Outputs, bounds, has_probabilities, integer_dtype


class NativeRows:
    """Makes what Python code is called with: rows in the sample's own type.

    Parameters
    ----------
    signature
        Of the sample; :class:`.hooks.HookedEngine` has another one than its model.
    """

    def __init__(self, signature: Signature) -> None:
        self._frame = signature.layout == "dataframe"
        columns = signature.inputs
        self._columns = columns
        self._names = [c.name for c in columns]
        found = {c.dtype for c in columns}
        plain = len(found) == 1 and found <= {"float64", "float32"}
        self.matrix: np.dtype[Any] | None = None
        if plain or not self._frame:
            self.matrix = np.dtype(columns[0].dtype)
        self.fields: Sequence[Field] = [_native_field(c) for c in columns]

    def assemble(self, columns: list[list[Any]]) -> Any:
        """Make the array or the DataFrame the model was trained on."""
        if self.matrix is not None:
            return np.ascontiguousarray(np.array(columns, dtype=self.matrix).T)
        import pandas as pd

        return pd.DataFrame(
            {c.name: _series(c, v) for c, v in zip(self._columns, columns, strict=True)}
        )

    def rows(self, batch: Any) -> Any:
        """Return what the code is called with for a batch of :meth:`assemble`, or a matrix."""
        if self._frame and self.matrix is not None:
            import pandas as pd

            return pd.DataFrame(batch, columns=self._names)
        return batch


class NativeEngine(NativeRows):
    """The object the user trained, unpickled."""

    platform = "python"
    #: It may be anything: slow, or unsafe to call from two threads.
    reentrant = False

    def __init__(self, packed: Packed) -> None:
        super().__init__(packed.model_signature)
        with packed.model.open("rb") as file:
            # the Bento's own content, just checked against the hash its author wrote
            model = pickle.load(file)  # noqa: S301
        self._predict = model.predict if hasattr(model, "predict") else model
        signature = packed.model_signature
        proba = has_probabilities(signature)
        self._predict_proba = model.predict_proba if proba else None
        self._flat = len(signature.outputs[0].shape) == 1

    def run(self, batch: Any) -> Outputs:
        """Answer a batch of :meth:`assemble`, or a matrix."""
        return self.call(self.rows(batch))

    def call(self, rows: Any) -> Outputs:
        """Answer rows that are in the type the model takes."""
        count = len(rows)
        returned = self._predict(rows)
        predictions = np.asarray(returned)
        if self._flat and predictions.ndim > 1 and predictions.size == count:
            predictions = predictions.reshape(-1)
        if predictions.ndim == 0 or len(predictions) != count:
            raise ValueError(f"the model returned {predictions.shape} answers for {count} rows")
        if self._predict_proba is None:
            return Outputs(predictions, None)
        return Outputs(predictions, np.asarray(self._predict_proba(rows)))


def _native_field(column: Column) -> Field:
    if column.kind == "integer":
        return Field(column, *bounds(integer_dtype(column)), nullable=column.nullable)
    narrow = column.dtype.lower() == "float32"
    return Field(
        column, *bounds(np.dtype(np.float32 if narrow else np.float64)), nullable=column.nullable
    )


def _series(column: Column, values: list[Any]) -> Any:
    """One column with the dtype of the sample's."""
    import pandas as pd

    if column.dtype != "category":
        return pd.Series(values, dtype=column.dtype)
    # a value the sample didn't hold is a category too, not a missing value
    known = list(column.categories or ())
    seen = set(known)
    extra = sorted({v for v in values if v is not None and v not in seen})
    return pd.Series(pd.Categorical(values, categories=[*known, *extra]))
