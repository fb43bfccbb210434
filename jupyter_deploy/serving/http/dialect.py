"""A signature in BentoML's dialect of JSON Schema, which its ``/schema.json`` and clients speak.

Its clients make a request by this schema: of ``array`` and ``object`` they take lists and dicts
as they are, of ``tensor`` (BentoML's own word) lists and arrays of numpy's alike.
"""

from __future__ import annotations

import copy
from typing import Annotated, Any

import numpy as np

from ..packed import Packed
from ..signature import Column, Signature
from . import schemas
from .schemas import Schema


class Documented:
    """Metadata of an annotated type: the schema it is described by."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema

    def __get_pydantic_json_schema__(self, core: Any, handler: Any) -> Schema:
        """Return the schema; BentoML changes what it gets."""
        return copy.deepcopy(self._schema)


def types_of(packed: Packed) -> dict[str, Any]:
    """Return the annotations of ``predict(rows)``."""
    answer = schemas.answer(packed.signature, labels=packed.hooks is None)
    return {
        "rows": Annotated[Any, Documented(table(packed.signature))],
        "return": Annotated[Any, Documented(answer)],
    }


def table(signature: Signature) -> Schema:
    """Return the schema of a batch of rows."""
    columns = signature.inputs
    if signature.layout == "array":
        return {**_tensor(columns, (len(columns),)), "columns": [c.name for c in columns]}
    if signature.layout != "tensors":
        inputs = schemas.Inputs(signature)
        return inputs.many(inputs.record())
    if len(columns) == 1:
        return _tensor(columns, columns[0].shape)
    tensors = {column.name: _tensor((column,), column.shape) for column in columns}
    return {"type": "object", "properties": tensors, "required": list(tensors)}


def _tensor(columns: tuple[Column, ...], row: tuple[int, ...]) -> Schema:
    schema: Schema = {"type": "tensor", "format": "numpy-array"}
    dtype = _dtype(columns)
    if dtype is not None:
        schema["dtype"] = dtype
    if -1 not in row:
        schema["shape"] = [-1, *row]
    return schema


def _dtype(columns: tuple[Column, ...]) -> str | None:
    """The dtype that all columns share, when it is one of numbers."""
    try:
        [found] = {np.dtype(column.dtype) for column in columns}
    except (TypeError, ValueError):
        return None
    return found.name if found.kind in "iufb" else None
