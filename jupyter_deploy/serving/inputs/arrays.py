"""Arrays, as binary protocols carry them, to the arrays that an engine takes.

Whole arrays are looked at, never their values one by one, and an array that is as the engine
wants it is not copied. As in :mod:`.blocks`, None stands for whatever needs the thorough way.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..problems import Cell, InvalidInput
from .rules import EXACT, Rule

Array = np.ndarray[Any, Any]


def taken(rule: Rule, array: Array) -> Array | None:
    """Return the array in the engine's dtype, of shape (rows, *column.shape)."""
    shape = rule.field.column.shape
    if not shape and array.ndim == 2 and array.shape[1] == 1:
        array = array.reshape(-1)
    if array.ndim != 1 + len(shape) or any(
        wanted not in (-1, got) for wanted, got in zip(shape, array.shape[1:], strict=True)
    ):
        return None
    return _values(rule, array)


def matrix_taken(rule: Rule, matrix: Array) -> Array | None:
    """Return a matrix of columns that are all as `rule` says, in the engine's dtype."""
    return _values(rule, matrix)


def listed(array: Array) -> list[Any]:
    """Values for the thorough way: Python's own, but for dates."""
    if array.dtype.kind != "M":
        values: list[Any] = array.tolist()
        return values
    return [listed(part) for part in array] if array.ndim > 1 else list(array)


def texts(name: str, array: Array) -> Array:
    """Decode an array of bytes; any other is returned as it is.

    Raises
    ------
    InvalidInput
        Naming the row that is not UTF-8.
    """
    if array.dtype.kind == "S":
        array = array.astype(object)
    elif array.dtype.kind != "O" or not any(type(v) is bytes for v in array.reshape(-1)):
        return array
    decoded = np.empty(array.size, dtype=object)
    for i, value in enumerate(array.reshape(-1)):
        try:
            decoded[i] = value.decode() if type(value) is bytes else value
        except UnicodeDecodeError:
            row = i * len(array) // array.size
            got = f"bytes that are no text: {value[:20]!r}"
            raise InvalidInput.of([Cell(row, name, got, "UTF-8")]) from None
    return decoded.reshape(array.shape)


def _values(rule: Rule, array: Array) -> Array | None:
    field = rule.field
    dtype = field.dtype
    if dtype is None:
        return None
    match field.column.kind:
        case "number":
            found = _numbers(rule, array, dtype)
        case "integer":
            found = _integers(rule, array, dtype)
        case "boolean":
            found = array.astype(dtype, copy=False) if array.dtype.kind == "b" else None
        case "datetime":
            found = _datetimes(rule, array)
        case _:
            found = _strings(rule, array)
    return found


def _numbers(rule: Rule, array: Array, dtype: np.dtype[Any]) -> Array | None:
    if array.dtype.kind not in "fiu" or rule.known is not None:
        return None
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        if np.isnan(array).any() and not rule.nullable:
            return None
        if np.isinf(array).any() and rule.infinite != "pass":
            return None
    if array.dtype == dtype:
        cast = array
    else:
        with np.errstate(over="ignore"):
            cast = array.astype(dtype)
        # what was finite and is no longer does not fit
        if dtype.kind == "f" and not (np.isinf(cast) == np.isinf(array)).all():
            return None
    # a nullable Float32 is read as float64, and cut only later
    high = rule.field.high
    if (
        dtype == np.float64
        and np.isfinite(high)
        and (np.abs(array[np.isfinite(array)]) > high).any()
    ):
        return None
    return cast if _inside(rule, array) else None


def _integers(rule: Rule, array: Array, dtype: np.dtype[Any]) -> Array | None:
    kind = array.dtype.kind
    if kind not in "fiu" or rule.known is not None:
        return None
    low, high = rule.field.limits
    if kind == "f":
        # floats that are whole are integers; beyond 2**53 nobody knows which
        low, high = max(low, -EXACT), min(high, EXACT)
        fits = (array == np.floor(array)) & (array >= low) & (array <= high)
        if not fits.all():
            return None
    elif array.size and not (low <= int(array.min()) and int(array.max()) <= high):
        return None
    return array.astype(dtype, copy=False) if _inside(rule, array) else None


def _inside(rule: Rule, array: Array) -> bool:
    # in the array's own precision: a float32 may stand a little beside the float64 it was
    return rule.low is None or not ((array < rule.low) | (array > rule.high)).any()


def _strings(rule: Rule, array: Array) -> Array | None:
    if array.dtype.kind not in "OU" or rule.field.dtype != object:
        return None
    array = array.astype(object, copy=False)
    found = set(map(type, array.reshape(-1)))
    if not found <= ({str, type(None)} if rule.nullable else {str}):
        return None
    if rule.known is None:
        return array
    return array if rule.known.issuperset(v for v in array.reshape(-1) if v is not None) else None


def _datetimes(rule: Rule, array: Array) -> Array | None:
    if array.dtype.kind != "M":
        return None
    found = rule.field.moments.cast(array)
    if found is None or (np.isnat(found).any() and not rule.nullable):
        return None
    return found.astype(rule.field.dtype, copy=False) if _inside(rule, found) else None
