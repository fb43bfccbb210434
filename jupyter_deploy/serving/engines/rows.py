"""Rows in the sample's own type, as the user's Python code takes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC
from typing import Any

import numpy as np

from ..inputs.cells import Field
from ..inputs.moments import Moments
from ..signature import Column, Layout, Signature
from .base import Array, as_arrays, bounds, integer_dtype
from .frames import pandas_maker, polars_maker

#: Name of the only tensor of a sample that is one array; others are of dicts.
_SINGLE = "input"


class NativeRows:
    """Makes what Python code is called with: rows in the sample's own type.

    Parameters
    ----------
    signature
        Of the sample; :class:`.hooks.HookedEngine` has another one than its model.
    """

    def __init__(self, signature: Signature) -> None:
        layout = signature.layout
        columns = signature.inputs
        self.fields: Sequence[Field] = [native_field(c, layout) for c in columns]
        self.matrix: np.dtype[Any] | None = None
        self._frame: Callable[[Any], Any] | None = None
        found = {c.dtype for c in columns}
        if len(found) == 1 and not any(c.shape for c in columns):
            dtype = _plain(columns[0].dtype)
            if layout == "array" and dtype is not None:
                self.matrix = dtype
            elif layout == "dataframe" and dtype in (np.float32, np.float64):
                self.matrix = dtype
                self._frame = _whole_frame([c.name for c in columns])
        self._make = _maker(layout, self.fields)

    def assemble(self, columns: list[list[Any]]) -> Any:
        """Make the input from checked values, one list per column."""
        return self.assemble_arrays(as_arrays(self.fields, columns))

    def assemble_arrays(self, columns: list[Array]) -> Any:
        """Make the input from arrays of shape (rows, *column.shape), in the fields' dtypes."""
        if self.matrix is not None:
            return np.stack(columns, axis=1)
        return self._make(columns)

    def rows(self, batch: Any) -> Any:
        """Return what the code is called with for a batch of :meth:`assemble`, or a matrix."""
        if self.matrix is None:
            return batch
        # the user's code may write into what it is given
        rows = batch if batch.flags.writeable else batch.copy()
        return rows if self._frame is None else self._frame(rows)


def count_rows(rows: Any) -> int:
    """How many rows anything has that a model may be called with."""
    if isinstance(rows, dict):
        rows = next(iter(rows.values()))
    shape = getattr(rows, "shape", None)
    # a sparse matrix has no length
    return int(shape[0]) if shape else len(rows)


def native_field(column: Column, layout: Layout) -> Field:
    """The column as the sample's own type holds it."""
    dtype, null = _storage(column, layout)
    low, high = -np.inf, np.inf
    if column.kind == "integer":
        low, high = bounds(integer_dtype(column))
        if layout == "records":
            # Python's own have no bounds; JSON's end here
            low, high = -(2**63), 2**64 - 1
    elif column.kind == "number" and dtype.kind == "f":
        # a nullable Float32 is read as float64, and cut by pandas
        low, high = bounds(_plain(column.dtype.lower()) or dtype)
    return Field(column, low, high, nullable=column.nullable and null, dtype=dtype, null=null)


def _storage(column: Column, layout: Layout) -> tuple[np.dtype[Any], bool]:
    """Dtype of the array to make a column of, and whether the column can hold null."""
    kind = column.kind
    objects = np.dtype(object), True
    if kind == "datetime":
        return Moments.of(column.dtype, column.minimum).dtype, True
    if kind == "string" or layout == "records" or column.dtype in ("object", "category"):
        return objects
    if kind == "number":
        own = _plain(column.dtype)
        return (own if own is not None and own.kind == "f" else np.dtype(np.float64)), True
    if layout == "polars":
        return objects
    plain = _plain(column.dtype)
    return objects if plain is None else (plain, False)


def _plain(name: str) -> np.dtype[Any] | None:
    """The numpy dtype of numbers or booleans that has this very name."""
    if not name.isalnum():
        return None  # numpy reads a language of its own in some: "Datetime(…, time_zone=None)"
    try:
        dtype = np.dtype(name)
    except TypeError:
        return None
    return dtype if dtype.kind in "fiub" and dtype.name == name else None


def _whole_frame(names: list[str]) -> Callable[[Any], Any]:
    import pandas as pd

    index = pd.Index(names)
    return lambda matrix: pd.DataFrame(matrix, columns=index, copy=False)


def _maker(layout: Layout, fields: Sequence[Field]) -> Callable[[Sequence[Array]], Any]:
    if layout == "dataframe":
        return pandas_maker(fields)
    if layout == "polars":
        return polars_maker(fields)
    if layout == "records":
        return _records(fields)
    if layout == "tensors":
        return _tensors(fields)
    dtype = _array_dtype(fields[0].column)
    return lambda columns: np.stack(columns, axis=1).astype(dtype, copy=False)


def _array_dtype(column: Column) -> Any:
    """Dtype of an array of no numbers; ``str`` has the length of the longest text."""
    return np.dtype(str) if column.dtype == "str" else np.dtype(column.dtype)


def _tensors(fields: Sequence[Field]) -> Callable[[Sequence[Array]], Any]:
    names = [field.column.name for field in fields]
    dtypes = [_array_dtype(field.column) for field in fields]

    def make(columns: Sequence[Array]) -> Any:
        cast = [
            # what a request was packed into can't be written to, and the user's code may want to
            values.astype(dtype, copy=not values.flags.writeable)
            for values, dtype in zip(columns, dtypes, strict=True)
        ]
        return cast[0] if names == [_SINGLE] else dict(zip(names, cast, strict=True))

    return make


def _records(fields: Sequence[Field]) -> Callable[[Sequence[Array]], Any]:
    names = [field.column.name for field in fields]

    def values(field: Field, array: Array) -> list[Any]:
        listed: list[Any] = array.tolist()
        if field.column.kind == "datetime" and field.moments.zone is not None:
            return [None if v is None else v.replace(tzinfo=UTC) for v in listed]
        if field.column.dtype == "float":
            return [None if v is None else float(v) for v in listed]
        return listed

    def make(columns: Sequence[Array]) -> list[dict[str, Any]]:
        listed = [values(f, c) for f, c in zip(fields, columns, strict=True)]
        return [dict(zip(names, row, strict=True)) for row in zip(*listed, strict=True)]

    return make
