"""Dates and times on the wire: strings in ISO 8601, to and from numpy's datetime64.

The form taken is the one everybody writes: ``2024-01-31``, or ``2024-01-31T12:30:00.123456Z``
with a space for the T, without seconds, with up to nine digits of a fraction and with ``Z`` or
an offset such as ``+02:00``. What it means must not be guessed: a column with a time zone wants
an offset, one without wants none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

_FORM = re.compile(
    r"(\d{4}-\d\d-\d\d)"
    r"(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?(?:([Zz])|([+-])(\d\d):?(\d\d))?)?",
    re.ASCII,
)
_EPOCH = date(1970, 1, 1).toordinal()
_DAY = 86_400 * 10**9
#: Nanoseconds of a unit.
_UNITS = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9, "D": _DAY}
_WORDS = {"us": "microseconds", "ms": "milliseconds", "s": "whole seconds"}
_UNIT = re.compile(r"(?:datetime64\[|timestamp\[|time_unit=')(ns|us|ms|s|D)\b")
_ZONE = re.compile(r"datetime64\[\w+, ([^\]]+)\]|tz=([^\]]+)\]|time_zone='([^']+)'")

#: What stands for null among the integers of a datetime64.
NAT = int(np.iinfo(np.int64).min)


@dataclass(frozen=True)
class Moments:
    """How one column holds dates or times.

    Attributes
    ----------
    unit
        Resolution, as numpy names it.
    zone
        Time zone of the column; None when it has none.
    """

    unit: str
    zone: str | None = None

    @classmethod
    def of(cls, dtype: str, like: Any = None) -> Moments:
        """Read a dtype's name; of objects, a value `like` theirs tells dates from times."""
        if dtype in ("date", "Date") or dtype.startswith("date32"):
            return cls("D")
        if unit := _UNIT.search(dtype):
            zone = _ZONE.search(dtype)
            return cls(unit[1], next(filter(None, zone.groups())) if zone else None)
        is_date = isinstance(like, str) and len(like) == len("2024-01-31")
        aware = isinstance(like, str) and re.search(r"T.*(Z|[+-]\d\d:\d\d)$", like)
        return cls("D" if is_date else "us", "UTC" if aware else None)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Numpy's dtype of the values; in UTC where there is a time zone."""
        return np.dtype(f"datetime64[{self.unit}]")

    @property
    def expected(self) -> str:
        """What a value must be, in words."""
        if self.unit == "D":
            return "a date, such as '2024-01-31'"
        if self.zone is None:
            return "a date and time without an offset, such as '2024-01-31T12:30:00'"
        return "a date and time with its offset, such as '2024-01-31T12:30:00+00:00'"

    @property
    def bounded(self) -> str:
        """The same, with the bounds and the resolution."""
        last = 2**63 // _DAY * _UNITS[self.unit]
        years = last // 366
        if years < 9999 - 1970:
            low, high = (np.datetime64(day * last, "D") for day in (-1, 1))
            span = f"from {low} to {high}"
        else:
            span = "of the years 1 to 9999"
        words = _WORDS.get(self.unit)
        return f"{self.expected}, {span}{f' and in {words}' if words else ''}"

    def read(self, text: str, convert: bool = False) -> int | None:
        """Return the integer that datetime64 holds for `text`; None when it isn't such a value.

        Parameters
        ----------
        convert
            Take a time without an offset as UTC, and bring one with an offset to UTC where the
            column has no time zone.

        Raises
        ------
        OverflowError
            When it is a date and time, and this column can't hold it.
        """
        form = _FORM.fullmatch(text)
        if form is None:
            return None
        day, hour, minute, second, fraction, utc, sign, ahead, past = form.groups()
        try:
            days = date.fromisoformat(day).toordinal() - _EPOCH
        except ValueError:
            return None
        seconds = 0
        if hour is not None:
            h, m, s = int(hour), int(minute), int(second or 0)
            if h > 23 or m > 59 or s > 59:
                return None
            seconds = h * 3600 + m * 60 + s
        aware = utc is not None or sign is not None
        if aware != (self.zone is not None) and not convert:
            return None
        if sign is not None:
            h, m = int(ahead), int(past)
            if h > 23 or m > 59:
                return None
            seconds -= (h * 3600 + m * 60) * (1 if sign == "+" else -1)
        exact = days * _DAY + seconds * 10**9
        if fraction is not None:
            exact += int(fraction.ljust(9, "0"))
        whole, rest = divmod(exact, _UNITS[self.unit])
        if rest or not -(2**63) < whole < 2**63:
            raise OverflowError(text)
        return whole

    def scalar(self, count: int) -> np.datetime64[Any]:
        """Return the value of such an integer."""
        found: np.datetime64[Any] = np.int64(count).view(self.dtype)
        return found

    def cast(self, values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any] | None:
        """Bring datetime64 values to this unit; None when that would lose something."""
        if values.dtype == self.dtype:
            return values
        try:
            cast = values.astype(self.dtype)
        except OverflowError:
            return None
        # a round trip shows what was cut off, and what has gone round
        same = (cast.astype(values.dtype) == values) | np.isnat(values)
        return cast if same.all() else None
