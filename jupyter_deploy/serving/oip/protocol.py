"""The Open Inference Protocol, version 2, in JSON.

Input tensors are the model's columns, each of shape [rows]. A model of an array has the single
input ``input`` of shape [rows, columns]; any model of numbers takes that form too.
Outputs are ``predictions`` and, for classifiers, ``probabilities``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import orjson

from ..decode import refuse_repeated_keys
from ..encode import writable
from ..engines import Outputs
from ..problems import InvalidInput, MalformedBody, Problem
from ..runtime import Runtime
from ..signature import Column, Signature

#: This server's name in its metadata; the gateway in front has the same.
SERVER = "jupyter-model-deploy"
#: Name of the one tensor that holds all columns.
MATRIX = "input"

_OUT = {"b1": "BOOL", "f2": "FP16", "f4": "FP32", "f8": "FP64"} | {
    f"{kind}{size}": f"{name}{8 * size}"
    for kind, name in (("i", "INT"), ("u", "UINT"))
    for size in (1, 2, 4, 8)
}
_IN: dict[str, frozenset[type]] = {
    **{name: frozenset((int,)) for name in _OUT.values() if "INT" in name},
    **{f"FP{bits}": frozenset((int, float)) for bits in (16, 32, 64)},
    "BOOL": frozenset((bool,)),
    "BYTES": frozenset((str,)),
}
_BY_KIND = {"number": "FP64", "integer": "INT64", "boolean": "BOOL", "string": "BYTES"}


class TensorError(Problem):
    """An infer request that isn't one."""

    status = 400
    code = "invalid-tensor"
    title = "The inference request is not valid"


@dataclass(frozen=True, slots=True)
class InferReply:
    """An answer.

    Attributes
    ----------
    body
        JSON, and binary tensors after it.
    rows
        Rows in the batch.
    header_length
        Bytes of JSON when binary tensors follow; None without.
    """

    body: bytes
    rows: int
    header_length: int | None = None


class Protocol:
    """Metadata and inference of one model."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        packed = runtime.packed
        self._columns = packed.signature.inputs
        self._matrix = all(c.kind in ("number", "integer") for c in self._columns)
        self._identity = {"model_name": packed.name, "model_version": packed.version}

    def server_metadata(self) -> bytes:
        """Body of ``GET /v2``."""
        version = self._runtime.packed.package_version
        return orjson.dumps({"name": SERVER, "version": version, "extensions": []})

    def model_metadata(self) -> bytes:
        """Body of ``GET /v2/models/{name}``."""
        runtime = self._runtime
        packed = runtime.packed
        document = {
            "name": packed.name,
            "versions": [packed.version],
            "platform": packed.engine,
            "inputs": _inputs(packed.signature),
            "outputs": [
                {"name": name, "datatype": _datatype(array), "shape": [-1, *array.shape[1:]]}
                for name, array in _named(runtime.sample).items()
            ],
        }
        return orjson.dumps(document)

    def infer(self, body: bytes, header_length: int | None = None) -> InferReply:
        """Answer an infer request.

        Raises
        ------
        Problem
            Whatever is wrong with the request or the model.
        """
        if header_length is not None:
            raise TensorError("binary tensors are not supported; send JSON (binary_data=False)")
        try:
            request = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise MalformedBody(str(error)) from None
        document, wanted, identity = self._read(request)
        batch, rows = self._runtime.decoder.convert(document)
        refuse_repeated_keys(body, _keys(request))
        outputs = _named(self._runtime.run(batch, lambda: document))
        answer = {
            **self._identity,
            **identity,
            "outputs": [_tensor(name, outputs[name]) for name in wanted or outputs],
        }
        return InferReply(orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY), rows)

    def _read(self, request: Any) -> tuple[Any, list[str], dict[str, str]]:
        if type(request) is not dict:
            raise TensorError("the body must be an object")
        identity = request.get("id")
        if identity is not None and type(identity) is not str:
            raise TensorError("id must be a string")
        if type(request.get("parameters", {})) is not dict:
            raise TensorError("parameters must be an object")
        wanted = _wanted(request.get("outputs"), self._runtime)
        document = self._document(request.get("inputs"))
        return document, wanted, {} if identity is None else {"id": identity}

    def _document(self, inputs: Any) -> Any:
        """The tensors as a ``/predict`` body has them."""
        if type(inputs) is not list or not inputs:
            raise TensorError("inputs must be an array of at least one tensor")
        tensors: dict[str, tuple[list[int], list[Any]]] = {}
        for tensor in inputs:
            name, shape, values = _check(tensor)
            if name in tensors:
                raise TensorError(f"input {name!r} is given twice")
            tensors[name] = shape, values
        known = [c.name for c in self._columns]
        if tensors.keys() == {MATRIX} and (known != [MATRIX] or len(tensors[MATRIX][0]) == 2):
            return self._rows(*tensors[MATRIX])
        for name, (shape, _) in tensors.items():
            if name not in known:
                raise TensorError(f"there is no input {name!r}; inputs are {_some(known)}")
            if len(shape) > 2 or shape[1:] not in ([], [1]):
                raise TensorError(f"input {name!r} has shape {shape}, expected [rows] or [rows, 1]")
        missing = [name for name in known if name not in tensors]
        if missing:
            raise TensorError(f"missing inputs: {_some(missing)}")
        return {name: values for name, (_, values) in tensors.items()}

    def _rows(self, shape: list[int], values: list[Any]) -> list[list[Any]]:
        width = len(self._columns)
        if not self._matrix:
            raise TensorError("this model's columns are not all numbers; send a tensor per column")
        if len(shape) != 2 or shape[1] != width:
            raise TensorError(f"input {MATRIX!r} has shape {shape}, expected [rows, {width}]")
        return [values[i : i + width] for i in range(0, len(values), width)]


def message(problem: Problem) -> str:
    """Put a problem into the one sentence this protocol has room for."""
    if isinstance(problem, InvalidInput) and problem.cells:
        return "; ".join(str(cell) for cell in problem.cells)
    return problem.detail


def _inputs(signature: Signature) -> list[dict[str, Any]]:
    columns = signature.inputs
    if signature.layout == "array":
        return [{"name": MATRIX, "datatype": _input_type(columns[0]), "shape": [-1, len(columns)]}]
    return [{"name": c.name, "datatype": _input_type(c), "shape": [-1]} for c in columns]


def _input_type(column: Column) -> str:
    if column.kind in ("number", "integer"):
        try:
            dtype = np.dtype(column.dtype.lower())
        except TypeError:
            return _BY_KIND[column.kind]
        return _OUT.get(f"{dtype.kind}{dtype.itemsize}", _BY_KIND[column.kind])
    return _BY_KIND[column.kind]


def _datatype(array: np.ndarray[Any, Any]) -> str:
    return _OUT.get(f"{array.dtype.kind}{array.dtype.itemsize}", "BYTES")


def _named(outputs: Outputs | None) -> dict[str, np.ndarray[Any, Any]]:
    if outputs is None:
        return {}
    named = {"predictions": outputs.predictions}
    if outputs.probabilities is not None:
        named["probabilities"] = outputs.probabilities
    return named


def _tensor(name: str, array: np.ndarray[Any, Any]) -> dict[str, Any]:
    datatype = _datatype(array)
    flat = array.reshape(-1)
    data = [str(v) for v in flat.tolist()] if datatype == "BYTES" else writable(flat)
    return {"name": name, "datatype": datatype, "shape": array.shape, "data": data}


def _wanted(outputs: Any, runtime: Runtime) -> list[str]:
    """Names of the requested outputs; empty for all."""
    if outputs is None:
        return []
    if type(outputs) is not list:
        raise TensorError("outputs must be an array")
    known = _named(runtime.sample)
    wanted = []
    for output in outputs:
        name = output.get("name") if type(output) is dict else None
        if type(name) is not str or name not in known:
            raise TensorError(f"there is no such output; outputs are {_some(list(known))}")
        wanted.append(name)
    return wanted


def _check(tensor: Any) -> tuple[str, list[int], list[Any]]:
    """Name, shape and flat values of one input tensor."""
    if type(tensor) is not dict or type(tensor.get("name")) is not str:
        raise TensorError("every input must be an object with a name")
    label = f"input {tensor['name'][:40]!r}"
    parameters = tensor.get("parameters", {})
    if type(parameters) is not dict or "binary_data_size" in parameters:
        raise TensorError(f"{label} is binary; this server takes JSON data (binary_data=False)")
    shape, datatype, data = (tensor.get(key) for key in ("shape", "datatype", "data"))
    if type(shape) is not list or not shape or not all(type(n) is int and n >= 0 for n in shape):
        raise TensorError(f"{label} needs a shape: an array of integers")
    if type(datatype) is not str or datatype not in _IN:
        raise TensorError(f"{label} needs a datatype, one of {', '.join(_IN)}")
    if type(data) is not list:
        raise TensorError(f"{label} needs data: an array of values")
    values = _flatten(label, shape, data)
    # null is for the model's columns to take or to refuse
    types = set(map(type, values)) - {type(None)}
    if not types <= _IN[datatype]:
        raise TensorError(f"{label} says {datatype} and has values of another type")
    if "INT" in datatype and types:
        info = np.iinfo(datatype.lower())
        found = [v for v in values if v is not None]
        if min(found) < info.min or max(found) > info.max:
            raise TensorError(f"{label} has values that no {datatype} can hold")
    return tensor["name"], shape, values


def _keys(request: dict[str, Any]) -> int:
    """Keys of a checked request."""
    parts = [request, *request["inputs"], *(request.get("outputs") or ())]
    parameters = [part.get("parameters") or {} for part in parts]
    return sum(map(len, parts)) + sum(map(len, parameters))


def _flatten(label: str, shape: list[int], data: list[Any]) -> list[Any]:
    """Values in row-major order; data may be flat already, or nested as the shape says."""
    if len(shape) > 1 and data and type(data[0]) is list:
        length = 1
        for size, inner in pairwise(shape):
            length *= size
            if len(data) != length or any(type(p) is not list or len(p) != inner for p in data):
                raise TensorError(f"{label} has data that is not nested as its shape {shape} says")
            data = [value for part in data for value in part]
    if len(data) != math.prod(shape):
        raise TensorError(f"{label} has {len(data)} values, its shape says {math.prod(shape)}")
    return data


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:5])
    return f"{shown} and {len(names) - 5} others" if len(names) > 5 else shown
