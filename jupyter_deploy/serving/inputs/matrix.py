"""The fast way in for bodies of numbers only: straight to one array of floats.

It knows that a body is right, not what is wrong with one: None stands for whatever is not as the
signature says, or needs a policy, and :mod:`.documents` looks at it again.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from itertools import chain
from operator import itemgetter, le
from typing import Any

import numpy as np

from .rules import EXACT, Rule

_NUMBERS = frozenset((int, float))
_NUMBERS_OR_NULL = frozenset((int, float, type(None)))
#: Codes of :mod:`struct` for the floats it can pack.
CODES = {np.dtype(np.float32): "f", np.dtype(np.float64): "d"}

Array = np.ndarray[Any, Any]
Take = Callable[[Any], Sequence[Any]]


def taker(keys: Sequence[Any]) -> Take:
    """Return a function that takes these of a record or a row, at the speed of C."""
    if len(keys) > 1:
        return itemgetter(*keys)
    (key,) = keys
    # of a single one itemgetter returns the bare value
    return lambda row: (row[key],)


def narrowed(wide: Array, dtype: np.dtype[Any]) -> Array | None:
    """Cast finite float64 to a float `dtype`; None when that doesn't hold all of them."""
    if dtype == np.float64:
        return wide
    with np.errstate(over="ignore"):
        narrow = wide.astype(dtype)
    return None if np.isinf(narrow).any() else narrow


class FloatMatrix:
    """Documents of numbers to one float array; None where there is anything else to it."""

    def __init__(self, rules: Sequence[Rule], dtype: np.dtype[Any]) -> None:
        names = [rule.field.column.name for rule in rules]
        self._dtype = dtype
        self._width = len(rules)
        self._values = taker(names)
        # "=": without it struct turns what a float32 can't hold into infinity
        self._pack = struct.Struct(f"={self._width}{CODES[dtype]}").pack
        nullable = [rule.nullable for rule in rules]
        self._allowed = _NUMBERS_OR_NULL if any(nullable) else _NUMBERS
        self._required = None if not any(nullable) else np.flatnonzero(~np.array(nullable))
        integers = [i for i, r in enumerate(rules) if r.field.column.kind == "integer"]
        self._integers = np.array(integers) if integers else None
        # beyond 2**53 a float64 is blurred: what is there is looked at thoroughly
        self._low = np.array([max(rules[i].field.low, -EXACT) for i in integers])
        self._high = np.array([min(rules[i].field.high, EXACT) for i in integers])
        ranged = [i for i, r in enumerate(rules) if r.low is not None]
        self._ranged = np.array(ranged) if ranged else None
        self._least = np.array([rules[i].low for i in ranged])
        self._most = np.array([rules[i].high for i in ranged])
        self._plain = not integers and not ranged
        # the same for one row, column by column
        self._from = [-np.inf if rule.low is None else rule.low for rule in rules]
        self._to = [np.inf if rule.low is None else rule.high for rule in rules]

    @staticmethod
    def fits(rules: Sequence[Rule], dtype: np.dtype[Any] | None) -> bool:
        """Whether there is such a way for these columns."""
        return dtype in CODES and all(
            r.field.column.kind in ("number", "integer")
            and not r.field.column.shape
            and r.known is None
            for r in rules
        )

    def matrix(self, document: Any) -> Array | None:
        """Return the array of shape (rows, columns), or None when the fast way doesn't do."""
        values = self._flat(document)
        if not values or not self._allowed.issuperset(map(type, values)):
            return None
        if len(values) == self._width and self._integers is None:
            try:
                # refuses what doesn't fit a float32, and null
                packed = self._pack(*values)
            except (OverflowError, struct.error):
                return self._array(values) if self._required is not None else None
            if not self._plain and not (
                all(map(le, self._from, values)) and all(map(le, values, self._to))
            ):
                return None
            return np.frombuffer(packed, self._dtype).reshape(1, self._width)
        return self._array(values)

    def _flat(self, document: Any) -> Sequence[Any] | None:
        """All values in the order of rows, None for any other shape."""
        width = self._width
        if type(document) is dict:
            if type(next(iter(document.values()), None)) is list:
                return self._by_row(document)
            document = (document,)
        elif type(document) is not list or not document:
            return None
        kind = type(document[0])
        if kind is not dict and kind is not list:
            return None
        if not all(type(row) is kind and len(row) == width for row in document):
            return None
        if kind is dict:
            try:
                document = [self._values(record) for record in document]
            except KeyError:
                return None
        return document[0] if len(document) == 1 else list(chain.from_iterable(document))

    def _by_row(self, document: dict[str, Any]) -> Sequence[Any] | None:
        """All values of a dict of columns, in the order of rows."""
        if len(document) != self._width:
            return None
        try:
            columns = self._values(document)
        except KeyError:
            return None
        if not all(type(c) is list for c in columns) or len(set(map(len, columns))) != 1:
            return None
        return list(chain.from_iterable(zip(*columns, strict=True)))

    def _array(self, values: Sequence[Any]) -> Array | None:
        # float64 first: null becomes NaN, and what float32 can't hold is seen before it is cut
        try:
            wide = np.array(values, dtype=np.float64).reshape(-1, self._width)
        except OverflowError:
            return None
        return narrowed(wide, self._dtype) if self._right(wide) else None

    def _right(self, wide: Array) -> bool:
        """Whether nulls are where they may be, integers whole and in bounds, ranges kept."""
        if self._required is None:
            fits = bool(np.isfinite(wide).all())
        else:
            fits = not (np.isnan(wide[:, self._required]).any() or np.isinf(wide).any())
        if fits and self._integers is not None:
            whole = wide[:, self._integers]
            good = (whole == np.floor(whole)) & (whole >= self._low) & (whole <= self._high)
            fits = bool((good | np.isnan(whole)).all())
        if fits and self._ranged is not None:
            ranged = wide[:, self._ranged]
            fits = not ((ranged < self._least) | (ranged > self._most)).any()
        return fits
