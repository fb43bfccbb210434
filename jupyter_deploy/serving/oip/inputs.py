"""Input tensors to the batch a model takes.

A tensor is a column, of shape [rows] or [rows, 1], or [rows, …] where a row's value is an array
itself. The tensor ``input`` of shape [rows, columns] is all columns at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..inputs.decode import Decoder
from ..signature import Column, Signature
from .binary import Array
from .datatypes import of_column
from .errors import TensorError
from .tensors import Tensor

#: Name of the one tensor that holds all columns.
MATRIX = "input"
#: The decoder's input, the number of rows, and how to get the same as a ``/predict`` body.
Batch = tuple[Any, int, Callable[[], Any]]


class Inputs:
    """Inputs of one model."""

    def __init__(self, signature: Signature) -> None:
        columns = signature.inputs
        kinds = {c.kind for c in columns}
        self._columns = {c.name: c for c in columns}
        self._scalars = not any(c.shape for c in columns)
        self._numbers = self._scalars and kinds <= {"number", "integer"}
        self._alike = self._scalars and (self._numbers or len(kinds) == 1)
        self._required = [c.name for c in columns if signature.policy("missing", c) == "reject"]
        self._strict = signature.policy("extra") == "reject"
        #: Name, datatype and shape of each, -1 for what may vary.
        self.described: list[tuple[str, str, list[int]]] = [
            (c.name, of_column(c), [-1, *c.shape]) for c in columns
        ]
        if signature.layout == "array" and self._alike:
            datatypes = {datatype for _, datatype, _ in self.described}
            datatype = datatypes.pop() if len(datatypes) == 1 else "FP64"
            self.described = [(MATRIX, datatype, [-1, len(columns)])]

    def batch(self, tensors: dict[str, Tensor], decoder: Decoder) -> Batch:
        """Make the batch.

        Raises
        ------
        TensorError
            When the tensors are not the model's.
        InvalidInput
            When their values are not what the columns take.
        """
        if len(tensors) == 1 and MATRIX in tensors and self._is_matrix(tensors[MATRIX]):
            return self._matrix(tensors[MATRIX], decoder)
        tensors = self._known(tensors)
        if self._scalars and all(t.array is None for t in tensors.values()):
            document = {name: tensor.values for name, tensor in tensors.items()}
            batch, rows = decoder.read(document)
            return batch, rows, lambda: document
        arrays = {name: self._array(tensor) for name, tensor in tensors.items()}
        matrix = self._joined(arrays) if self._numbers else None
        batch, rows = decoder.accept(arrays) if matrix is None else decoder.accept_matrix(matrix)
        return batch, rows, lambda: {name: array.tolist() for name, array in arrays.items()}

    def _joined(self, arrays: dict[str, Array]) -> Array | None:
        """All columns as one matrix, which is sooner looked at; None when they are too unlike."""
        if len(arrays) != len(self._columns):
            return None
        # the order is the signature's, whatever the request's was
        columns = [arrays[name] for name in self._columns]
        if len({(a.dtype, len(a)) for a in columns}) > 1 or columns[0].dtype.kind != "f":
            return None
        return np.stack(columns, axis=1)

    def _is_matrix(self, tensor: Tensor) -> bool:
        column = self._columns.get(MATRIX)
        return column is None or (not column.shape and len(tensor.shape) == 2)

    def _matrix(self, tensor: Tensor, decoder: Decoder) -> Batch:
        width = len(self._columns)
        if not self._alike:
            raise TensorError(
                "this model's columns are not all numbers; send a tensor per column: "
                f"{_some(list(self._columns))}"
            )
        if len(tensor.shape) != 2 or tensor.shape[1] != width:
            raise TensorError.about(
                tensor.name, f"has shape {tensor.shape}, expected [rows, {width}]"
            )
        if tensor.array is None:
            values = tensor.values
            table = [values[i : i + width] for i in range(0, len(values), width)]
            batch, rows = decoder.read(table)
            return batch, rows, lambda: table
        matrix = tensor.array.reshape(-1, width)
        batch, rows = decoder.accept_matrix(matrix)
        return batch, rows, matrix.tolist

    def _known(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """The tensors that are the model's, each of a shape that its column has."""
        columns = self._columns
        for name, tensor in tensors.items():
            column = columns.get(name)
            if column is None:
                if self._strict:
                    raise TensorError(
                        f"there is no input {name[:40]!r}; inputs are {_some(list(columns))}"
                    )
                continue
            shape = tensor.shape
            if not _fits(shape, column):
                raise TensorError.about(name, f"has shape {shape}, expected {_expected(column)}")
            if shape[0] and 0 in shape:
                # a handful of bytes could say that there are billions of them
                raise TensorError.about(name, f"has shape {shape}: rows without values")
        missing = [name for name in self._required if name not in tensors]
        if missing:
            raise TensorError(f"missing inputs: {_some(missing)}")
        if self._strict:
            return tensors
        found = {name: tensor for name, tensor in tensors.items() if name in columns}
        if not found:
            # how many rows there are is told by none
            raise TensorError(f"none of the inputs is one of {_some(list(columns))}")
        return found

    def _array(self, tensor: Tensor) -> Array:
        array = tensor.array
        if array is None:
            array = _objects(tensor.values)
        shape = self._columns[tensor.name].shape
        if not shape:
            return array
        # without rows the other sizes mean nothing, and numpy multiplies them all
        return array.reshape(tensor.shape if tensor.shape[0] else [0, *(abs(n) for n in shape)])


def _objects(values: list[Any]) -> Array:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def _fits(shape: list[int], column: Column) -> bool:
    if not column.shape:
        return len(shape) == 1 or (len(shape) == 2 and shape[1] == 1)
    return len(shape) == 1 + len(column.shape) and all(
        expected in (-1, found) for expected, found in zip(column.shape, shape[1:], strict=True)
    )


def _expected(column: Column) -> str:
    if not column.shape:
        return "[rows] or [rows, 1]"
    return f"[rows, {', '.join('any' if n == -1 else str(n) for n in column.shape)}]"


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(name[:40] for name in names[:5])
    return f"{shown} and {len(names) - 5} others" if len(names) > 5 else shown
