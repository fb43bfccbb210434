"""A request body cell by cell: columns of checked values, or what is wrong with them.

This is the thorough way in. It takes everything the endpoint takes, does what the policies say,
and names every value it can't take; :mod:`.blocks` and :mod:`.arrays` have the fast ways for
bodies with nothing out of the ordinary, and come here for all others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..problems import Cell, InvalidInput
from .cells import Findings, describe, one_of, short
from .rules import Rule, Rules
from .values import ABSENT, checked

_FORMS = "an array of rows, or an object"


def columns_of(document: Any, rules: Rules, *, by_column: bool = False) -> list[Any]:
    """Bring a decoded body into one list of checked values per column.

    Parameters
    ----------
    document
        Records, one record, a dict of columns, or rows.
    by_column
        Whether an object is known to be of columns: of tensors without rows it doesn't show.

    Returns
    -------
    list
        Values per column, in the order of the signature: a list of int, float, bool, str,
        datetime64 and None for null; for a tensor an array of shape (rows, …). Lists without
        values when there are no rows and the policy lets that pass.

    Raises
    ------
    InvalidInput
        Naming up to :data:`~..problems.MAX_CELLS` values that can't be taken.
    """
    findings = Findings()
    if by_column:
        columns = _from_columns(document, rules, findings)
    else:
        columns = _shape(document, rules, findings)
    rows = max(map(len, columns), default=0)
    if rows > rules.max_rows:
        raise InvalidInput.of([Cell(None, None, f"{rows} rows", f"at most {rules.max_rows} rows")])
    found = [
        (tensor if rule.field.column.shape else checked)(rule, values, findings)
        for rule, values in zip(rules.columns, columns, strict=True)
    ]
    findings.raise_if_any()
    return found


def tensor(rule: Rule, values: Sequence[Any], findings: Findings) -> Any:
    """Check nested values of one tensor and bring them into an array."""
    column = rule.field.column
    dtype = rule.field.dtype or np.dtype(object)
    shape: tuple[int, ...] | None = None
    leaves: list[Any] = []
    owners: list[int] = []
    for row, value in enumerate(values):
        if value is ABSENT:
            continue
        flat = flattened(value, shape or column.shape)
        if flat is None:
            wanted = "" if shape is None else f"; here {' x '.join(map(str, shape))}, as row 0 has"
            findings.add(row, column.name, nested(value), f"{rule.expected}{wanted}")
            continue
        found, shape = flat
        leaves += found
        owners.append(row)
    size = len(leaves) // len(owners) if owners else 0
    inner = Findings()
    good: Sequence[Any] = []
    try:
        good = checked(rule, leaves, inner)
        inner.raise_if_any()
    except InvalidInput as problem:
        for cell in problem.cells:
            # the row there is the place among all leaves
            at = cell.row or 0
            where = np.unravel_index(at % size, shape or (size,))
            place = ", ".join(str(int(i)) for i in where)
            got = f"{cell.got} at [{place}]"
            # the value is one of an array, and what is expected is said of it alone
            expected = cell.expected.replace(rule.expected, rule.field.article, 1)
            findings.add(owners[at // size], column.name, got, expected)
    if findings.cells:
        return []
    array = np.empty(len(good), dtype=object)
    array[:] = good
    if dtype.kind == "f":
        array[[v is None for v in good]] = np.nan
    return array.astype(dtype, copy=False).reshape(len(owners), *(shape or column.shape))


def flattened(value: Any, shape: tuple[int, ...]) -> tuple[list[Any], tuple[int, ...]] | None:
    """Leaves of a nested array in row-major order, and its shape; None when it has another."""
    level = [value]
    found: list[int] = []
    for size in shape:
        first = level[0] if level else []
        length = len(first) if size < 0 and type(first) is list else size
        if any(type(part) is not list or len(part) != length for part in level):
            return None
        level = [leaf for part in level for leaf in part]
        found.append(length)
    return level, tuple(found)


def depth(value: Any, most: int) -> int:
    """How deeply `value` is nested in arrays, at most `most`."""
    deep = 0
    while type(value) is list and deep < most:
        deep += 1
        value = value[0] if value else None
    return deep


def nested(value: Any) -> str:
    """Say which shape an array has, as far as its first elements tell."""
    sizes: list[str] = []
    while type(value) is list and len(sizes) < 8:
        sizes.append(str(len(value)))
        value = value[0] if value else None
    return f"an array of {' x '.join(sizes)}" if sizes else describe(value)


def _shape(document: Any, rules: Rules, findings: Findings) -> list[list[Any]]:
    """Columns of unchecked values, all of one length."""
    if isinstance(document, dict):
        ranks = {rule.field.column.name: len(rule.field.column.shape) for rule in rules.columns}
        # what is left out tells nothing about the others
        telling = document.keys() & ranks.keys() if rules.ignore else document.keys()
        if any(
            type(document[name]) is list and depth(document[name], 9) > ranks.get(name, 0)
            for name in telling or document
        ):
            return _from_columns(document, rules, findings)
        return _from_records([document], rules, findings)
    if not isinstance(document, list):
        raise InvalidInput.of([Cell(None, None, describe(document), _FORMS)])
    if not document:
        if rules.empty:
            return [[] for _ in rules.columns]
        raise InvalidInput.of([Cell(None, None, "an empty array", "at least one row")])
    if isinstance(document[0], dict):
        return _from_records(document, rules, findings)
    return _from_rows(document, rules, findings)


def _from_records(records: Sequence[Any], rules: Rules, findings: Findings) -> list[list[Any]]:
    names = rules.names
    known = frozenset(names)
    fills = {rule.field.column.name for rule in rules.columns if rule.fill}
    for row, record in enumerate(records):
        if not isinstance(record, dict):
            findings.add(row, None, describe(record), "an object, as row 0 is")
        elif record.keys() != known:
            for name in names:
                if name not in record and name not in fills:
                    findings.add(row, name, "nothing", "a value for this column")
            if not rules.ignore:
                for name in record:
                    if name not in known:
                        findings.add(row, short(str(name)), "an unknown column", one_of(names))
    return [
        [record.get(n, ABSENT) if type(record) is dict else ABSENT for record in records]
        for n in names
    ]


def _from_rows(rows: list[Any], rules: Rules, findings: Findings) -> list[list[Any]]:
    width = len(rules.columns)
    if width == 1:
        # the rows of a single tensor may be its values themselves
        rank = len(rules.columns[0].field.column.shape)
        if rank and depth(rows[0], rank + 1) <= rank:
            return [rows]
    expected = f"an array of {width} value{'s' * (width != 1)}, in the order of the columns"
    good: list[list[Any]] = []
    absent: list[Any] = [ABSENT] * width
    for row, values in enumerate(rows):
        if type(values) is list and len(values) == width:
            good.append(values)
        else:
            findings.add(row, None, describe(values), expected)
            good.append(absent)
    return [list(column) for column in zip(*good, strict=True)]


def _from_columns(document: dict[str, Any], rules: Rules, findings: Findings) -> list[list[Any]]:
    names = rules.names
    rows: int | None = None
    first = ""
    for rule, name in zip(rules.columns, names, strict=True):
        values: Any = document.get(name, ABSENT)
        if values is ABSENT:
            if not rule.fill:
                findings.add(None, name, "nothing: the column is missing", "an array of values")
        elif type(values) is not list:
            findings.add(None, name, describe(values), "an array of values")
        elif rows is None:
            rows, first = len(values), name
        elif len(values) != rows:
            findings.add(None, name, describe(values), f"{rows} values, as column {first!r} has")
    if not rules.ignore:
        known = frozenset(names)
        for name in document:
            if name not in known:
                findings.add(None, short(str(name)), "an unknown column", one_of(names))
    if not rows and not findings.cells and not (rules.empty and rows == 0):
        raise InvalidInput.of([Cell(None, None, "columns without values", "at least one row")])
    # ragged or missing columns are reported above; values of the others are still looked at
    absent = [ABSENT] * (rows or 0)
    return [
        values if type(values := document.get(n)) is list else absent if n not in document else []
        for n in names
    ]
