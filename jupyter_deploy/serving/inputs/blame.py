"""Which values of a request made the model raise, if any did.

By default the signature's ranges and categories refuse nothing: they are what the sample held,
not what the model takes. But when the model raises, a value beyond them is suspected: the row of
the warm-up, which the model is known to answer, is tried with that one value in it. If it
raises again, the value is at fault, and the caller is told; else the fault is the model's.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from ..engines import Engine
from ..problems import MAX_CELLS, Cell, InvalidInput
from ..signature import Column
from .cells import describe, one_of


def blame(engine: Engine, answered: Sequence[Any], columns: Sequence[Any]) -> InvalidInput | None:
    """Look for the values that make a model raise.

    Parameters
    ----------
    answered
        Checked values by column (:meth:`.Decoder.columns`), whose first row the model answers.
    columns
        Those it raised on.

    Returns
    -------
    InvalidInput or None
        Naming the values; None when none was found.
    """
    base = [values[:1] for values in answered]
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
    described: list[Column], columns: Sequence[Any]
) -> Iterator[tuple[int, int, Any, str]]:
    """Values beyond what the sample held, by row: row, column, value, and what was expected."""
    found = [
        (row, at, value, expected)
        for at, (column, values) in enumerate(zip(described, columns, strict=True))
        if not column.shape
        for row, value in enumerate(values)
        if (expected := _expected(column, value))
    ]
    yield from sorted(found, key=lambda suspect: suspect[:2])


def _expected(column: Column, value: Any) -> str:
    """What the sample held instead of `value`; empty when it held such values."""
    if value is None:
        return "a value: the model raises on null"
    if column.kind == "datetime":
        return ""
    if type(value) is float and math.isinf(value) and not column.infinite:
        return "a finite number: the model raises on infinity"
    if column.categories is not None and value not in column.categories:
        return one_of([str(c) for c in column.categories])
    low, high = column.minimum, column.maximum
    if column.kind != "integer" or low is None or high is None:
        return ""
    least, most = float(low), float(high)
    return (
        ""
        if least <= value <= most
        else f"an integer from {least:.0f} to {most:.0f}, as in the sample"
    )


def _raises(engine: Engine, columns: list[Any]) -> bool:
    try:
        engine.run(engine.assemble(columns))
    except (Exception, SystemExit):  # noqa: BLE001  whatever the model raises
        return True
    return False
