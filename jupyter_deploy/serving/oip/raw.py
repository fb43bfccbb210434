"""A request without JSON: the body is the one input's data, and all outputs are wanted as bytes.

The extension's "raw binary request": its header length is 0, and the model has one input, of
which only the number of rows may vary.
"""

from __future__ import annotations

import math

import numpy as np

from .binary import elements
from .datatypes import BYTES, WIRE
from .errors import TensorError
from .inputs import Inputs
from .request import Request
from .tensors import Tensor


def read_raw(body: bytes, inputs: Inputs) -> Request:
    """Read a body.

    Raises
    ------
    TensorError
        When the model has another number of inputs, or the bytes don't fit the one it has.
    """
    if len(inputs.described) != 1:
        raise TensorError(
            "a body without JSON (inference-header-content-length: 0) is for models of one input, "
            f"this one has {len(inputs.described)}"
        )
    ((name, datatype, shape),) = inputs.described
    row = shape[1:]
    if -1 in row or (datatype == BYTES and row):
        raise TensorError.about(name, f"has shape {shape}, which its data alone doesn't tell")
    if datatype == BYTES:
        try:
            array = np.array([str(body, "utf-8")], dtype=object)
        except UnicodeDecodeError:
            raise TensorError.about(name, "is not UTF-8") from None
    else:
        size = math.prod(row) * WIRE[datatype].itemsize
        if len(body) % size:
            raise TensorError.about(
                name, f"has {len(body)} bytes, its rows of {datatype} have {size} each"
            )
        array = elements(name, datatype, [len(body) // size, *row], memoryview(body))
    rows = array.size // math.prod(row)
    tensor = Tensor(name, datatype, [rows, *row], [], array)
    return Request({name: tensor}, {}, None, binary=True)
