"""One input tensor of a request, out of its JSON or from what follows that."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from .binary import Array, Tail, elements
from .datatypes import BF16, BOUNDS, BYTES, WIRE
from .errors import TensorError

_DATATYPES = (*WIRE, BYTES)
_NONE = type(None)
_WIDEST = {"f": np.float64, "i": np.int64, "u": np.uint64, "b": np.bool_}
#: Above this many values an array is sooner made than a list looked through.
_MANY = 128
#: More than these are no tensor's, and multiplying them takes its time.
_DIMENSIONS = 32
#: Python's types of a datatype's JSON values; null is for the model's columns to take or refuse.
_JSON: dict[str, frozenset[type]] = {
    **{name: frozenset((int, _NONE)) for name in WIRE if "INT" in name},
    **{name: frozenset((int, float, _NONE)) for name in WIRE if name.startswith("FP")},
    "BOOL": frozenset((bool, _NONE)),
    BYTES: frozenset((str, _NONE)),
}


@dataclass(slots=True)
class Tensor:
    """One input.

    Attributes
    ----------
    values
        Flat, in row-major order; empty when there is an array.
    array
        The same of an input that came as bytes or is long, else None.
    """

    name: str
    datatype: str
    shape: list[int]
    values: list[Any]
    array: Array | None = None


def read_tensor(entry: Any, tail: Tail | None) -> Tensor:
    """Read one entry of the request's inputs; `tail` is None when nothing follows the JSON.

    Raises
    ------
    TensorError
        When it contradicts itself, or holds what its datatype doesn't.
    """
    if type(entry) is not dict or type(name := entry.get("name")) is not str:
        raise TensorError("every input must be an object with a name")
    shape = entry.get("shape")
    if type(shape) is not list or not shape:
        raise TensorError.about(name, "needs a shape: an array of integers")
    if len(shape) > _DIMENSIONS:
        raise TensorError.about(name, f"has a shape of {len(shape)} dimensions")
    for size in shape:
        if type(size) is not int or size < 0:
            raise TensorError.about(name, "needs a shape: an array of integers from 0 on")
    parameters = entry.get("parameters")
    if parameters is not None:
        if type(parameters) is not dict:
            raise TensorError(f"parameters of input {name[:40]!r} must be an object")
        if "binary_data_size" in parameters:
            return _from_bytes(name, shape, entry, tail)
        if "shared_memory_region" in parameters:
            raise TensorError.about(name, "is in shared memory, which this server doesn't read")
    return _from_json(name, shape, entry)


def _from_json(name: str, shape: list[int], entry: dict[str, Any]) -> Tensor:
    datatype, data = entry.get("datatype"), entry.get("data")
    if type(datatype) is not str or datatype not in _JSON:
        if datatype == BF16:
            raise TensorError.about(name, "is BF16, which has no form in JSON; send it as bytes")
        raise TensorError.about(name, f"needs a datatype, one of {', '.join(_DATATYPES)}")
    if type(data) is not list:
        raise TensorError.about(name, "needs data: an array of values")
    values = _flatten(name, shape, data)
    types = set(map(type, values))
    if not types <= _JSON[datatype]:
        raise TensorError.about(name, f"says {datatype} and has values of another type")
    if len(values) > _MANY and datatype != BYTES and _NONE not in types:
        return Tensor(name, datatype, shape, [], _array(name, datatype, values))
    bounds = BOUNDS.get(datatype)
    if bounds is not None:
        found = [v for v in values if v is not None] if _NONE in types else values
        if found and (min(found) < bounds[0] or max(found) > bounds[1]):
            raise TensorError.about(name, f"has values that no {datatype} can hold")
    return Tensor(name, datatype, shape, values)


def _array(name: str, datatype: str, values: list[Any]) -> Array:
    """The values as an array; an FP32 keeps the digits it was written with."""
    kind = WIRE[datatype].kind
    low, high = BOUNDS.get(datatype, (-np.inf, np.inf))
    try:
        # before NumPy 2 a negative number became a large one
        if kind != "u" or min(values) >= 0:
            array: Array = np.array(values, _WIDEST[kind])
            if low <= array.min() and array.max() <= high:
                return array
    except OverflowError:
        pass
    raise TensorError.about(name, f"has values that no {datatype} can hold")


def _from_bytes(name: str, shape: list[int], entry: dict[str, Any], tail: Tail | None) -> Tensor:
    """Take the tensor from what follows the JSON."""
    datatype, size = entry.get("datatype"), entry["parameters"]["binary_data_size"]
    if type(datatype) is not str or (datatype not in _JSON and datatype != BF16):
        raise TensorError.about(name, f"needs a datatype, one of {', '.join((*_DATATYPES, BF16))}")
    if "data" in entry:
        raise TensorError.about(name, "has data and binary_data_size; give one of them")
    if type(size) is not int or size < 0:
        raise TensorError.about(name, "needs a binary_data_size that is an integer from 0 on")
    if tail is None:
        raise TensorError.about(
            name, "is binary, but the request has no header inference-header-content-length"
        )
    array = elements(name, datatype, shape, tail.take(name, size))
    return Tensor(name, datatype, shape, [], array)


def _flatten(name: str, shape: list[int], data: list[Any]) -> list[Any]:
    """Values in row-major order; data may be flat already, or nested as the shape says."""
    if len(shape) > 1 and data and type(data[0]) is list:
        length = 1
        for size, inner in pairwise(shape):
            length *= size
            if len(data) != length or any(type(p) is not list or len(p) != inner for p in data):
                raise TensorError.about(
                    name, f"has data that is not nested as its shape {shape} says"
                )
            data = [value for part in data for value in part]
    count = math.prod(shape)
    if len(data) != count:
        raise TensorError.about(name, f"has {len(data)} values, its shape says {count}")
    return data
