"""Rows in a type that Python code takes, to one array a column, as ONNX Runtime takes them.

Packaging compares a converted model by this, and behind preprocess it is served by this.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..signature import Column
from .base import Array


def arrays(rows: Any, columns: Sequence[Column]) -> list[Array]:
    """Return one array for each column of rows in any type that a sample has."""
    if isinstance(rows, np.ndarray) and rows.ndim == 2 and not columns[0].shape:
        return [rows[:, i] for i in range(len(columns))]
    if isinstance(rows, dict) or hasattr(rows, "columns"):
        return [_array(rows[c.name], c) for c in columns]
    if isinstance(rows, list) and rows and isinstance(rows[0], dict):
        return [_array([row[c.name] for row in rows], c) for c in columns]
    # one tensor, or one value a row
    (column,) = columns
    return [_array(rows, column)]


def _array(values: Any, column: Column) -> Array:
    if isinstance(values, np.ndarray):
        return values
    dtype: Any = object
    if column.kind in ("number", "integer", "boolean"):
        plain = {"number": np.float64, "integer": None, "boolean": bool}
        dtype = np.float64 if column.nullable else plain[column.kind]
    if isinstance(values, list):
        return np.array(values, dtype=dtype)
    if type(values).__module__.startswith("polars"):
        found: Array = values.to_numpy()
        return found if dtype is None else found.astype(dtype)
    missing = {"na_value": np.nan} if dtype is np.float64 else {}
    array: Array = values.to_numpy(dtype=dtype, **missing)
    return array
