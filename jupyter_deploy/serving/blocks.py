"""The fast ways in: bodies of the right types straight to arrays, without a look at each cell.

They know that a body is right, not what is wrong with one: they return None for whatever is not
as the signature says, or needs a policy, and :mod:`.documents` looks at it again.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any

import numpy as np

from .moments import NAT
from .rules import Rule
from .values import TYPES

_NUMBERS = frozenset((int, float))
_NUMBERS_OR_NULL = frozenset((int, float, type(None)))
_CODES = {np.dtype(np.float32): "f", np.dtype(np.float64): "d"}

Array = np.ndarray[Any, Any]
Take = Callable[[Any], Sequence[Any]]


def _taker(keys: Sequence[Any]) -> Take:
    """Return a function that takes these of a record or a row, at the speed of C."""
    if len(keys) > 1:
        return itemgetter(*keys)
    (key,) = keys
    # of a single one itemgetter returns the bare value
    return lambda row: (row[key],)


class FloatMatrix:
    """Documents of numbers to one float array; None where there is anything else to it."""

    def __init__(self, rules: Sequence[Rule], dtype: np.dtype[Any]) -> None:
        names = [rule.field.column.name for rule in rules]
        self._dtype = dtype
        self._width = len(rules)
        self._values = _taker(names)
        # "=": without it struct turns what a float32 can't hold into infinity
        self._pack = struct.Struct(f"={self._width}{_CODES[dtype]}").pack
        nullable = [rule.nullable for rule in rules]
        self._allowed = _NUMBERS_OR_NULL if any(nullable) else _NUMBERS
        self._required = None if not any(nullable) else np.flatnonzero(~np.array(nullable))
        integers = [i for i, r in enumerate(rules) if r.field.column.kind == "integer"]
        self._integers = np.array(integers) if integers else None
        self._low = np.array([rules[i].field.low for i in integers])
        self._high = np.array([rules[i].field.high for i in integers])
        ranged = [i for i, r in enumerate(rules) if r.low is not None]
        self._ranged = np.array(ranged) if ranged else None
        self._least = np.array([rules[i].low for i in ranged])
        self._most = np.array([rules[i].high for i in ranged])
        self._plain = not integers and not ranged

    @staticmethod
    def fits(rules: Sequence[Rule], dtype: np.dtype[Any] | None) -> bool:
        """Whether there is such a way for these columns."""
        return dtype in _CODES and all(
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
        if len(values) == self._width and self._plain:
            try:
                # refuses what doesn't fit a float32, and null
                packed = self._pack(*values)
            except (OverflowError, struct.error):
                return self._array(values) if self._required is not None else None
            return np.frombuffer(packed, self._dtype).reshape(1, self._width)
        return self._array(values)

    def _flat(self, document: Any) -> Sequence[Any] | None:
        """All values in the order of rows, None for any other shape."""
        width = self._width
        if type(document) is dict:
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

    def _array(self, values: Sequence[Any]) -> Array | None:
        # float64 first: null becomes NaN, and what float32 can't hold is seen before it is cut
        try:
            wide = np.array(values, dtype=np.float64).reshape(-1, self._width)
        except OverflowError:
            return None
        if self._required is None:
            if not np.isfinite(wide).all():
                return None
        elif np.isnan(wide[:, self._required]).any() or np.isinf(wide).any():
            return None
        if self._integers is not None:
            whole = wide[:, self._integers]
            fits = (whole == np.floor(whole)) & (whole >= self._low) & (whole <= self._high)
            if not (fits | np.isnan(whole)).all():
                return None
        if self._ranged is not None:
            ranged = wide[:, self._ranged]
            if ((ranged < self._least) | (ranged > self._most)).any():
                return None
        if self._dtype == np.float64:
            return wide
        with np.errstate(over="ignore"):
            narrow = wide.astype(np.float32)
        return None if np.isinf(narrow).any() else narrow


class Blocks:
    """Documents of scalars of several kinds to one array a column, by blocks of like columns."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._width = len(rules)
        groups: dict[Any, list[int]] = {}
        for i, rule in enumerate(rules):
            groups.setdefault(_likeness(rule, i), []).append(i)
        self._groups = [_group([rules[i] for i in places]) for places in groups.values()]
        names = [rule.field.column.name for rule in rules]
        self._by_name = [_taker([names[i] for i in places]) for places in groups.values()]
        self._by_place = [_taker(places) for places in groups.values()]
        placed = list(chain.from_iterable(groups.values()))
        self._in_order = (
            _taker(np.argsort(placed).tolist()) if placed != list(range(len(placed))) else None
        )

    @staticmethod
    def fits(rules: Sequence[Rule]) -> bool:
        """Whether there is such a way for these columns."""
        return all(r.field.dtype is not None and not r.field.column.shape for r in rules)

    def columns(self, document: Any) -> Sequence[Array] | None:
        """Return an array of shape (rows,) a column, or None when the fast way doesn't do."""
        found: list[Array] = []
        width = self._width
        if type(document) is dict:
            if len(document) != width:
                return None
            if type(next(iter(document.values()))) is list:
                return self._of_columns(document)
            document = (document,)
        elif type(document) is not list or not document:
            return None
        kind = type(document[0])
        if kind is not dict and kind is not list:
            return None
        rows = len(document)
        takers = self._by_name if kind is dict else self._by_place
        try:
            if rows == 1:
                (row,) = document
                if len(row) != width:
                    return None
                for group, take in zip(self._groups, takers, strict=True):
                    block = group(take(row))
                    if block is None:
                        return None
                    found.extend(block.reshape(-1, 1))
            else:
                if not all(type(row) is kind and len(row) == width for row in document):
                    return None
                for group, take in zip(self._groups, takers, strict=True):
                    block = group(list(chain.from_iterable(map(take, document))))
                    if block is None:
                        return None
                    found.extend(np.ascontiguousarray(block.reshape(rows, -1).T))
        except KeyError:
            return None
        return found if self._in_order is None else self._in_order(found)

    def _of_columns(self, document: dict[str, Any]) -> Sequence[Array] | None:
        found: list[Array] = []
        rows = len(next(iter(document.values())))
        if not rows or not all(type(v) is list and len(v) == rows for v in document.values()):
            return None
        try:
            for group, take in zip(self._groups, self._by_name, strict=True):
                block = group(list(chain.from_iterable(take(document))))
                if block is None:
                    return None
                found.extend(block.reshape(-1, rows))
        except KeyError:
            return None
        return found if self._in_order is None else self._in_order(found)


Group = Callable[[Sequence[Any]], Array | None]


def _likeness(rule: Rule, place: int) -> Any:
    """Columns that are equal in this are read together."""
    field = rule.field
    kind = field.column.kind
    own = None if rule.plain else place
    return (
        kind,
        field.dtype,
        rule.nullable,
        field.low,
        field.high,
        own,
        kind == "datetime"
        and (
            field.moments,
            rule.convert,
        ),
    )


def _group(rules: Sequence[Rule]) -> Group:
    """Return what makes the flat values of like columns into an array, or None."""
    rule = rules[0]
    field = rule.field
    dtype = field.dtype
    assert dtype is not None  # noqa: S101  see Blocks.fits
    kind = field.column.kind
    if kind == "datetime":
        return _datetimes(rule, dtype)
    allowed = TYPES[kind] | {type(None)} if rule.nullable else TYPES[kind]
    read: Group
    if dtype == object or kind in ("boolean", "string"):
        read = _as_is(dtype)
    elif dtype.kind == "f" and kind == "number":
        read = _floats(dtype, len(rules), rule.nullable)
    else:
        read = _as_is(dtype)
    if kind == "integer" and not (dtype == np.int64 and not rule.nullable):
        read = _bounded(rule, read)

    def group(values: Sequence[Any]) -> Array | None:
        return read(values) if allowed.issuperset(map(type, values)) else None

    return group if rule.plain else _usual(rule, group)


def _as_is(dtype: np.dtype[Any]) -> Group:
    def read(values: Sequence[Any]) -> Array | None:
        try:
            return np.array(values, dtype)
        except OverflowError:
            return None

    return read


def _bounded(rule: Rule, read: Group) -> Group:
    low, high = rule.field.limits

    def bounded(values: Sequence[Any]) -> Array | None:
        some = [v for v in values if v is not None] if rule.nullable else values
        return read(values) if not some or (low <= min(some) and max(some) <= high) else None

    return bounded


def _floats(dtype: np.dtype[Any], width: int, nullable: bool) -> Group:
    packer = struct.Struct(f"={width}{_CODES[dtype]}") if dtype in _CODES else None

    def read(values: Sequence[Any]) -> Array | None:
        try:
            if packer is not None and len(values) == width:
                # one row, the usual case: refuses null, and what doesn't fit a float32
                return np.frombuffer(packer.pack(*values), dtype)
        except (OverflowError, struct.error):
            if not nullable:
                return None
        try:
            wide = np.array(values, np.float64)
        except OverflowError:
            return None
        if dtype == np.float64:
            return wide
        with np.errstate(over="ignore"):
            narrow = wide.astype(dtype)
        return None if np.isinf(narrow).any() else narrow

    return read


def _datetimes(rule: Rule, dtype: np.dtype[Any]) -> Group:
    moments = rule.field.moments

    def group(values: Sequence[Any]) -> Array | None:
        counts: list[int] = []
        for value in values:
            if value is None and rule.nullable:
                counts.append(NAT)
                continue
            try:
                count = moments.read(value, rule.convert) if type(value) is str else None
            except OverflowError:
                return None
            if count is None:
                return None
            counts.append(count)
        found = np.array(counts, np.int64).view(moments.dtype)
        if rule.low is not None and ((found < rule.low) | (found > rule.high)).any():
            return None
        return found.astype(dtype, copy=False)

    return group


def _usual(rule: Rule, group: Group) -> Group:
    """Only values that the sample held need no thorough look."""
    known, low, high = rule.known, rule.low, rule.high

    def usual(values: Sequence[Any]) -> Array | None:
        found = group(values)
        if found is None:
            return None
        some = [v for v in values if v is not None] if rule.nullable else values
        if known is not None and not known.issuperset(some):
            return None
        if low is not None and some and not (low <= min(some) and max(some) <= high):
            return None
        return found

    return usual
