"""Like columns read together: their values, in one list, to one array.

As everywhere on the fast ways, None stands for whatever needs a thorough look.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from operator import ne
from typing import Any

import numpy as np

from .cells import Field
from .matrix import CODES, Array, narrowed
from .moments import NAT
from .rules import Rule
from .values import TYPES

Group = Callable[[Sequence[Any]], Array | None]


def likeness(rule: Rule, place: int) -> Any:
    """Columns that are equal in this are read together."""
    field = rule.field
    kind = field.column.kind
    alone = None if rule.plain else place
    dates = (field.moments, rule.convert) if kind == "datetime" else None
    return kind, field.dtype, rule.nullable, field.low, field.high, alone, dates


def group_of(rules: Sequence[Rule]) -> Group:
    """Return what makes the flat values of like columns into an array, or None."""
    rule = rules[0]
    field = rule.field
    dtype = field.dtype
    assert dtype is not None  # noqa: S101  see Blocks.fits
    kind = field.column.kind
    if kind == "datetime":
        return _datetimes(rule, dtype)
    allowed = TYPES[kind] | {type(None)} if rule.nullable else TYPES[kind]
    read = _as_is(dtype)
    if kind == "number" and dtype.kind == "f":
        read = _floats(dtype, len(rules), rule.nullable)
        if dtype == np.float64 and np.isfinite(field.high):
            # a nullable Float32 is read as float64, and cut only later
            read = _bounded(rule, read)
    elif kind == "number" or (kind == "integer" and not _holds_any(field, dtype)):
        read = _bounded(rule, read)

    def group(values: Sequence[Any]) -> Array | None:
        return read(values) if allowed.issuperset(map(type, values)) else None

    return group if rule.plain else _usual(rule, group)


def _holds_any(field: Field, dtype: np.dtype[Any]) -> bool:
    """Whether making the array is check enough: int64 itself refuses what it can't hold."""
    return dtype == np.int64 and field.low <= -(2**63) and field.high >= 2**63 - 1


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
        # NaN is at home on neither side of anything
        fits = not some or (low <= min(some) and max(some) <= high and not any(map(ne, some, some)))
        return read(values) if fits else None

    return bounded


def _floats(dtype: np.dtype[Any], width: int, nullable: bool) -> Group:
    packer = struct.Struct(f"={width}{CODES[dtype]}") if dtype in CODES else None

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
        return narrowed(wide, dtype)

    return read


def _datetimes(rule: Rule, dtype: np.dtype[Any]) -> Group:
    moments = rule.field.moments

    def read(value: Any) -> int:
        if value is None and rule.nullable:
            return NAT
        count = moments.read(value, rule.convert) if type(value) is str else None
        if count is None:
            raise ValueError(value)
        return count

    def group(values: Sequence[Any]) -> Array | None:
        try:
            found = np.array(list(map(read, values)), np.int64).view(moments.dtype)
        except (ValueError, OverflowError):
            return None
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
