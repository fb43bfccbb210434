"""JSON Schemas of what a model takes and answers, from its signature."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ..inputs.cells import Field
from ..inputs.moments import Moments
from ..signature import Column, Output, Signature

Schema = dict[str, Any]

_TYPES = {"datetime": "string"}
_LOCAL = r"^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d([.,]\d{1,9})?)?)?$"
#: The least number that is infinite as a 32-bit float.
_FLOAT32 = 2.0**128 - 2.0**103
_OUTPUTS = {"int": "integer", "uint": "integer", "float": "number", "bool": "boolean"}


class Inputs:
    """Schemas of one model's input.

    Parameters
    ----------
    fields
        The columns as the loaded engine takes them; without it, as the signature has them.
    """

    def __init__(self, signature: Signature, fields: Sequence[Field] = ()) -> None:
        self._signature = signature
        self._columns = signature.inputs
        known: list[Field | None] = [*fields] or [None] * len(self._columns)
        both = list(zip(self._columns, known, strict=True))
        self._values = [_value(signature, column, field) for column, field in both]
        self._required = [c.name for c, field in both if not _may_be_missing(signature, c, field)]
        self._rows: Schema = {"minItems": 0 if signature.policy("empty") == "pass" else 1}
        if signature.max_rows is not None:
            self._rows["maxItems"] = signature.max_rows

    def record(self) -> Schema:
        """One row as an object."""
        return self._object(self._values)

    def columns(self) -> Schema:
        """All rows as an object of arrays, which must be of one length."""
        arrays = [{"type": "array", "items": v, **self._rows} for v in self._values]
        return {**self._object(arrays), "description": "Arrays of one length, a value per row."}

    def row(self) -> Schema:
        """One row as an array in the order of the columns; the one tensor's value itself."""
        if self._signature.layout == "tensors" and len(self._values) == 1:
            return self._values[0]
        count = len(self._values)
        return {
            "type": "array",
            "prefixItems": self._values,
            "items": False,
            "minItems": count,
            "maxItems": count,
        }

    def many(self, row: Schema) -> Schema:
        """An array of rows."""
        return {"type": "array", "items": row, **self._rows}

    def _object(self, values: Sequence[Schema]) -> Schema:
        schema: Schema = {
            "type": "object",
            "properties": {
                column.name: value for column, value in zip(self._columns, values, strict=True)
            },
            "additionalProperties": self._signature.policy("extra") == "pass",
        }
        return schema | ({"required": self._required} if self._required else {})


def answer(signature: Signature, *, predictions_only: bool = False, labels: bool = True) -> Schema:
    """Schema of an answer.

    Parameters
    ----------
    labels
        Whether a classifier's predictions are its labels: a function of the user's behind it
        may have made something else of them.
    """
    outputs = signature.outputs[:1] if predictions_only else signature.outputs
    properties = {output.name: _output(signature, output, labels) for output in outputs}
    schema: Schema = {"type": "object", "required": list(properties), "properties": properties}
    if signature.classes is not None and not predictions_only:
        properties["classes"] = {
            "type": "array",
            "description": f"Labels in the order of the probabilities: {signature.classes}.",
        }
    several = [output.name for output in outputs if output.classes is not None]
    if several and not predictions_only:
        arrays = {name: {"type": "array"} for name in several}
        properties["classes"] = {"type": "object", "properties": arrays}
    return schema


def seen(column: Column) -> str:
    """Say what the sample held, in words; empty when there is nothing to say."""
    if column.categories is not None:
        shown = ", ".join(map(str, column.categories[:10]))
        more = len(column.categories) - 10
        return f"{shown} and {more} others" if more > 0 else shown
    if column.minimum is None:
        return ""
    low, high = (
        f"{end:.6g}" if isinstance(end, float) else str(end)
        for end in (column.minimum, column.maximum)
    )
    return f"{low} to {high}"


def example(signature: Signature, warmup: Any) -> Mapping[str, Any]:
    """One row of the sample as a record."""
    if signature.example:
        return signature.example
    names = [column.name for column in signature.inputs]
    if isinstance(warmup, list):
        row = warmup[0]
        return row if isinstance(row, dict) else dict(zip(names, row, strict=True))
    return {name: v[0] if isinstance(v, list) else v for name, v in warmup.items()}


def _value(signature: Signature, column: Column, field: Field | None) -> Schema:
    """Schema of one row's value in a column."""
    schema = _scalar(signature, column, field)
    for length in reversed(column.shape):
        schema = {"type": "array", "items": schema}
        if length >= 0:
            schema |= {"minItems": length, "maxItems": length}
    held = seen(column)
    return schema | {"description": f"{column.dtype}{f'; sample: {held}' if held else ''}"}


def _scalar(signature: Signature, column: Column, field: Field | None) -> Schema:
    if signature.policy("type", column) == "coerce":
        # many types are taken; which values of them depends on whether anything would be lost
        return {}
    null = column.nullable if field is None else field.nullable
    if field is not None and field.holds_null and signature.policy("null", column) == "pass":
        null = True
    kind = _TYPES.get(column.kind, column.kind)
    schema: Schema = {"type": [kind, "null"] if null else kind}
    if column.kind == "datetime":
        schema |= _moment(column)
    if column.categories is not None and signature.policy("category", column) == "reject":
        schema["enum"] = [*column.categories, *([None] if null else [])]
    return schema | _range(signature, column, field)


def _may_be_missing(signature: Signature, column: Column, field: Field | None) -> bool:
    coerced = signature.policy("missing", column) == "coerce"
    return coerced and (column.nullable if field is None else field.holds_null)


def _moment(column: Column) -> Schema:
    moments = Moments.of(column.dtype, column.minimum)
    if moments.unit == "D":
        return {"format": "date"}
    if moments.zone is not None:
        return {"format": "date-time"}
    # without an offset it is none of JSON Schema's formats
    seen = [] if column.minimum is None else [column.minimum]
    return {"pattern": _LOCAL, "examples": seen}


def _range(signature: Signature, column: Column, field: Field | None) -> Schema:
    """The bounds of what the engine's type holds and, if others are refused, of the sample."""
    schema: Schema = {}
    if column.kind not in ("number", "integer"):
        return schema
    if field is not None and column.kind == "integer":
        schema = {"minimum": field.low, "maximum": field.high}
    elif field is not None and math.isfinite(field.high):
        # what is nearer to the largest than to the next one up is rounded to it
        schema = {"exclusiveMinimum": -_FLOAT32, "exclusiveMaximum": _FLOAT32}
    if signature.policy("range", column) == "reject" and column.minimum is not None:
        schema = {"minimum": column.minimum, "maximum": column.maximum}
    return schema


def _output(signature: Signature, output: Output, labels: bool) -> Schema:
    kind = _OUTPUTS.get(output.dtype.lower().rstrip("0123456789"))
    item: Schema = {}
    if labels and output.name == "predictions" and signature.classes and len(output.shape) == 1:
        item = {"enum": list(signature.classes)}
    elif kind == "number":
        # NaN and infinities have no other form
        item = {"type": ["number", "null"]}
    elif kind is not None:
        item = {"type": kind}
    for _ in output.shape:
        item = {"type": "array", "items": item}
    return item
