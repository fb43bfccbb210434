"""ONNX Runtime."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..cells import Field
from ..packed import Packed
from ..signature import Column, Signature
from .base import Array, Outputs, bounds, has_probabilities, integer_dtype

_ONNX_TYPES: dict[str, np.dtype[Any]] = {
    "tensor(float)": np.dtype(np.float32),
    "tensor(double)": np.dtype(np.float64),
    "tensor(int64)": np.dtype(np.int64),
    "tensor(int32)": np.dtype(np.int32),
    "tensor(bool)": np.dtype(np.bool_),
    "tensor(string)": np.dtype(object),
}


class OnnxEngine:
    """An ONNX model, one thread per call."""

    platform = "onnxruntime"
    reentrant = True

    def __init__(self, packed: Packed) -> None:
        import onnxruntime as ort

        options = ort.SessionOptions()
        # one row a request: threads cost more than they give, and workers are the way to scale
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
        # what a request fails on is raised, and logged with the request's id
        options.log_severity_level = 4
        self._session = ort.InferenceSession(
            str(packed.model), options, providers=["CPUExecutionProvider"]
        )
        signature = packed.signature
        inputs = self._session.get_inputs()
        dtypes = [_ONNX_TYPES[i.type] for i in inputs]
        columns = signature.inputs
        one = len(inputs) == 1 and dtypes[0].kind != "O" and len(inputs[0].shape) == 2
        if one and inputs[0].shape[1] in (len(columns), None):
            self.matrix: np.dtype[Any] | None = dtypes[0]
            self._names = [inputs[0].name]
            self.fields: Sequence[Field] = [_field(c, dtypes[0]) for c in columns]
        elif len(inputs) == len(columns):
            self.matrix = None
            place = {i.name: k for k, i in enumerate(inputs)}
            # converters may rename inputs, never reorder them
            order = [place.get(c.name, k) for k, c in enumerate(columns)]
            self._names = [inputs[k].name for k in order]
            self._dtypes = [dtypes[k] for k in order]
            self.fields = [_field(c, d) for c, d in zip(columns, self._dtypes, strict=True)]
        else:
            raise ValueError(
                f"{packed.model.name} has {len(inputs)} inputs, "
                f"the signature has {len(columns)} columns"
            )
        self._outputs = [o.name for o in self._session.get_outputs()]
        if not has_probabilities(signature):
            del self._outputs[1:]
        self._labels = _label_types(signature)

    def assemble(self, columns: list[list[Any]]) -> Any:
        """Make the matrix, or one array of shape (rows, 1) per input."""
        if self.matrix is not None:
            return np.ascontiguousarray(np.array(columns, dtype=self.matrix).T)
        return [
            np.array(values, dtype=dtype).reshape(-1, 1)
            for values, dtype in zip(columns, self._dtypes, strict=True)
        ]

    def run(self, batch: Any) -> Outputs:
        """Answer a batch of :meth:`assemble`, or a matrix."""
        if self.matrix is not None:
            feed = {self._names[0]: batch}
        else:
            feed = dict(zip(self._names, batch, strict=True))
        found = self._session.run(self._outputs, feed)
        return Outputs(self._labels(found[0]), found[1] if len(found) > 1 else None)


def _field(column: Column, dtype: np.dtype[Any]) -> Field:
    """The column as a tensor of `dtype` can hold it; only floats have a form for null."""
    low, high = bounds(dtype)
    if column.kind == "integer":
        # in a float array the column's own range still holds
        own_low, own_high = bounds(integer_dtype(column))
        low, high = max(low, own_low), min(high, own_high)
    return Field(column, low, high, nullable=column.nullable and dtype.kind == "f")


def _label_types(signature: Signature) -> Callable[[Array], Array]:
    """Bring predictions to the shape and types of the native model's.

    ONNX has one column for one target, and knows labels as int64 or string only.
    """
    output = signature.outputs[0]
    flat = len(output.shape) == 1
    as_bool = signature.classes is not None and all(type(c) is bool for c in signature.classes)
    # numbers that are no labels stay as exact as the model computed them
    dtype: np.dtype[Any] | None = None
    if output.dtype != "object" and (signature.task == "classification" or "int" in output.dtype):
        dtype = np.dtype(output.dtype)

    def convert(values: Array) -> Array:
        if flat and values.ndim > 1:
            values = values.reshape(-1)
        if dtype is not None and values.dtype != dtype:
            return values.astype(dtype)
        return values.astype(bool) if as_bool and values.dtype.kind in "iuf" else values

    return convert
