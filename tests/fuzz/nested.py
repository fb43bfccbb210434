"""A slow reading of bodies for a model of one tensor, as :mod:`.reading` has of columns.

A row may be the nested array itself, or hold it under its name, or as its only value; where more
than one of these is possible, each is right.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.fuzz import reading
from tests.fuzz.reading import Held, Refused


def readings(body: bytes, held: Held) -> list[np.ndarray[Any, Any]]:
    """Return the batches that `body` may mean; empty when it must be refused."""
    try:
        document = reading.parsed(body)
    except Refused:
        return []
    found = []
    for rows in _rows(document, held.column.name):
        try:
            flat = [_leaves(row, held.column.shape) for row in rows]
            values = [[reading.cell(value, held) for value in row] for row in flat]
        except Refused:
            continue
        if values:
            array = np.array(values, held.dtype)
            found.append(array.reshape(len(values), *held.column.shape))
    return found


def _rows(document: Any, name: str) -> list[list[Any]]:
    if isinstance(document, dict):
        if set(document) != {name}:
            return []
        held = document[name]
        return [[held], held] if isinstance(held, list) else [[held]]
    if not isinstance(document, list):
        return []
    if all(isinstance(row, dict) and set(row) == {name} for row in document):
        return [[row[name] for row in document]]
    forms = [document]
    if all(isinstance(row, list) and len(row) == 1 for row in document):
        forms.append([row[0] for row in document])
    return forms


def _leaves(value: Any, shape: tuple[int, ...]) -> list[Any]:
    if not shape:
        return [value]
    if not isinstance(value, list) or len(value) != shape[0]:
        raise Refused("another shape")
    return [leaf for part in value for leaf in _leaves(part, shape[1:])]
