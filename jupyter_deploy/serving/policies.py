"""What is done with an input that the sample was not like: the checks, and their policies.

``reject`` answers 422 and names the value. ``coerce`` changes the value into one that fits.
``pass`` gives it to the model as it came. Standard library only, as :mod:`.signature`.

What makes a body unreadable has no policy: bytes that are no JSON, a wrong content type, too
many of them, a repeated key, a wrong shape, more rows than ``max_rows`` are always refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Policy = Literal["reject", "coerce", "pass"]


@dataclass(frozen=True)
class Check:
    """One thing that may be found in an input.

    Attributes
    ----------
    meaning
        What is found, as a clause.
    default
        Policy when none was chosen.
    coerce, passed
        What these policies do, as a clause; empty when the check doesn't have them.
    column
        Whether it may be set for one column.
    """

    meaning: str
    default: Policy
    coerce: str = ""
    passed: str = ""
    column: bool = True

    @property
    def allowed(self) -> tuple[Policy, ...]:
        """Policies this check has."""
        chosen: list[Policy] = ["reject"]
        if self.coerce:
            chosen.append("coerce")
        if self.passed:
            chosen.append("pass")
        return tuple(chosen)


CHECKS: dict[str, Check] = {
    "missing": Check(
        "a column is missing", "reject", coerce="it is null, where the model's type holds null"
    ),
    "extra": Check(
        "there is a column the model doesn't know", "reject", passed="it is left out", column=False
    ),
    "type": Check(
        "a value has another type than the column",
        "reject",
        coerce="it is converted when nothing is lost: '1.5' to 1.5, 3.0 to 3, 1 to '1', 0 to false",
    ),
    "null": Check(
        "a value is null or NaN, and the sample held none",
        "reject",
        passed="the model gets it, where its type holds null",
    ),
    "infinite": Check(
        "a value is infinite, and the sample held none",
        "reject",
        coerce="it is null, where the model's type holds null",
        passed="the model gets it",
    ),
    "category": Check(
        "a value is none of the categories",
        "pass",
        coerce="it is null, where the model's type holds null",
        passed="the model gets it; one that it refuses is answered with 422",
    ),
    "range": Check(
        "a number or date is outside the range of the sample",
        "pass",
        coerce="it is the nearest value inside",
        passed="the model gets it",
    ),
    "empty": Check(
        "there are no rows", "reject", passed="it is answered with no rows", column=False
    ),
}
