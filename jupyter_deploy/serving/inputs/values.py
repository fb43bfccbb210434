"""Values of one column under its rule: checked, and changed where the rule says so."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from operator import ne
from typing import Any, Final

import numpy as np

from ..signature import Kind
from .cells import Findings, between, describe, one_of
from .rules import EXACT, Rule

TYPES: Final[dict[Kind, frozenset[type]]] = {
    "number": frozenset((int, float)),
    "integer": frozenset((int,)),
    "boolean": frozenset((bool,)),
    "string": frozenset((str,)),
    "datetime": frozenset((np.datetime64,)),
}
_NUMERAL = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?\s*", re.ASCII)
_INFINITE = re.compile(r"\s*[+-]?inf(inity)?\s*", re.ASCII | re.IGNORECASE)
#: Longest text that is read as a number.
_LONGEST = 400
_TRUTHS = {"true": True, "false": False, "1": True, "0": False}


class Absent:
    """Stands in a column where a row has no value; already reported, or to be null."""


ABSENT: Final = Absent()
#: What no reading of a value returns.
_WRONG: Final = object()


def checked(rule: Rule, values: Sequence[Any], findings: Findings) -> Sequence[Any]:
    """Return the values as the engine may have them: int, float, bool, str, datetime64, None.

    What can't be taken is noted in `findings`, with its position as the row.
    """
    if _fit(rule, values):
        return values
    return [_cell(rule, row, value, findings) for row, value in enumerate(values)]


def _fit(rule: Rule, values: Sequence[Any]) -> bool:
    """True when nothing is to be done: the usual case, in a few passes at the speed of C."""
    kind = rule.field.column.kind
    types = set(map(type, values))
    if not types <= TYPES[kind] or rule.blank or not rule.plain:
        return False
    if kind in ("boolean", "string") or not values:
        return True
    if kind == "datetime" or any(map(ne, values, values)):
        return False
    low, high = rule.field.limits
    return bool(low <= min(values) and max(values) <= high)


def _cell(rule: Rule, row: int, value: Any, findings: Findings) -> Any:
    if value is ABSENT:
        return None
    field = rule.field
    read = None if value is None else _READERS[field.column.kind](rule, value)
    expected = ""
    if read is None:
        expected = "" if rule.nullable else rule.expected
    elif read is _WRONG:
        expected = rule.expected
    elif type(read) is float and math.isinf(read):
        if rule.infinite == "coerce" and field.holds_null:
            read = None
        elif rule.infinite != "pass":
            expected = f"{rule.expected}, finite"
    elif read is _TOO_FAR or (type(read) in (int, float) and not field.holds(read)):
        expected = rule.bounded
    elif not rule.plain:
        return _usual(rule, row, read, findings)
    if not expected:
        return read
    findings.add(row, field.column.name, describe(value), expected)
    return None


def _usual(rule: Rule, row: int, value: Any, findings: Findings) -> Any:
    """Hold a good value against what the sample held."""
    column = rule.field.column
    if rule.known is not None and value not in rule.known:
        if rule.category == "coerce" and rule.field.holds_null:
            return None
        findings.add(row, column.name, describe(value), one_of(column.categories or ()))
        return None
    if rule.low is None or rule.low <= value <= rule.high:
        return value
    if rule.range == "coerce":
        return rule.low if value < rule.low else rule.high
    if column.kind == "datetime":
        where = f"from {column.minimum} to {column.maximum}"
    else:
        where = between(rule.low, rule.high, whole=column.kind == "integer")
    findings.add(
        row, column.name, describe(value), f"{rule.field.article} {where}, as in the sample"
    )
    return None


def _number(rule: Rule, value: Any) -> Any:
    if type(value) in (int, float):
        return None if type(value) is float and math.isnan(value) else value
    if not rule.convert:
        return _WRONG
    if type(value) is bool:
        return int(value)
    return _numeral(rule, value) if type(value) is str else _WRONG


def _integer(rule: Rule, value: Any) -> Any:
    read = _number(rule, value)
    if type(read) is float:
        # 3.0 is the integer 3 written by a client that knows only floats; beyond 2**53 every float
        # is whole, whatever was written or meant
        low, high = rule.field.limits
        sure = abs(read) <= EXACT or not low <= read <= high  # refused for its size then
        return int(read) if read.is_integer() and sure else _WRONG
    return read


def _numeral(rule: Rule, text: str) -> Any:
    """Text as a number: the nearest float, or the very integer."""
    if len(text) > _LONGEST:
        return _WRONG
    if _NUMERAL.fullmatch(text):
        try:
            return int(text)
        except ValueError:
            value = float(text)
            # an exponent too large is no infinity that somebody meant
            return _WRONG if math.isinf(value) else value
    if _INFINITE.fullmatch(text):
        return float(text)
    plain = text.strip().lower()
    return None if (not plain and rule.blank) or plain == "nan" else _WRONG


def _boolean(rule: Rule, value: Any) -> Any:
    if type(value) is bool:
        return value
    if type(value) is float and math.isnan(value):
        return None
    if not rule.convert:
        return _WRONG
    if type(value) in (int, float) and value in (0, 1):
        return value == 1
    if type(value) is not str:
        return _WRONG
    plain = value.strip().lower()
    return None if not plain and rule.blank else _TRUTHS.get(plain, _WRONG)


def _string(rule: Rule, value: Any) -> Any:
    if type(value) is str:
        # where null can't be, empty text is text
        return None if not value and rule.blank and rule.nullable else value
    if type(value) is float and math.isnan(value):
        return None
    return str(value) if rule.convert and type(value) in (int, float) else _WRONG


def _datetime(rule: Rule, value: Any) -> Any:
    moments = rule.field.moments
    if type(value) is str:
        if not value and rule.blank:
            return None
        try:
            count = moments.read(value, rule.convert)
        except OverflowError:
            return _TOO_FAR
        return _WRONG if count is None else moments.scalar(count)
    if type(value) is np.datetime64:
        cast = moments.cast(np.asarray([value]))
        found = _TOO_FAR if cast is None else cast[0]
        return None if np.isnat(value) else found
    return None if type(value) is float and math.isnan(value) else _WRONG


#: A date and time that the column can't hold.
_TOO_FAR: Final = object()
_READERS: dict[Kind, Callable[[Rule, Any], Any]] = {
    "number": _number,
    "integer": _integer,
    "boolean": _boolean,
    "string": _string,
    "datetime": _datetime,
}
