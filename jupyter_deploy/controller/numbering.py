"""Which number a version gets: the first is 1.0.0, then the minor or the major one grows. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from jupyter_deploy.compatibility import Number, check_version, parse, sentences
from jupyter_deploy.exceptions import DEPLOY, ConflictError, SignatureChangedError, UsageError
from jupyter_deploy.types import Difference


def newest(*versions: str | None) -> str | None:
    """Return the highest of `versions`, leaving out those that are no version numbers."""
    numbers = [(number, v) for v in versions if v and (number := parse(v))]
    return max(numbers)[1] if numbers else None


def next_version(reserved: str | None, taken: Iterable[str], *, breaking: bool = False) -> str:
    """Return the next free number, above `reserved` and all of `taken`.

    Parameters
    ----------
    reserved
        The highest number that was ever given out.
    taken
        Those in the caller's Bento store.
    breaking
        The next major number instead of the next minor one.
    """
    highest = newest(reserved, *taken)
    if highest is None:
        return "1.0.0"
    major, minor, _ = _number(highest)
    return f"{major + 1}.0.0" if breaking else f"{major}.{minor + 1}.0"


def chosen_version(name: str, version: str, reserved: str | None, taken: Iterable[str]) -> str:
    """Return the number that the caller chose, when it can be given out.

    Raises
    ------
    UsageError
        When it is no version number.
    ConflictError
        When it is not above all that were ever given out and all of `taken`.
    """
    highest = newest(reserved, *taken)
    number = parse(check_version(version))
    if highest is None or number is None or number > _number(highest):
        return version
    what = "is taken" if version == highest else f"is not above {highest}, the newest"
    raise ConflictError(
        f"{name!r} can't get the version {version}: it {what}.",
        "Numbers are given out once and only grow, those of versions that failed or were removed "
        f"included. Leave out --version to get {next_version(reserved, taken)}.",
        newest=highest,
    )


def check_declared(
    name: str,
    version: str,
    against: str | None,
    found: Sequence[Difference],
    *,
    breaking: bool = False,
    chosen: bool = True,
) -> None:
    """Check that a changed signature comes with a higher major number, on purpose.

    Parameters
    ----------
    version
        The number that is about to be given out or to become live.
    against
        The version whose callers are there; None when there are none yet.
    found
        What those callers would notice.
    breaking
        The caller said that they may.
    chosen
        `version` itself says so: it wasn't just the next one, whose major number may be higher
        than that of `against` because of a version that failed.

    Raises
    ------
    SignatureChangedError
        When callers would notice something within a major number; its ``differences`` are facts.
    UsageError
        When `version` was chosen within the major number although it is said to be breaking.
    """
    if against is None:
        return
    higher = _number(version)[0] > _number(against)[0]
    if breaking and not higher:
        raise UsageError(
            f"{version} says the same major number as {against}, --breaking another one.",
            f"Leave out --version to get the next one, or choose {_number(against)[0] + 1}.0.0 "
            "or above.",
        )
    if found and not (higher and (breaking or chosen)):
        raise SignatureChangedError(
            f"The signature of {name!r} has changed since {against}: "
            f"{'; '.join(sentences(found))}.",
            "Whoever calls it would have to change. If they shall: deploy again with --breaking "
            "(in Python: breaking=True), which takes the next major number; else under another "
            f"name. What it takes now: {DEPLOY} signature {name}",
            against=against,
            differences=[one.model_dump(mode="json") for one in found],
        )


def _number(version: str) -> Number:
    number = parse(version)
    assert number is not None, version  # noqa: S101 (all in the store and in `newest` are)
    return number
