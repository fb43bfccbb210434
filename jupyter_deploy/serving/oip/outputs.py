"""A model's outputs as tensors, in JSON or as bytes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import orjson

from ..engines import Outputs
from ..http.encode import writable
from .binary import Array, packed
from .datatypes import BYTES, WIRE, of_dtype


def named(outputs: Outputs) -> dict[str, Array]:
    """All outputs by name, the first one first."""
    found = {"predictions": outputs.predictions}
    if outputs.probabilities is not None:
        found["probabilities"] = outputs.probabilities
    return {**found, **outputs.others} if outputs.others else found


def write(
    answer: dict[str, Any], outputs: Mapping[str, Array], wanted: Mapping[str, bool]
) -> tuple[bytes, int | None]:
    """Write an answer's body.

    Parameters
    ----------
    answer
        What it says beside the outputs.
    wanted
        Names of the outputs in their order, and whether as bytes.

    Returns
    -------
    tuple
        The body, and the length of its JSON when bytes follow.
    """
    parts: list[bytes] = []
    tensors = []
    for name, binary in wanted.items():
        array = outputs[name]
        datatype = of_dtype(array.dtype)
        tensor = {"name": name, "datatype": datatype, "shape": array.shape}
        flat = array.reshape(-1)
        if binary:
            part = _bytes(flat, datatype)
            tensor["parameters"] = {"binary_data_size": len(part)}
            parts.append(part)
        else:
            tensor["data"] = _texts(flat) if datatype == BYTES else writable(flat)
        tensors.append(tensor)
    answer["outputs"] = tensors
    text = orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY)
    if not parts:
        return text, None
    return b"".join([text, *parts]), len(text)


def _bytes(flat: Array, datatype: str) -> bytes:
    if datatype == BYTES:
        return packed(_texts(flat))
    return flat.astype(WIRE[datatype], copy=False).tobytes()


def _texts(flat: Array) -> list[str | None]:
    """Elements as text; None for what is missing."""
    if flat.dtype.kind == "M":  # ISO 8601
        return [None if text == "NaT" else text for text in np.datetime_as_string(flat).tolist()]
    values: list[Any] = flat.tolist()
    return values if set(map(type, values)) <= {str} else [_text(value) for value in values]


def _text(value: Any) -> str | None:
    if type(value) is str:
        return value
    # NaN is the one value that differs from itself
    return None if value is None or value != value else str(value)  # noqa: PLR0124
