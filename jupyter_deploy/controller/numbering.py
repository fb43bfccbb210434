"""Version numbers: the first is 1.0.0, then the minor one grows. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from jupyter_deploy.exceptions import UsageError

_NUMBER = re.compile(r"(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})")

Number = tuple[int, int, int]


def parse(version: str) -> Number | None:
    """Return `version` as three numbers, or None when it isn't ``MAJOR.MINOR.PATCH``."""
    match = _NUMBER.fullmatch(version)
    return (int(match[1]), int(match[2]), int(match[3])) if match else None


def check_version(version: str) -> str:
    """Return `version` when it is ``MAJOR.MINOR.PATCH``.

    Raises
    ------
    UsageError
        When it isn't.
    """
    if parse(version) is None:
        raise UsageError(f"{version!r} is not a version.", "Write three numbers, as in 1.2.0.")
    return version


def newest(*versions: str | None) -> str | None:
    """Return the highest of `versions`, leaving out those that are no version numbers."""
    numbers = [(number, v) for v in versions if v and (number := parse(v))]
    return max(numbers)[1] if numbers else None


def next_version(reserved: str | None, taken: Iterable[str]) -> str:
    """Return the next free number, above `reserved` and all of `taken`."""
    highest = newest(reserved, *taken)
    if highest is None:
        return "1.0.0"
    number = parse(highest)
    assert number is not None  # noqa: S101 (newest answers parsable ones only)
    return f"{number[0]}.{number[1] + 1}.0"
