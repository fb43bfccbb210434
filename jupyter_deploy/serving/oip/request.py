"""An infer request: what it says, checked as far as that goes without knowing the model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from ..inputs.decode import refuse_repeated_keys
from ..problems import MalformedBody
from .binary import Tail
from .errors import TensorError
from .parameters import flag, parameters_of
from .tensors import Tensor, read_tensor


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
    text, tail = _parts(body, header_length)
    try:
        request = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise MalformedBody(f"not valid JSON: {error}") from None
    if type(request) is not dict:
        raise TensorError("the body must be an object")
    identity = request.get("id")
    if identity is not None and type(identity) is not str:
        raise TensorError("id must be a string")
    keys = len(request)
    binary = False
    if "parameters" in request:
        parameters = parameters_of("the request", request)
        keys += len(parameters)
        binary = flag("the request", parameters, "binary_data_output")
    outputs, more = _outputs(request.get("outputs"), binary)
    keys += more
    entries = request.get("inputs")
    if type(entries) is not list or not entries:
        raise TensorError("inputs must be an array of at least one tensor")
    tensors: dict[str, Tensor] = {}
    for entry in entries:
        tensor = read_tensor(entry, tail)
        if tensor.name in tensors:
            raise TensorError.about(tensor.name, "is given twice")
        tensors[tensor.name] = tensor
        keys += len(entry)
        if "parameters" in entry:
            keys += len(entry["parameters"] or ())
    if tail is not None:
        tail.end()
    try:
        refuse_repeated_keys(text, keys)
    except RecursionError:  # an unknown parameter may hold anything
        raise MalformedBody("it is nested too deeply") from None
    named = {} if identity is None else {"id": identity}
    return Request(tensors, named, outputs, binary)


def _parts(body: bytes, header_length: int | None) -> tuple[bytes, Tail | None]:
    """The JSON, and what follows it."""
    if header_length is None:
        return body, None
    if header_length < 0:
        raise TensorError("inference-header-content-length must be one whole number")
    if header_length > len(body):
        raise TensorError(
            f"inference-header-content-length is {header_length}, the body has {len(body)} bytes"
        )
    return body[:header_length], Tail(memoryview(body)[header_length:])


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
        parameters = parameters_of(label, entry)
        keys += len(entry) + len(parameters)
        if parameters.get("classification"):
            raise TensorError(
                f"{label} is wanted as a classification, which this server doesn't make; "
                "ask for predictions and probabilities"
            )
        if "shared_memory_region" in parameters:
            raise TensorError(f"{label} is wanted in shared memory, which this server can't write")
        wanted[name] = flag(label, parameters, "binary_data", default=binary)
    return wanted or None, keys
