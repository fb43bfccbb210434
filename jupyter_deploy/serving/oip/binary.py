"""Tensors as bytes: little-endian, row by row, nothing between the elements.

The specification is Triton's binary tensor data extension,
https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

from .datatypes import BF16, BYTES, WIRE
from .errors import TensorError

Array = np.ndarray[Any, Any]

_LENGTH = struct.Struct("<I")


class Tail:
    """What follows the JSON in a body; tensors are taken from it in their order."""

    def __init__(self, data: memoryview) -> None:
        self._data = data

    def take(self, name: str, size: int) -> memoryview:
        """Cut off the next `size` bytes, for the tensor `name`.

        Raises
        ------
        TensorError
            When there are fewer left.
        """
        if size > len(self._data):
            raise TensorError.about(
                name,
                f"says it has {size} bytes of binary data, {len(self._data)} are left in the body",
            )
        piece, self._data = self._data[:size], self._data[size:]
        return piece

    def end(self) -> None:
        """Make sure that all of it was taken.

        Raises
        ------
        TensorError
            When there is more than the tensors say.
        """
        if self._data:
            raise TensorError(f"{len(self._data)} bytes of the body belong to no input")


def elements(name: str, datatype: str, shape: list[int], piece: memoryview) -> Array:
    """Read the elements of one input, flat; without a copy where the memory allows it.

    Raises
    ------
    TensorError
        When the bytes are not what datatype and shape say.
    """
    count = math.prod(shape)
    if datatype == BYTES:
        return _texts(name, count, piece)
    dtype = WIRE["UINT16" if datatype == BF16 else datatype]
    if len(piece) != count * dtype.itemsize:
        raise TensorError.about(
            name,
            f"has {len(piece)} bytes of binary data, its shape {shape} of {datatype} "
            f"takes {count * dtype.itemsize}",
        )
    if datatype == "BOOL" and np.frombuffer(piece, np.uint8).max(initial=0) > 1:
        raise TensorError.about(name, "says BOOL and has bytes other than 0 and 1")
    array = np.frombuffer(piece, dtype)
    if datatype == BF16:
        return (array.astype(np.uint32) << 16).view(np.float32)
    # where it begins depends on the length of the JSON; what computes with it may rely on more
    return array if array.flags.aligned else array.copy()


def _texts(name: str, count: int, piece: memoryview) -> Array:
    size = len(piece)
    if count * _LENGTH.size > size:
        raise TensorError.about(name, f"has {size} bytes of binary data, too few for {count} texts")
    texts = np.empty(count, dtype=object)
    end = 0
    for i in range(count):
        start = end + _LENGTH.size
        end = start + _LENGTH.unpack_from(piece, end)[0] if start <= size else size + 1
        if end > size:
            raise TensorError.about(name, f"ends within its element {i}")
        try:
            texts[i] = str(piece[start:end], "utf-8")
        except UnicodeDecodeError:
            raise TensorError.about(name, f"has an element {i} that is not UTF-8") from None
    if end != size:
        raise TensorError.about(
            name, f"has {size - end} bytes of binary data after its {count} texts"
        )
    return texts


def packed(texts: Sequence[str | None]) -> bytes:
    """Write elements of BYTES; None is an empty one."""
    # labels repeat: each is written once
    elements = {text: _element((text or "").encode()) for text in set(texts)}
    return b"".join(map(elements.__getitem__, texts))


def _element(text: bytes) -> bytes:
    return _LENGTH.pack(len(text)) + text
