"""Which values of a request made the model raise, if any did.

The signature's ranges and categories are what the sample held, not what the model takes, so
they refuse nothing. But when the model raises, a value beyond them is suspected: the row of
the warm-up, which the model is known to answer, is tried with that one value in it. If it
raises again, the value is at fault, and the caller is told; else the fault is the model's.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .cells import columns_of, describe, one_of
from .engines import Engine
from .problems import MAX_CELLS, Cell, InvalidInput
from .signature import Column


def blame(engine: Engine, answered: Any, document: Any) -> InvalidInput | None:
    """Look for the values that make a model raise.

    Parameters
    ----------
    answered
        A body whose first row the model answers.
    document
        The decoded body it raised on; it matches the signature.

    Returns
    -------
    InvalidInput or None
        Naming the values; None when none was found.
    """
    base = [values[:1] for values in columns_of(answered, engine.fields)]
    columns = columns_of(document, engine.fields)
    verdicts: dict[tuple[int, Any], bool] = {}
    cells: list[Cell] = []
    for row, at, value, expected in _suspects([f.column for f in engine.fields], columns):
        if (at, value) not in verdicts:
            if len(verdicts) == MAX_CELLS:
                continue
            verdicts[at, value] = _raises(engine, [*base[:at], [value], *base[at + 1 :]])
        if verdicts[at, value]:
            if len(cells) == MAX_CELLS:
                return InvalidInput.of(cells, more=True)
            name = engine.fields[at].column.name
            cells.append(Cell(row, name, describe(value), expected))
    return InvalidInput.of(cells) if cells else None


def _suspects(
    described: list[Column], columns: list[list[Any]]
) -> Iterator[tuple[int, int, Any, str]]:
    """Values beyond what the sample held, by row: row, column, value, and what was expected."""
    found = [
        (row, at, value, expected)
        for at, (column, values) in enumerate(zip(described, columns, strict=True))
        for row, value in enumerate(values)
        if (expected := _expected(column, value))
    ]
    yield from sorted(found, key=lambda suspect: suspect[:2])


def _expected(column: Column, value: Any) -> str:
    """What the sample held instead of `value`; empty when it held such values."""
    if value is None:
        return "a value: the model raises on null"
    if column.categories is not None and value not in column.categories:
        return one_of([str(c) for c in column.categories])
    low, high = column.minimum, column.maximum
    if column.kind != "integer" or low is None or high is None or low <= value <= high:
        return ""
    return f"an integer from {low:.0f} to {high:.0f}, as in the sample"


def _raises(engine: Engine, columns: list[list[Any]]) -> bool:
    try:
        engine.run(engine.assemble(columns))
    except (Exception, SystemExit):  # noqa: BLE001  whatever the model raises
        return True
    return False
