"""The policies of a signature, compiled when the model is loaded: one rule a column."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from ..policies import CHECKS, Policy
from ..signature import Column, Signature
from .cells import Field

#: Up to here a whole float is one integer and no other.
EXACT: Final = 2.0**53


@dataclass(frozen=True, slots=True)
class Rule:
    """What is done with the values of one column.

    Attributes
    ----------
    field
        What the engine holds.
    nullable
        Whether null may be given.
    fill
        Whether a missing value is null.
    convert
        Whether a value of another type is converted when nothing is lost.
    blank
        Whether empty text is null.
    infinite
        Policy for infinities.
    known
        Categories; None when any value will do.
    category
        Policy for values that are none of them.
    low, high
        Range of the sample, in the type of the values; None when any value will do.
    range
        Policy for values outside it.
    """

    field: Field
    nullable: bool
    fill: bool = False
    convert: bool = False
    blank: bool = False
    infinite: Policy = "reject"
    known: frozenset[Any] | None = None
    category: Policy = "pass"
    low: Any = None
    high: Any = None
    range: Policy = "pass"

    @property
    def plain(self) -> bool:
        """True when values need only be of the right type and fit it."""
        return self.known is None and self.low is None

    @property
    def expected(self) -> str:
        """What a value must be, in words."""
        shape = self.field.column.shape
        if shape:
            sizes = " x ".join("any" if n < 0 else str(n) for n in shape)
            return f"an array of {sizes}, of {self.field.article.removeprefix('a ')} each"
        return f"{self.field.article}{' or null' if self.nullable else ''}"

    @property
    def bounded(self) -> str:
        """The same, with what the engine's type can hold."""
        null = " or null" if self.nullable else ""
        return self.field.bounded.replace(self.field.article, f"{self.field.article}{null}", 1)


@dataclass(frozen=True)
class Rules:
    """The rules of a model's columns, and what is done with a body as a whole.

    Attributes
    ----------
    columns
        In the order of the signature.
    ignore
        Whether columns the model doesn't know are left out.
    empty
        Whether no rows are answered with no rows.
    max_rows
        Rows a body may hold.
    """

    columns: tuple[Rule, ...]
    ignore: bool = False
    empty: bool = False
    max_rows: int = sys.maxsize

    @property
    def names(self) -> list[str]:
        """Names of the columns, in order."""
        return [rule.field.column.name for rule in self.columns]

    @property
    def fills(self) -> bool:
        """True when a column may be missing."""
        return any(rule.fill for rule in self.columns)

    def lenient(self) -> Rules:
        """Return the rules for text: it is read as what the column holds."""
        lenient = tuple(replace(rule, convert=True, blank=True) for rule in self.columns)
        return replace(self, columns=lenient)


def compiled(fields: Sequence[Field], signature: Signature | None = None) -> Rules:
    """Compile the policies of `signature`, or the default ones, for an engine's fields."""

    def policy(check: str, column: Column | None = None) -> Policy:
        if signature is not None:
            return signature.policy(check, column)
        own = {} if column is None else column.policies
        return own.get(check, CHECKS[check].default)

    columns = []
    for field in fields:
        column = field.column
        holds = field.holds_null
        low, high = _range(field) if policy("range", column) != "pass" else (None, None)
        known = column.categories if policy("category", column) != "pass" else None
        if column.kind == "datetime":
            known = None
        columns.append(
            Rule(
                field,
                nullable=field.nullable or (holds and policy("null", column) == "pass"),
                fill=holds and policy("missing", column) == "coerce",
                convert=policy("type", column) == "coerce",
                infinite="pass" if column.infinite else policy("infinite", column),
                known=None if known is None else frozenset(known),
                category=policy("category", column),
                low=low,
                high=high,
                range=policy("range", column),
            )
        )
    limit = None if signature is None else signature.max_rows
    return Rules(
        tuple(columns),
        ignore=policy("extra") == "pass",
        empty=policy("empty") == "pass",
        max_rows=sys.maxsize if limit is None else limit,
    )


def _range(field: Field) -> tuple[Any, Any]:
    """Range of the sample in the type of the values; (None, None) when it has none."""
    low, high = field.column.minimum, field.column.maximum
    if low is None or high is None or field.column.kind not in ("number", "integer", "datetime"):
        return None, None
    if field.column.kind == "datetime":
        moments = field.moments
        first, last = (moments.read(str(end), convert=True) for end in (low, high))
        if first is None or last is None:
            return None, None
        return moments.scalar(first), moments.scalar(last)
    if field.column.kind == "integer":
        return math.ceil(float(low)), math.floor(float(high))
    return float(low), float(high)
