"""An infer request: what it says, checked as far as that goes without knowing the model."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import orjson

from ..decode import refuse_repeated_keys
from ..problems import MalformedBody
from .binary import Array, Tail, elements
from .datatypes import BF16, BOUNDS, BYTES, WIRE
from .errors import TensorError

_NONE = type(None)
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
        Flat, in row-major order; empty when it came as bytes.
    array
        The same of an input that came as bytes, else None.
    """

    name: str
    datatype: str
    shape: list[int]
    values: list[Any]
    array: Array | None = None


@dataclass(slots=True)
class Request:
    """A checked request.

    Attributes
    ----------
    identity
        ``{"id": …}`` when it has one.
    outputs
        Names in the order asked for, and whether as bytes; None for all.
    binary
        Whether all outputs are wanted as bytes.
    """

    tensors: dict[str, Tensor]
    identity: dict[str, str]
    outputs: dict[str, bool] | None
    binary: bool


def read(body: bytes, header_length: int | None) -> Request:
    """Read a body.

    Parameters
    ----------
    header_length
        Bytes of JSON in it; None when it is all JSON.

    Raises
    ------
    MalformedBody, TensorError
        Saying what is wrong.
    """
    text, tail = body, None
    if header_length is not None:
        if header_length < 0:
            raise TensorError("inference-header-content-length must be one whole number")
        if header_length > len(body):
            raise TensorError(
                f"inference-header-content-length is {header_length}, "
                f"the body has {len(body)} bytes"
            )
        text, tail = body[:header_length], Tail(memoryview(body)[header_length:])
    try:
        request = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise MalformedBody(str(error)) from None
    if type(request) is not dict:
        raise TensorError("the body must be an object")
    identity = request.get("id")
    if identity is not None and type(identity) is not str:
        raise TensorError("id must be a string")
    parameters = _parameters("the request", request)
    keys = len(request) + len(parameters)
    binary = _flag("the request", parameters, "binary_data_output")
    outputs, more = _outputs(request.get("outputs"), binary)
    keys += more
    entries = request.get("inputs")
    if type(entries) is not list or not entries:
        raise TensorError("inputs must be an array of at least one tensor")
    tensors: dict[str, Tensor] = {}
    for entry in entries:
        tensor = _tensor(entry, tail)
        if tensor.name in tensors:
            raise TensorError.about(tensor.name, "is given twice")
        tensors[tensor.name] = tensor
        keys += len(entry) + len(entry.get("parameters") or ())
    if tail is not None:
        tail.end()
    try:
        refuse_repeated_keys(text, keys)
    except RecursionError:  # an unknown parameter may hold anything
        raise MalformedBody("it is nested too deeply") from None
    named = {} if identity is None else {"id": identity}
    return Request(tensors, named, outputs, binary)


def _tensor(entry: Any, tail: Tail | None) -> Tensor:
    if type(entry) is not dict or type(name := entry.get("name")) is not str:
        raise TensorError("every input must be an object with a name")
    shape = entry.get("shape")
    if type(shape) is not list or not shape:
        raise TensorError.about(name, "needs a shape: an array of integers")
    for size in shape:
        if type(size) is not int or size < 0:
            raise TensorError.about(name, "needs a shape: an array of integers from 0 on")
    if "parameters" in entry:
        label = f"input {name[:40]!r}"
        parameters = _parameters(label, entry)
        if "binary_data_size" in parameters:
            return _from_bytes(name, shape, entry, tail)
        if "shared_memory_region" in parameters:
            raise TensorError(f"{label} is in shared memory, which this server doesn't read")
    return _from_json(name, shape, entry)


def _from_json(name: str, shape: list[int], entry: dict[str, Any]) -> Tensor:
    datatype, data = entry.get("datatype"), entry.get("data")
    if type(datatype) is not str or datatype not in _JSON:
        if datatype == BF16:
            raise TensorError.about(name, "is BF16, which has no form in JSON; send it as bytes")
        raise TensorError.about(name, f"needs a datatype, one of {', '.join(_JSON)}")
    if type(data) is not list:
        raise TensorError.about(name, "needs data: an array of values")
    values = _flatten(name, shape, data)
    types = set(map(type, values))
    if not types <= _JSON[datatype]:
        raise TensorError.about(name, f"says {datatype} and has values of another type")
    bounds = BOUNDS.get(datatype)
    if bounds is not None:
        found = [v for v in values if v is not None] if _NONE in types else values
        if found and (min(found) < bounds[0] or max(found) > bounds[1]):
            raise TensorError.about(name, f"has values that no {datatype} can hold")
    return Tensor(name, datatype, shape, values)


def _from_bytes(name: str, shape: list[int], entry: dict[str, Any], tail: Tail | None) -> Tensor:
    """Take the tensor from what follows the JSON."""
    datatype, size = entry.get("datatype"), entry["parameters"]["binary_data_size"]
    if type(datatype) is not str or (datatype not in _JSON and datatype != BF16):
        raise TensorError.about(name, f"needs a datatype, one of {', '.join((*_JSON, BF16))}")
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


def _outputs(entries: Any, binary: bool) -> tuple[dict[str, bool] | None, int]:
    """Outputs asked for, by name; and how many keys that took."""
    if entries is None:
        return None, 0
    if type(entries) is not list:
        raise TensorError("outputs must be an array")
    wanted: dict[str, bool] = {}
    keys = 0
    for entry in entries:
        if type(entry) is not dict or type(name := entry.get("name")) is not str:
            raise TensorError("every output must be an object with a name")
        label = f"output {name[:40]!r}"
        if name in wanted:
            raise TensorError(f"{label} is asked for twice")
        parameters = _parameters(label, entry)
        keys += len(entry) + len(parameters)
        if parameters.get("classification"):
            raise TensorError(
                f"{label} is wanted as a classification, which this server doesn't make; "
                "ask for predictions and probabilities"
            )
        if "shared_memory_region" in parameters:
            raise TensorError(f"{label} is wanted in shared memory, which this server can't write")
        wanted[name] = _flag(label, parameters, "binary_data", default=binary)
    return wanted or None, keys


def _parameters(label: str, part: Mapping[str, Any]) -> dict[str, Any]:
    parameters = part.get("parameters")
    if parameters is None:
        return {}
    if type(parameters) is not dict:
        raise TensorError(f"parameters of {label} must be an object")
    return parameters


def _flag(label: str, parameters: Mapping[str, Any], key: str, default: bool = False) -> bool:
    value = parameters.get(key, default)
    if type(value) is not bool:
        raise TensorError(f"parameter {key} of {label} must be true or false")
    return value
