"""A slow and independent reading of request bodies: what a right 2xx must be made of.

Nothing of :mod:`jupyter_deploy.serving` is used but the words of the signature. The JSON parser is
Python's, not the codec of the endpoint, and every value is looked at for itself.
"""

from __future__ import annotations

import json
import math
import sys
from datetime import datetime
from typing import Any

import numpy as np

from jupyter_deploy.serving.signature import Column


class Refused(Exception):  # noqa: N818  an outcome, not an error
    """The body is not one that may be answered."""


def parsed(body: bytes) -> Any:
    """Strict JSON (RFC 8259): UTF-8, no repeated keys, no NaN, no number beyond a double.

    Raises
    ------
    Refused
        For anything else.
    """
    sys.set_int_max_str_digits(0)
    try:
        document = json.loads(
            body.decode(), object_pairs_hook=_distinct, parse_constant=_refuse, parse_float=_finite
        )
        # half of a surrogate pair is no text
        json.dumps(document, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise Refused(str(error)) from None
    return document


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise Refused("a key is given twice")
    return document


def _refuse(constant: str) -> Any:
    raise Refused(f"{constant} is no JSON")


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise Refused(f"no double holds {text}")
    return value


def columns(document: Any, inputs: tuple[Column, ...]) -> list[list[Any]]:
    """Values by column, in the order of the signature, of a ``/predict`` document.

    Raises
    ------
    Refused
        When it has none of the four forms, or names other columns.
    """
    names = [column.name for column in inputs]
    if isinstance(document, dict):
        if any(isinstance(value, list) for value in document.values()):
            return _of_columns(document, names)
        document = [document]
    if not isinstance(document, list) or not document:
        raise Refused("no rows")
    if all(isinstance(row, dict) for row in document):
        if any(set(row) != set(names) for row in document):
            raise Refused("other columns")
        return [[row[name] for row in document] for name in names]
    if any(not isinstance(row, list) or len(row) != len(names) for row in document):
        raise Refused("rows of another length, or no rows at all")
    return [[row[k] for row in document] for k in range(len(names))]


def _of_columns(document: dict[str, Any], names: list[str]) -> list[list[Any]]:
    values = list(document.values())
    if set(document) != set(names) or not all(isinstance(v, list) for v in values):
        raise Refused("other columns")
    if len({len(v) for v in values}) != 1 or not values[0]:
        raise Refused("ragged columns, or empty ones")
    return [document[name] for name in names]


def cell(value: Any, column: Column, dtype: np.dtype[Any], nullable: bool) -> Any:
    """The value as `dtype` holds it, None for null, under the default policies.

    Raises
    ------
    Refused
        When the column can't hold it.
    """
    if value is None or value != value:  # NaN, of a binary tensor  # noqa: PLR0124
        if not nullable:
            raise Refused("null")
        return None
    match column.kind:
        case "boolean":
            fits = isinstance(value, bool)
        case "string" | "datetime":
            fits = isinstance(value, str)
        case "integer":
            fits = _is_number(value) and value == int(value)
        case _:
            fits = _is_number(value)
    if not fits:
        raise Refused(f"{value!r} in a column of kind {column.kind}")
    if column.kind == "datetime":
        return moment(value)
    return number(value, column, dtype) if column.kind in ("number", "integer") else value


def number(value: float, column: Column, dtype: np.dtype[Any]) -> Any:
    """The nearest number that `dtype` holds.

    Raises
    ------
    Refused
        When there is none: it would be infinite, or wrap around.
    """
    if column.kind == "integer":
        value = int(value)
        own = np.dtype(column.dtype.lower())
        info = np.iinfo(own if own.kind in "iu" else np.int64)
        if not info.min <= value <= info.max:
            raise Refused(f"{value} is no {own}")
    try:
        with np.errstate(over="ignore"):
            held = dtype.type(float(value) if dtype.kind == "f" else value)
    except OverflowError as error:
        raise Refused(str(error)) from None
    if not np.isfinite(held):
        raise Refused(f"{value} is no {dtype}")
    return held


def moment(text: str) -> datetime:
    """A point in time in ISO 8601.

    Raises
    ------
    Refused
        When it is none.
    """
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise Refused(str(error)) from None


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
