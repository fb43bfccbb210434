"""A request body cell by cell: columns of checked values, or what is wrong with them.

This is the thorough way in. It takes everything the endpoint takes and names every value it
can't take; :mod:`.decode` has the fast way for bodies of numbers and comes here when that fails.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from .problems import MAX_CELLS, Cell, InvalidInput
from .signature import Column, Kind

_TYPES: dict[Kind, frozenset[type]] = {
    "number": frozenset((int, float)),
    "integer": frozenset((int,)),
    "boolean": frozenset((bool,)),
    "string": frozenset((str,)),
}
_ARTICLES: dict[Kind, str] = {
    "number": "a number",
    "integer": "an integer",
    "boolean": "true or false",
    "string": "a string",
}
#: Longest piece of a value that an answer repeats.
_SHOWN = 40


class _Absent:
    """Stands in a column where a row has no value; already reported."""


_ABSENT = _Absent()


@dataclass(frozen=True)
class Field:
    """A column as one engine takes it.

    Attributes
    ----------
    column
        From the signature.
    low, high
        Bounds of the values that the engine's type can hold, inclusive.
    nullable
        Whether null may be sent.
    """

    column: Column
    low: float
    high: float
    nullable: bool

    @property
    def expected(self) -> str:
        """What a value must be, in words."""
        null = " or null" if self.nullable else ""
        return f"{_ARTICLES[self.column.kind]}{null}"

    @property
    def bounded(self) -> str:
        """The same, with the bounds."""
        low, high = (
            (str(int(self.low)), str(int(self.high)))
            if self.column.kind == "integer"
            else (f"{self.low:.6g}", f"{self.high:.6g}")
        )
        return f"{self.expected} from {low} to {high}"


class _Findings:
    """Cells at fault, up to the number an answer names."""

    def __init__(self) -> None:
        self.cells: list[Cell] = []

    def add(self, row: int | None, column: str | None, got: str, expected: str) -> None:
        """Note a cell; one too many and the search ends, however long the body is."""
        if len(self.cells) == MAX_CELLS:
            self._raise(more=True)
        self.cells.append(Cell(row, column, got, expected))

    def raise_if_any(self) -> None:
        if self.cells:
            self._raise(more=False)

    def _raise(self, more: bool) -> NoReturn:
        # by row; what is about no row in particular comes first
        self.cells.sort(key=lambda cell: -1 if cell.row is None else cell.row)
        raise InvalidInput.of(self.cells, more)


def columns_of(
    document: Any, fields: Sequence[Field], *, lenient: bool = False
) -> list[list[Any]]:
    """Bring a decoded body into one list of checked values per column.

    Parameters
    ----------
    document
        Records, one record, a dict of columns, or rows.
    fields
        Columns in the order of the signature.

    Returns
    -------
    list of list
        Values per column: int, float, bool, str, and None for null.

    Raises
    ------
    InvalidInput
        Naming up to :data:`~.problems.MAX_CELLS` values that can't be taken.
    """
    findings = _Findings()
    columns = _shape(document, fields, findings)
    checked = [_check(f, v, findings) for f, v in zip(fields, columns, strict=True)]
    findings.raise_if_any()
    return checked


def describe(value: Any) -> str:
    """Say what a JSON value is, in words, never longer than a line."""
    match value:
        case None | bool():
            said = {None: "null", True: "true", False: "false"}[value]
        case str():
            said = f"the string {_short(value)!r}"
        case list():
            said = f"an array of {len(value)} value{'s' * (len(value) != 1)}"
        case dict():
            said = "an object"
        case _:
            said = f"the number {value!r}"
    return said


def _shape(document: Any, fields: Sequence[Field], findings: _Findings) -> list[list[Any]]:
    """Columns of unchecked values, all of one length."""
    if isinstance(document, dict):
        if any(type(value) is list for value in document.values()):
            return _from_columns(document, fields, findings)
        return _from_records([document], fields, findings)
    if not isinstance(document, list):
        raise InvalidInput.of(
            [Cell(None, None, describe(document), "an array of rows, or an object")]
        )
    if not document:
        raise InvalidInput.of([Cell(None, None, "an empty array", "at least one row")])
    if isinstance(document[0], dict):
        return _from_records(document, fields, findings)
    return _from_rows(document, fields, findings)


def _from_records(
    records: Sequence[Any], fields: Sequence[Field], findings: _Findings
) -> list[list[Any]]:
    names = [field.column.name for field in fields]
    known = frozenset(names)
    for row, record in enumerate(records):
        if not isinstance(record, dict):
            findings.add(row, None, describe(record), "an object, as row 0 is")
        elif record.keys() != known:
            for name in names:
                if name not in record:
                    findings.add(row, name, "nothing", "a value for this column")
            for name in record:
                if name not in known:
                    findings.add(row, name[:_SHOWN], "an unknown column", one_of(names))
    return [
        [record.get(n, _ABSENT) if type(record) is dict else _ABSENT for record in records]
        for n in names
    ]


def _from_rows(rows: list[Any], fields: Sequence[Field], findings: _Findings) -> list[list[Any]]:
    width = len(fields)
    expected = f"an array of {width} value{'s' * (width != 1)}, in the order of the columns"
    good: list[list[Any]] = []
    absent: list[Any] = [_ABSENT] * width
    for row, values in enumerate(rows):
        if type(values) is list and len(values) == width:
            good.append(values)
        else:
            findings.add(row, None, describe(values), expected)
            good.append(absent)
    return [list(column) for column in zip(*good, strict=True)]


def _from_columns(
    document: dict[str, Any], fields: Sequence[Field], findings: _Findings
) -> list[list[Any]]:
    names = [field.column.name for field in fields]
    rows: int | None = None
    first = ""
    for name in names:
        values = document.get(name, _ABSENT)
        if values is _ABSENT:
            findings.add(None, name, "nothing: the column is missing", "an array of values")
        elif type(values) is not list:
            findings.add(None, name, describe(values), "an array of values")
        elif rows is None:
            rows, first = len(values), name
        elif len(values) != rows:
            findings.add(None, name, describe(values), f"{rows} values, as column {first!r} has")
    for name in document:
        if name not in names:
            findings.add(None, name[:_SHOWN], "an unknown column", one_of(names))
    if rows == 0 and not findings.cells:
        raise InvalidInput.of([Cell(None, None, "columns without values", "at least one row")])
    # ragged or missing columns are reported above; values of the others are still looked at
    return [v if type(v := document.get(name)) is list else [] for name in names]


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def one_of(names: Sequence[str]) -> str:
    """Say which names there are, the first five of them."""
    shown = ", ".join(repr(_short(name)) for name in names[:5])
    return f"one of {shown}{f' and {len(names) - 5} others' if len(names) > 5 else ''}"


def _check(field: Field, values: list[Any], findings: _Findings) -> list[Any]:
    types = set(map(type, values))
    allowed = _TYPES[field.column.kind]
    if types <= allowed and _within(field, values, types):
        return values
    return [_cell(field, row, value, findings) for row, value in enumerate(values)]


def _within(field: Field, values: list[Any], types: set[type]) -> bool:
    if field.column.kind in ("boolean", "string") or not values:
        return True
    if math.isinf(field.high) or (types == {int} and field.high > 2.0**64):
        return True
    return bool(field.low <= min(values) and max(values) <= field.high)


def _cell(field: Field, row: int, value: Any, findings: _Findings) -> Any:
    kind = field.column.kind
    if value is _ABSENT or (value is None and field.nullable):
        return None
    # 3.0 is the integer 3 written by a client that knows only floats
    whole = kind == "integer" and type(value) is float and value.is_integer()
    if type(value) not in _TYPES[kind] and not whole:
        findings.add(row, field.column.name, describe(value), field.expected)
    elif kind in ("number", "integer") and not field.low <= value <= field.high:
        findings.add(row, field.column.name, describe(value), field.bounded)
    return int(value) if whole else value
