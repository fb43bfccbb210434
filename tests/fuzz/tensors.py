"""A slow reading of inference requests, JSON or binary, as :mod:`.reading` has of the others."""

from __future__ import annotations

import json
import math
import struct
from typing import Any

import numpy as np

from jupyter_deploy.serving.signature import Column
from tests.fuzz.reading import Refused, parsed

#: What stands before a body, as the header of the request has it.
HEADER = b"inference-header-content-length: "

_DTYPES = {
    "BOOL": "?",
    "FP16": "<f2",
    "FP32": "<f4",
    "FP64": "<f8",
    **{f"INT{8 * n}": f"<i{n}" for n in (1, 2, 4, 8)},
    **{f"UINT{8 * n}": f"<u{n}" for n in (1, 2, 4, 8)},
}


def split(data: bytes) -> tuple[bytes, int | None]:
    """The body in a file, and the length of its JSON when binary tensors follow.

    Such a file begins with the header's line.
    """
    if not data.startswith(HEADER):
        return data, None
    line, _, body = data.partition(b"\n")
    digits = line[len(HEADER) :]
    return body, int(digits) if digits.isdigit() and len(digits) < 10 else -1


def columns(body: bytes, length: int | None, inputs: tuple[Column, ...]) -> list[list[Any]]:
    """Values by column of an infer request.

    Raises
    ------
    Refused
        When it isn't one, or not one for these columns.
    """
    if length == 0:
        return _raw(body, inputs)
    if length is not None and not 0 <= length <= len(body):
        raise Refused("the header's length is none")
    request = parsed(body if length is None else body[:length])
    tail = b"" if length is None else body[length:]
    found: dict[str, tuple[list[int], list[Any]]] = {}
    for entry in request["inputs"] if isinstance(request, dict) else []:
        name, shape, values, tail = _tensor(entry, tail)
        if name in found:
            raise Refused("a tensor is given twice")
        found[name] = shape, values
    if tail or not found:
        raise Refused("bytes of no tensor, or no tensor")
    names = [column.name for column in inputs]
    if list(found) == ["input"]:
        shape, values = found["input"]
        if len(shape) != 2 or shape[1] != len(names):
            raise Refused("a matrix of another width")
        return [values[k :: len(names)] for k in range(len(names))]
    if set(found) != set(names):
        raise Refused("other columns")
    if any(shape[1:] not in ([], [1]) for shape, _ in found.values()):
        raise Refused("another shape")
    if len({len(values) for _, values in found.values()}) != 1:
        raise Refused("ragged columns")
    return [found[name][1] for name in names]


def _raw(body: bytes, inputs: tuple[Column, ...]) -> list[list[Any]]:
    """The body is the data of the only input."""
    values = _elements("FP64", len(body) // 8, body)
    return [values[k :: len(inputs)] for k in range(len(inputs))]


def _tensor(entry: Any, tail: bytes) -> tuple[str, list[int], list[Any], bytes]:
    try:
        name, shape, datatype = entry["name"], entry["shape"], entry["datatype"]
        parameters = entry.get("parameters") or {}
        size = parameters.get("binary_data_size")
    except (TypeError, KeyError, AttributeError) as error:
        raise Refused(f"no tensor: {error}") from None
    if not shape or any(type(n) is not int or n < 0 for n in shape):
        raise Refused("no shape")
    count = math.prod(shape)
    if size is None:
        return name, shape, _listed(entry.get("data"), shape, datatype), tail
    if type(size) is not int or not 0 <= size <= len(tail) or "data" in entry:
        raise Refused("no size")
    return name, shape, _elements(datatype, count, tail[:size]), tail[size:]


def _listed(data: Any, shape: list[int], datatype: str) -> list[Any]:
    if not isinstance(data, list):
        raise Refused("no data")
    if data and isinstance(data[0], list):
        if json.dumps(_shaped(data, shape)) == "null":
            raise Refused("data of another shape")
        for _ in shape[1:]:
            data = [value for part in data for value in part]
    if len(data) != math.prod(shape):
        raise Refused("more or fewer values than the shape says")
    kinds = {"BOOL": bool, "BYTES": str}
    for value in data:
        if value is None:
            continue
        if datatype in kinds:
            fits = isinstance(value, kinds[datatype])
        elif datatype.startswith("FP"):
            fits = isinstance(value, int | float) and not isinstance(value, bool)
        elif "INT" in datatype and datatype in _DTYPES:
            info = np.iinfo(_DTYPES[datatype])
            fits = type(value) is int and info.min <= value <= info.max
        else:
            fits = False
        if not fits:
            raise Refused(f"{value!r} in a tensor of {datatype}")
    return data


def _shaped(data: Any, shape: list[int]) -> Any:
    """The data when its nesting is the shape, else None."""
    if not shape:
        return None if isinstance(data, list) else 0
    if not isinstance(data, list) or len(data) != shape[0]:
        return None
    return 0 if all(_shaped(part, shape[1:]) is not None for part in data) else None


def _elements(datatype: str, count: int, piece: bytes) -> list[Any]:
    if datatype == "BYTES":
        return _texts(count, piece)
    if datatype == "BF16":
        wide = b"".join(b"\0\0" + piece[k : k + 2] for k in range(0, len(piece), 2))
        return _elements("FP32", count, wide)
    if datatype not in _DTYPES:
        raise Refused(f"no datatype {datatype}")
    dtype = np.dtype(_DTYPES[datatype])
    if len(piece) != count * dtype.itemsize:
        raise Refused("another number of bytes than the shape says")
    if datatype == "BOOL" and set(piece) - {0, 1}:
        raise Refused("no BOOL")
    values: list[Any] = np.frombuffer(piece, dtype).tolist()
    return values


def _texts(count: int, piece: bytes) -> list[Any]:
    texts = []
    while piece:
        if len(piece) < 4:
            raise Refused("a length is cut")
        (size,) = struct.unpack("<I", piece[:4])
        if len(piece) < 4 + size:
            raise Refused("a text is cut")
        try:
            texts.append(piece[4 : 4 + size].decode())
        except UnicodeDecodeError as error:
            raise Refused(str(error)) from None
        piece = piece[4 + size :]
    if len(texts) != count:
        raise Refused("another number of texts")
    return texts
