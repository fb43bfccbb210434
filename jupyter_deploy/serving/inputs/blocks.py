"""The fast way in for bodies of scalars of several kinds: straight to one array a column.

Columns of one kind are read together, which costs a fifth of reading each for itself. None stands
for whatever needs a thorough look; then :mod:`.documents` takes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np

from .groups import group_of, likeness
from .matrix import Array, Take, taker
from .rules import Rule


class Blocks:
    """Documents of scalars to one array of shape (rows,) a column."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._width = len(rules)
        groups: dict[Any, list[int]] = {}
        for i, rule in enumerate(rules):
            groups.setdefault(likeness(rule, i), []).append(i)
        self._groups = [group_of([rules[i] for i in places]) for places in groups.values()]
        names = [rule.field.column.name for rule in rules]
        self._by_name = [taker([names[i] for i in places]) for places in groups.values()]
        self._by_place = [taker(places) for places in groups.values()]
        placed = list(chain.from_iterable(groups.values()))
        in_order = placed == sorted(placed)
        self._in_order = None if in_order else taker(np.argsort(placed).tolist())

    @staticmethod
    def fits(rules: Sequence[Rule]) -> bool:
        """Whether there is such a way for these columns."""
        return all(r.field.dtype is not None and not r.field.column.shape for r in rules)

    def columns(self, document: Any) -> list[Array] | None:
        """Return an array of shape (rows,) a column, or None when the fast way doesn't do."""
        if type(document) is dict:
            if len(document) == self._width and type(next(iter(document.values()))) is list:
                return self._of_columns(document)
            document = (document,)
        elif type(document) is not list or not document:
            return None
        kind = type(document[0])
        if kind is dict:
            takers = self._by_name
        elif kind is list:
            takers = self._by_place
        else:
            return None
        width = self._width
        if not all(type(row) is kind and len(row) == width for row in document):
            return None
        try:
            return self._of_rows(document, takers)
        except KeyError:
            return None

    def _of_rows(self, rows: Sequence[Any], takers: Sequence[Take]) -> list[Array] | None:
        found: list[Array] = []
        count = len(rows)
        for group, take in zip(self._groups, takers, strict=True):
            if count == 1:
                block = group(take(rows[0]))
            else:
                block = group(list(chain.from_iterable(map(take, rows))))
            if block is None:
                return None
            by_row = block.reshape(count, -1)
            found.extend(by_row.T if count == 1 else np.ascontiguousarray(by_row.T))
        return found if self._in_order is None else list(self._in_order(found))

    def _of_columns(self, document: dict[str, Any]) -> list[Array] | None:
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
        return found if self._in_order is None else list(self._in_order(found))
