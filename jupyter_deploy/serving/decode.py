"""A request body to the array a model takes.

Numbers are by far the most common input, so there is a fast way for bodies of numbers only:
one pass of the JSON codec, one type check over all values, one packing into the array. It
knows that a body is right, not what is wrong with one; then :mod:`.cells` looks at it again.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any, Protocol

import numpy as np
import orjson

from .cells import Field, columns_of
from .problems import MalformedBody

_NUMBERS = frozenset((int, float))
_NUMBERS_OR_NULL = frozenset((int, float, type(None)))
_FLOATS = {np.dtype(np.float32): "f", np.dtype(np.float64): "d"}


class Input(Protocol):
    """How an engine wants its input.

    Attributes
    ----------
    fields
        Columns in the order of the signature.
    matrix
        dtype when the input is one array of shape (rows, columns); None otherwise.
    """

    fields: Sequence[Field]
    matrix: np.dtype[Any] | None

    def assemble(self, columns: list[list[Any]]) -> Any:
        """Make the input from checked values, one list per column."""


class Decoder:
    """Decodes bodies for one model; holds no state between them."""

    def __init__(self, target: Input) -> None:
        self._target = target
        self._fast = _matrix_path(target)
        names = [field.column.name for field in target.fields]
        #: Colons in one record without repeated keys and without strings.
        self._colons = sum(1 + name.count(":") for name in names)

    def decode(self, body: bytes) -> tuple[Any, int]:
        """Decode a ``/predict`` body.

        Returns
        -------
        tuple
            The model's input, and the number of rows in it.

        Raises
        ------
        MalformedBody
            Not JSON, or an object with the same key twice.
        InvalidInput
            JSON that doesn't match the signature.
        """
        try:
            document = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise MalformedBody(_why(error, body)) from None
        decoded = self.convert(document)
        self._refuse_repeated_keys(document, body)
        return decoded

    def convert(self, document: Any, *, lenient: bool = False) -> tuple[Any, int]:
        """Convert a decoded body; see :meth:`decode`.

        Parameters
        ----------
        lenient
            Read text as what the column holds, and empty text as null: for CSV.
        """
        if self._fast is not None:
            matrix = self._fast.matrix(document)
            if matrix is not None:
                return matrix, len(matrix)
        columns = columns_of(document, self._target.fields, lenient=lenient)
        return self._target.assemble(columns), len(columns[0])

    def accept(self, arrays: Mapping[str, np.ndarray[Any, Any]]) -> tuple[Any, int]:
        """Take one array a column, of shape (rows, *column.shape) or (rows, 1).

        Raises
        ------
        InvalidInput
            When the arrays don't match the signature.
        """
        scalars = {field.column.name for field in self._target.fields if not field.column.shape}
        return self.convert(
            {
                name: (array.reshape(-1) if name in scalars else array).tolist()
                for name, array in arrays.items()
            }
        )

    def accept_matrix(self, matrix: np.ndarray[Any, Any]) -> tuple[Any, int]:
        """Take an array of shape (rows, columns), in the order of the signature.

        Raises
        ------
        InvalidInput
            When it doesn't match the signature.
        """
        return self.convert(matrix.tolist())

    def _refuse_repeated_keys(self, document: Any, body: bytes) -> None:
        rows = (document,) if type(document) is dict else document
        objects = len(rows) if type(rows[0]) is dict else 0
        refuse_repeated_keys(body, objects * self._colons)


def refuse_repeated_keys(body: bytes, colons: int) -> None:
    """Refuse an object with two equal keys: the codec keeps the last, who knows which was meant.

    Parameters
    ----------
    body
        Valid JSON.
    colons
        How many there are in it when no key is repeated and no string holds one. Only when
        there are more, or escapes, is the body parsed again with every key in sight.

    Raises
    ------
    MalformedBody
        Naming the key.
    """
    if body.count(b":") != colons or b"\\" in body:
        json.loads(body, object_pairs_hook=_distinct)


def _distinct(pairs: list[tuple[str, Any]]) -> None:
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            raise MalformedBody(f"the key {key[:40]!r} appears twice in one object")
        seen.add(key)


def _why(error: orjson.JSONDecodeError, body: bytes) -> str:
    return f"{error.msg}, at line {error.lineno} column {error.colno}" if body else "it is empty"


def _matrix_path(target: Input) -> _FloatMatrix | None:
    code = _FLOATS.get(target.matrix) if target.matrix is not None else None
    kinds = {field.column.kind for field in target.fields}
    if code is None or not kinds <= {"number", "integer"}:
        return None
    return _FloatMatrix(target, code)


class _FloatMatrix:
    """Documents of numbers to one float array; None where there is anything else to it."""

    def __init__(self, target: Input, code: str) -> None:
        fields = target.fields
        names = [field.column.name for field in fields]
        self._dtype = target.matrix
        self._width = len(fields)
        # of a single name itemgetter returns the bare value
        self._values: Callable[[dict[str, Any]], Sequence[Any]] = (
            itemgetter(*names) if len(names) > 1 else lambda record: (record[names[0]],)
        )
        # "=": without it struct turns what a float32 can't hold into infinity
        self._pack = struct.Struct(f"={self._width}{code}").pack
        nullable = [field.nullable for field in fields]
        self._allowed = _NUMBERS_OR_NULL if any(nullable) else _NUMBERS
        self._required = None if not any(nullable) else np.flatnonzero(~np.array(nullable))
        integers = [i for i, field in enumerate(fields) if field.column.kind == "integer"]
        self._integers = np.array(integers) if integers else None
        self._low = np.array([fields[i].low for i in integers])
        self._high = np.array([fields[i].high for i in integers])

    def matrix(self, document: Any) -> np.ndarray[Any, Any] | None:
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

    def _array(self, values: Sequence[Any]) -> np.ndarray[Any, Any] | None:
        # float64 first: null becomes NaN, and what float32 can't hold is seen before it is cut
        wide = np.array(values, dtype=np.float64).reshape(-1, self._width)
        if self._required is None:
            if not np.isfinite(wide).all():
                return None
        elif np.isnan(wide[:, self._required]).any():
            return None
        if self._integers is not None:
            whole = wide[:, self._integers]
            fits = (whole == np.floor(whole)) & (whole >= self._low) & (whole <= self._high)
            if not fits.all():
                return None
        if self._dtype == np.float64:
            return wide
        with np.errstate(over="ignore"):
            narrow = wide.astype(np.float32)
        return None if np.isinf(narrow).any() else narrow
