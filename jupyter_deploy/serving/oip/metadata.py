"""What the server and its model say about themselves."""

from __future__ import annotations

from typing import Any

import orjson

from ..engines import Outputs
from ..packed import Packed
from .datatypes import of_dtype
from .inputs import Inputs
from .outputs import named

#: This server's name in its metadata; the gateway in front has the same.
SERVER = "jupyter-model-deploy"
#: Extensions of the protocol that it knows.
EXTENSIONS = ("binary_tensor_data",)


def server(packed: Packed) -> bytes:
    """Body of ``GET /v2``."""
    return orjson.dumps(
        {"name": SERVER, "version": packed.package_version, "extensions": EXTENSIONS}
    )


def model(packed: Packed, inputs: Inputs, sample: Outputs | None) -> bytes:
    """Body of ``GET /v2/models/{name}``; `sample` tells the outputs' true dtypes and shapes."""
    outputs = {} if sample is None else named(sample)
    document: dict[str, Any] = {
        "name": packed.name,
        "versions": [packed.version],
        "platform": packed.engine,
        "inputs": [
            {"name": name, "datatype": datatype, "shape": shape}
            for name, datatype, shape in inputs.described
        ],
        "outputs": [
            {"name": name, "datatype": of_dtype(array.dtype), "shape": [-1, *array.shape[1:]]}
            for name, array in outputs.items()
        ],
        "properties": _properties(packed),
    }
    return orjson.dumps(document)


def _properties(packed: Packed) -> dict[str, str]:
    """What the protocol has no place for; all its values are text."""
    signature = packed.signature
    properties: dict[str, str] = {"task": signature.task}
    labels = {"classes": signature.classes} | {
        f"classes of {output.name}": output.classes for output in signature.outputs
    }
    for key, classes in labels.items():
        if classes is not None:
            properties[key] = orjson.dumps(list(classes)).decode()
    return properties
