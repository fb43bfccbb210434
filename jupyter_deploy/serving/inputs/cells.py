"""Columns as an engine takes them, and the words for values that it can't take."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NoReturn

import numpy as np

from ..problems import MAX_CELLS, Cell, InvalidInput
from ..signature import Column, Kind
from .moments import Moments

_ARTICLES: dict[Kind, str] = {
    "number": "a number",
    "integer": "an integer",
    "boolean": "true or false",
    "string": "a string",
}
#: Longest piece of a value that an answer repeats.
_SHOWN = 40


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
        Whether null may be sent: the sample held nulls, and the engine's type holds null.
    dtype
        Of the array that the engine takes for this column, ``object`` for strings and for
        whatever needs a null that numpy has no form for; None when the engine takes no arrays.
    null
        Whether the engine's type holds null at all; None when only `nullable` is known.
    """

    column: Column
    low: float
    high: float
    nullable: bool
    dtype: np.dtype[Any] | None = None
    null: bool | None = None

    @property
    def holds_null(self) -> bool:
        """Whether the engine's type has a form for null."""
        return self.nullable if self.null is None else self.null

    @cached_property
    def moments(self) -> Moments:
        """How a column of dates or times holds them."""
        return Moments.of(self.column.dtype, self.column.minimum)

    @property
    def limits(self) -> tuple[float, float]:
        """Bounds of finite values."""
        largest = sys.float_info.max
        return max(self.low, -largest), min(self.high, largest)

    def holds(self, number: float) -> bool:
        """Whether a finite number fits."""
        low, high = self.limits
        return low <= number <= high

    @property
    def article(self) -> str:
        """What a single value must be, in words."""
        kind = self.column.kind
        return self.moments.expected if kind == "datetime" else _ARTICLES[kind]

    @property
    def bounded(self) -> str:
        """The same, with the bounds."""
        kind = self.column.kind
        if kind == "datetime":
            return self.moments.bounded
        return f"{self.article} {between(*self.limits, whole=kind == 'integer')}"


class Findings:
    """Cells at fault, up to the number an answer names."""

    def __init__(self) -> None:
        self.cells: list[Cell] = []

    def add(self, row: int | None, column: str | None, got: str, expected: str) -> None:
        """Note a cell; one too many and the search ends, however long the body is."""
        if len(self.cells) == MAX_CELLS:
            self._raise(more=True)
        self.cells.append(Cell(row, column, got, expected))

    def raise_if_any(self) -> None:
        """Raise what was found."""
        if self.cells:
            self._raise(more=False)

    def _raise(self, more: bool) -> NoReturn:
        # by row; what is about no row in particular comes first
        self.cells.sort(key=lambda cell: -1 if cell.row is None else cell.row)
        raise InvalidInput.of(self.cells, more)


def between(low: float, high: float, whole: bool = False) -> str:
    """Say from where to where numbers go."""
    shown = (str(int(low)), str(int(high))) if whole else (f"{low:.6g}", f"{high:.6g}")
    return f"from {shown[0]} to {shown[1]}"


def describe(value: Any) -> str:
    """Say what a value is, in words, never longer than a line."""
    match value:
        case None | bool():
            said = {None: "null", True: "true", False: "false"}[value]
        case str():
            said = f"the string {short(value)!r}"
        case list() | tuple():
            said = f"an array of {len(value)} value{'s' * (len(value) != 1)}"
        case dict():
            said = "an object"
        case np.datetime64():
            said = f"the date {str(value)!r}"
        case float() if math.isnan(value):
            said = "NaN"
        case float() if abs(value) > sys.float_info.max:
            said = "infinity" if value > 0 else "minus infinity"
        case int() if value.bit_length() > 1000:
            said = f"an integer of {value.bit_length()} bits"
        case _:
            said = f"the number {value!r}"
    return said


def short(text: str) -> str:
    """Cut what would fill an answer."""
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def one_of(names: Sequence[Any]) -> str:
    """Say which names there are, the first five of them."""
    shown = ", ".join(repr(short(n) if isinstance(n, str) else n) for n in names[:5])
    return f"one of {shown}{f' and {len(names) - 5} others' if len(names) > 5 else ''}"
