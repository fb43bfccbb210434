"""Datatypes: their names in the protocol, in NumPy, and of a model's columns and outputs."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..signature import Column

#: Text, or what has no other form: each element has a length of its own.
BYTES = "BYTES"
#: The upper half of an FP32. NumPy has no such type: inputs are widened, outputs never have it.
BF16 = "BF16"

#: Datatypes of a fixed size, as they stand in a binary tensor.
WIRE: dict[str, np.dtype[Any]] = {
    "BOOL": np.dtype(np.bool_),
    **{f"UINT{8 * size}": np.dtype(f"<u{size}") for size in (1, 2, 4, 8)},
    **{f"INT{8 * size}": np.dtype(f"<i{size}") for size in (1, 2, 4, 8)},
    **{f"FP{8 * size}": np.dtype(f"<f{size}") for size in (2, 4, 8)},
}
#: Datatype by NumPy's one-letter code, of which some types have two.
_NAMES = {code: name for code in "?BHILQbhilqefd" for name, dtype in WIRE.items() if dtype == code}
_BY_KIND = {"number": "FP64", "integer": "INT64", "boolean": "BOOL"}


def _bounds(dtype: np.dtype[Any]) -> tuple[float, float]:
    if dtype.kind == "f":
        largest = float(np.finfo(dtype).max)
        return -largest, largest
    info = np.iinfo(dtype)
    return info.min, info.max


#: Smallest and largest value of the datatypes that hold fewer than JSON does.
BOUNDS = {name: _bounds(d) for name, d in WIRE.items() if d.kind in "iuf" and name != "FP64"}


def of_column(column: Column) -> str:
    """Datatype a column is described with; a request may use another that fits."""
    if column.kind in ("string", "datetime"):
        return BYTES
    if column.kind == "boolean":
        return "BOOL"
    try:
        # pandas writes nullable dtypes, and polars all of them, with a capital
        dtype = np.dtype(column.dtype.lower())
    except TypeError:
        return _BY_KIND[column.kind]
    return of_dtype(dtype) if dtype.kind in "iuf" else _BY_KIND[column.kind]


def of_dtype(dtype: np.dtype[Any]) -> str:
    """Datatype of an output."""
    return _NAMES.get(dtype.char, BYTES)
