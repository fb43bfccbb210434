"""A slow and independent reading of request bodies: what a right 2xx must be made of.

Nothing of :mod:`jupyter_deploy.serving` is used but the words of the signature. The JSON parser is
Python's, not the codec of the endpoint, and every value is looked at for itself.
"""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from jupyter_deploy.serving.policies import Policy
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


@dataclass(frozen=True)
class Held:
    """How a column is held, and what is done with what its sample was not like.

    Attributes
    ----------
    dtype
        Of the engine's array.
    null
        Whether that, or the DataFrame's column, has a form for null.
    policies
        By check.
    text
        Whether values come as text, of a table without types.
    """

    column: Column
    dtype: np.dtype[Any]
    null: bool
    policies: Mapping[str, Policy]
    text: bool = False


def cell(value: Any, held: Held) -> Any:
    """The value as the model must get it; None for null.

    Raises
    ------
    Refused
        When it must not get it.
    """
    column, policies = held.column, held.policies
    if held.text and isinstance(value, str):
        value = _unquoted(value, held)
    if value is not None and value == value:  # noqa: PLR0124  NaN, of a binary tensor
        value = _typed(value, held)
    if value is None or value != value:  # noqa: PLR0124
        return _null(held, column.nullable or policies["null"] == "pass")
    if isinstance(value, float) and math.isinf(value):
        if policies["infinite"] == "coerce":
            return _null(held, True)
        if policies["infinite"] == "reject" and not column.infinite:
            raise Refused("infinite")
        return value
    if column.kind == "datetime":
        return moment(value, held)
    return _usual(number(value, held) if column.kind in ("number", "integer") else value, held)


def _unquoted(text: str, held: Held) -> str | None:
    """Text of a table: none at all is null, but in a column of texts that knows no null."""
    if held.column.kind == "string":
        return text if text or not (held.null and held.column.nullable) else None
    return text if text.strip() else None


def _null(held: Held, allowed: bool) -> None:
    if not (allowed and held.null):
        raise Refused("null")


def _typed(value: Any, held: Held) -> Any:
    """The value in the type of the column."""
    kind = held.column.kind
    lenient = held.text or held.policies["type"] == "coerce"
    if kind == "boolean":
        if lenient and isinstance(value, str):
            return _one_of(
                value.strip().lower(), {"true": True, "1": True, "false": False, "0": False}
            )
        if lenient and _is_number(value):
            return _one_of(value, {0: False, 1: True})
        fits = isinstance(value, bool)
    elif kind in ("string", "datetime"):
        if lenient and kind == "string" and _is_number(value):
            return str(value)
        fits = isinstance(value, str)
    else:
        if lenient and isinstance(value, str):
            value = _numeral(value)
        elif lenient and isinstance(value, bool):
            value = int(value)
        if value is None:
            return None
        whole = isinstance(value, int) or (
            isinstance(value, float) and (math.isinf(value) or _surely_whole(value))
        )
        fits = _is_number(value) and (kind == "number" or whole)
        if fits and kind == "integer" and not (isinstance(value, float) and math.isinf(value)):
            value = int(value)
    if not fits:
        raise Refused(f"{value!r} in a column of kind {kind}")
    return value


def _surely_whole(value: float) -> bool:
    # beyond, the client may have meant another one
    return value.is_integer() and abs(value) <= 2**53


def _one_of(value: Any, values: Mapping[Any, bool]) -> bool:
    if value not in values:
        raise Refused(f"{value!r} is no boolean")
    return values[value]


def _numeral(text: str) -> int | float | None:
    plain = text.strip(" \t\n\r\f\v")
    if plain.lower() == "nan":
        return None
    if re.fullmatch(r"[+-]?inf(inity)?", plain.lower()):
        return float(plain)
    if not re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", plain):
        raise Refused(f"{text!r} is no number")
    if re.fullmatch(r"[+-]?[0-9]+", plain):
        return int(plain)
    return _finite(plain)


def number(value: float, held: Held) -> Any:
    """The nearest number that the dtype holds.

    Raises
    ------
    Refused
        When there is none: it would be infinite, or wrap around.
    """
    column, dtype = held.column, held.dtype
    if column.kind == "integer":
        low, high = _bounds(column.dtype)
        if not low <= value <= high:
            raise Refused(f"{value} is no {column.dtype}")
    try:
        if dtype.kind == "O":
            return float(value) if column.dtype == "float" else value
        with np.errstate(over="ignore"):
            cast = dtype.type(float(value) if dtype.kind == "f" else value)
    except OverflowError as error:
        raise Refused(str(error)) from None
    if not np.isfinite(cast):
        raise Refused(f"{value} is no {dtype}")
    return cast


def _bounds(dtype: str) -> tuple[int, int]:
    """Integers that a column of this dtype holds."""
    if dtype == "int":  # Python's own have no bounds; the codec's end here
        return -(2**63), 2**64 - 1
    own = np.dtype(dtype.lower())
    info = np.iinfo(own if own.kind in "iu" else np.int64)
    return int(info.min), int(info.max)


def _usual(value: Any, held: Held) -> Any:
    """What the policies make of a value that the sample didn't hold."""
    column, policies = held.column, held.policies
    if column.categories is not None and value not in column.categories:
        if policies["category"] == "coerce" and held.null:
            return None
        if policies["category"] != "pass":
            raise Refused(f"{value!r} is no category")
    low, high = column.minimum, column.maximum
    if policies["range"] == "pass" or low is None or high is None:
        return value
    assert not isinstance(low, str)
    assert not isinstance(high, str)
    if low <= value <= high:
        return value
    if policies["range"] == "reject":
        raise Refused(f"{value} is out of range")
    return held.dtype.type(low if value < low else high)


_MOMENT = re.compile(
    r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[T ](?P<minute>[0-9]{2}:[0-9]{2})(?P<second>:[0-9]{2})?(?:[.,](?P<fraction>[0-9]{1,9}))?"
    r"(?P<zone>[Zz]|[+-][0-9]{2}:?[0-5][0-9])?)?"
)


def moment(text: str, held: Held) -> np.datetime64:
    """A point in time in ISO 8601, to the nanosecond; in UTC.

    Raises
    ------
    Refused
        When it is none, or has an offset where the column has no time zone, or the reverse.
    """
    form = _MOMENT.fullmatch(text)
    if form is None or (form["fraction"] and not form["second"]):
        raise Refused(f"{text!r} is no moment")
    zone = (form["zone"] or "").upper().replace("Z", "+00:00")
    aware = "UTC" in held.column.dtype
    if bool(zone) != aware:
        raise Refused("an offset is missing, or one too many")
    try:
        whole = datetime.fromisoformat(
            f"{form['day']}T{form['minute'] or '00:00'}{form['second'] or ':00'}{zone}"
        )
    except ValueError as error:
        raise Refused(str(error)) from None
    seconds = (whole.replace(tzinfo=None) - datetime(1970, 1, 1)) // timedelta(seconds=1)
    seconds -= (whole.utcoffset() or timedelta()) // timedelta(seconds=1)
    count = seconds * 10**9 + int((form["fraction"] or "0").ljust(9, "0"))
    unit = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9}
    size = unit[np.datetime_data(held.dtype)[0]]
    if count % size or not -(2**63) < count // size < 2**63:
        raise Refused(f"{text!r} is beyond {held.dtype}")
    return np.int64(count // size).view(held.dtype)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
