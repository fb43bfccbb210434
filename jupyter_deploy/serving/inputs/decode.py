"""A request to the array a model takes.

Bodies with nothing out of the ordinary are by far the most common, so there are fast ways for
them (:mod:`.matrix`, :mod:`.blocks`, :mod:`.arrays`): one pass of the JSON codec, one type check
over all values of a kind, one packing into an array. They know that a body is right, not what is
wrong with one; then :mod:`.documents` looks at it again, value by value.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import orjson

from ..problems import Cell, InvalidInput, MalformedBody
from ..signature import Signature
from .arrays import listed, matrix_taken, taken, texts
from .blocks import Blocks
from .cells import Field
from .documents import columns_of
from .matrix import FloatMatrix
from .rules import Rule, Rules, compiled

Array = np.ndarray[Any, Any]


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
        """Make the input from checked values, one list per column; of tensors, one array."""

    def assemble_arrays(self, columns: list[Array]) -> Any:
        """Make the input from arrays of shape (rows, *column.shape), in the fields' dtypes."""


class Decoder:
    """Decodes requests to one model; holds no state between them.

    Every method returns the model's input and the number of rows in it; without rows, where the
    policy lets that pass, the input is None, and no model needs to be asked.

    Parameters
    ----------
    target
        The engine.
    signature
        What clients send, with the policies; without it the default ones hold.
    """

    def __init__(self, target: Input, signature: Signature | None = None) -> None:
        self._target = target
        self.rules = rules = compiled(target.fields, signature)
        self._lenient = rules.lenient()
        self._most = rules.max_rows
        self._fills = rules.fills
        columns, matrix = rules.columns, target.matrix
        self._matrix: FloatMatrix | None = None
        self._blocks: Blocks | None = None
        if matrix is not None and FloatMatrix.fits(columns, matrix):
            self._matrix = FloatMatrix(columns, matrix)
        elif Blocks.fits(columns):
            self._blocks = Blocks(columns)
        self._alike = _alike(columns) if matrix is not None else None
        #: Colons in one record without repeated keys and without strings.
        self._colons = sum(1 + name.count(":") for name in rules.names)

    def decode(self, body: bytes) -> tuple[Any, int]:
        """Decode a ``/predict`` body.

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
        decoded = self.read(document)
        self._refuse_repeated_keys(document, body)
        return decoded

    def read(self, document: Any) -> tuple[Any, int]:
        """Convert what the codec made of a body, which knows no NaN and no infinities.

        Raises
        ------
        InvalidInput
            When it doesn't match the signature.
        """
        if self._matrix is not None:
            batch = self._matrix.matrix(document)
            if batch is not None:
                rows = len(batch)
                if rows > self._most:
                    raise _too_many(rows, self._most)
                return batch, rows
        elif self._blocks is not None:
            columns = self._blocks.columns(document)
            if columns is not None:
                rows = len(columns[0])
                if rows > self._most:
                    raise _too_many(rows, self._most)
                return self._target.assemble_arrays(columns), rows
        return self._thorough(document, self.rules)

    def convert(self, document: Any, *, lenient: bool = False) -> tuple[Any, int]:
        """Convert a document of another parser; see :meth:`read`.

        Parameters
        ----------
        document
            Of any parser of JSON: NaN and infinities may be in it.
        lenient
            Read text as what the column holds, and empty text as null: for CSV.
        """
        if not lenient and self._matrix is not None:
            batch = self._matrix.matrix(document)
            if batch is not None and np.isfinite(batch).all() and len(batch) <= self._most:
                return batch, len(batch)
        elif not lenient and self._blocks is not None:
            columns = self._blocks.columns(document)
            if (
                columns is not None
                and all(c.dtype.kind != "f" or np.isfinite(c).all() for c in columns)
                and len(columns[0]) <= self._most
            ):
                return self._target.assemble_arrays(columns), len(columns[0])
        return self._thorough(document, self._lenient if lenient else self.rules)

    def accept(self, arrays: Mapping[str, Array]) -> tuple[Any, int]:
        """Take one array a column, of shape (rows, *column.shape) or (rows, 1).

        Raises
        ------
        InvalidInput
            When the arrays don't match the signature.
        """
        rules = self.rules.columns
        arrays = {name: texts(name, array) for name, array in arrays.items()}
        rows = _rows_of(arrays)
        if rows > self._most:
            raise _too_many(rows, self._most)
        found: list[Array] = []
        if rows > 0 and len(arrays) == len(rules):
            for rule in rules:
                array = arrays.get(rule.field.column.name)
                values = None if array is None else taken(rule, array)
                if values is None:
                    break
                found.append(values)
        if len(found) == len(rules):
            return self._target.assemble_arrays(found), rows
        scalars = {r.field.column.name for r in rules if not r.field.column.shape}
        document = {
            name: listed(a.reshape(-1) if name in scalars and a.shape[1:] == (1,) else a)
            for name, a in arrays.items()
        }
        return self._thorough(document, self.rules, by_column=rows == 0)

    def accept_matrix(self, matrix: Array) -> tuple[Any, int]:
        """Take an array of shape (rows, columns), in the order of the signature.

        Raises
        ------
        InvalidInput
            When it doesn't match the signature.
        """
        rules = self.rules.columns
        if len(rules) == 1 and rules[0].field.column.shape:
            return self.accept({rules[0].field.column.name: matrix})
        if matrix.ndim == 2 and matrix.shape[1] == len(rules):
            if len(matrix) > self._most:
                raise _too_many(len(matrix), self._most)
            if len(matrix) and self._alike is not None:
                values = matrix_taken(self._alike, matrix)
                if values is not None:
                    return values, len(values)
            return self.accept({n: matrix[:, i] for i, n in enumerate(self.rules.names)})
        if matrix.ndim == 1:
            matrix = matrix.reshape(-1, 1)
        return self._thorough(listed(matrix), self.rules)

    def columns(self, document: Any) -> list[Any]:
        """Return checked values by column of a document that was converted, for a diagnosis."""
        try:
            return columns_of(document, self.rules)
        except InvalidInput:
            return columns_of(document, self._lenient)

    def _thorough(self, document: Any, rules: Rules, *, by_column: bool = False) -> tuple[Any, int]:
        columns = columns_of(document, rules, by_column=by_column)
        rows = len(columns[0])
        return (self._target.assemble(columns) if rows else None), rows

    def _refuse_repeated_keys(self, document: Any, body: bytes) -> None:
        rows = (document,) if type(document) is dict else document
        if not rows or type(rows[0]) is not dict:
            refuse_repeated_keys(body, 0)
        elif self._fills:
            # a missing column leaves room for a repeated key
            _look_at_every_key(body)
        else:
            refuse_repeated_keys(body, len(rows) * self._colons)


def _alike(rules: Sequence[Rule]) -> Rule | None:
    """The strictest of rules that are equal but for nulls and infinities; None otherwise."""
    first = rules[0]
    same = {(r.field.column.kind, r.field.dtype, r.field.low, r.field.high, r.plain) for r in rules}
    if len(same) > 1 or not first.plain or first.field.column.shape:
        return None
    strict = (r for r in rules if not r.nullable and r.infinite != "pass")
    return next(strict, first if len({(r.nullable, r.infinite) for r in rules}) == 1 else None)


def _rows_of(arrays: Mapping[str, Array]) -> int:
    """How many rows all arrays have; -1 when they differ, or there is none."""
    counts = {len(array) if array.ndim else -1 for array in arrays.values()}
    return counts.pop() if len(counts) == 1 else -1


def _too_many(rows: int, most: int) -> InvalidInput:
    return InvalidInput.of([Cell(None, None, f"{rows} rows", f"at most {most} rows")])


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
        _look_at_every_key(body)


def _look_at_every_key(body: bytes) -> None:
    try:
        json.loads(body, object_pairs_hook=_distinct)
    except RecursionError:  # a column that is left out may hold anything
        raise MalformedBody("it is nested too deeply") from None


def _distinct(pairs: list[tuple[str, Any]]) -> None:
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            raise MalformedBody(f"the key {key[:40]!r} appears twice in one object")
        seen.add(key)


def _why(error: orjson.JSONDecodeError, body: bytes) -> str:
    return f"{error.msg}, at line {error.lineno} column {error.colno}" if body else "it is empty"
