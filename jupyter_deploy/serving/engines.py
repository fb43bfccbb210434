"""Who runs the model: ONNX Runtime, or the pickled object itself.

An engine says how it wants its input (:class:`~.decode.Input`), makes it from checked columns,
and runs it. Nothing here knows of HTTP.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from .cells import Field
from .decode import Input
from .packed import Packed
from .signature import Column, Signature

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Outputs:
    """Answers for a batch.

    Attributes
    ----------
    predictions
        Shape (rows,) or (rows, k), labels in the types the model was trained with.
    probabilities
        Shape (rows, classes); None for models without.
    """

    predictions: Array
    probabilities: Array | None


class Engine(Input, Protocol):
    """A loaded model."""

    #: The library that runs it, for metadata.
    platform: str
    #: Whether calls are known to be safe and short enough for the event loop.
    reentrant: bool

    def run(self, batch: Any) -> Outputs:
        """Answer a batch; raises whatever the model raises."""


def load(packed: Packed) -> Engine:
    """Load the packed model, after checking that it is the file that was packed.

    Raises
    ------
    ValueError
        When the file was changed, or its inputs don't match the signature.
    """
    packed.verify()
    if packed.engine == "onnxruntime":
        return OnnxEngine(packed)
    return NativeEngine(packed)


def _bounds(dtype: np.dtype[Any]) -> tuple[float, float]:
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        return int(info.min), int(info.max)
    if dtype == np.float32:
        return -float(np.finfo(np.float32).max), float(np.finfo(np.float32).max)
    return -np.inf, np.inf


def _integer_dtype(column: Column) -> np.dtype[Any]:
    """NumPy dtype of an integer column; pandas writes nullable ones with a capital."""
    try:
        dtype = np.dtype(column.dtype.lower())
    except TypeError:  # category, object, string: Python's own integers
        return np.dtype(np.int64)
    return dtype if dtype.kind in "iu" else np.dtype(np.int64)


def _field(column: Column, dtype: np.dtype[Any]) -> Field:
    """The column as a tensor of `dtype` can hold it; only floats have a form for null."""
    low, high = _bounds(dtype)
    if column.kind == "integer":
        # in a float array the column's own range still holds
        own_low, own_high = _bounds(_integer_dtype(column))
        low, high = max(low, own_low), min(high, own_high)
    return Field(column, low, high, nullable=column.nullable and dtype.kind == "f")


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
        if not _has_probabilities(signature):
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


def _has_probabilities(signature: Signature) -> bool:
    return any(output.name == "probabilities" for output in signature.outputs)


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


class NativeEngine:
    """The object the user trained, unpickled."""

    platform = "python"
    #: It may be anything: slow, or unsafe to call from two threads.
    reentrant = False

    def __init__(self, packed: Packed) -> None:
        with packed.model.open("rb") as file:
            # the Bento's own content, just checked against the hash its author wrote
            model = pickle.load(file)  # noqa: S301
        self._predict = model.predict if hasattr(model, "predict") else model
        signature = packed.signature
        proba = _has_probabilities(signature)
        self._predict_proba = model.predict_proba if proba else None
        self._flat = len(signature.outputs[0].shape) == 1
        self._frame = signature.layout == "dataframe"
        columns = signature.inputs
        self._columns = columns
        self._names = [c.name for c in columns]
        found = {c.dtype for c in columns}
        plain = len(found) == 1 and found <= {"float64", "float32"}
        self.matrix: np.dtype[Any] | None = None
        if plain or not self._frame:
            self.matrix = np.dtype(columns[0].dtype)
        self.fields: Sequence[Field] = [_native_field(c) for c in columns]

    def assemble(self, columns: list[list[Any]]) -> Any:
        """Make the array or the DataFrame the model was trained on."""
        if self.matrix is not None:
            return np.ascontiguousarray(np.array(columns, dtype=self.matrix).T)
        import pandas as pd

        return pd.DataFrame(
            {c.name: _series(c, v) for c, v in zip(self._columns, columns, strict=True)}
        )

    def run(self, batch: Any) -> Outputs:
        """Answer a batch of :meth:`assemble`, or a matrix."""
        if self._frame and self.matrix is not None:
            import pandas as pd

            batch = pd.DataFrame(batch, columns=self._names)
        rows = len(batch)
        returned = self._predict(batch)
        predictions = np.asarray(returned)
        if self._flat and predictions.ndim > 1 and predictions.size == rows:
            predictions = predictions.reshape(-1)
        if predictions.ndim == 0 or len(predictions) != rows:
            raise ValueError(f"the model returned {predictions.shape} answers for {rows} rows")
        if self._predict_proba is None:
            return Outputs(predictions, None)
        return Outputs(predictions, np.asarray(self._predict_proba(batch)))


def _native_field(column: Column) -> Field:
    if column.kind == "integer":
        return Field(column, *_bounds(_integer_dtype(column)), nullable=column.nullable)
    narrow = column.dtype.lower() == "float32"
    return Field(
        column, *_bounds(np.dtype(np.float32 if narrow else np.float64)), nullable=column.nullable
    )


def _series(column: Column, values: list[Any]) -> Any:
    """One column with the dtype of the sample's."""
    import pandas as pd

    if column.dtype != "category":
        return pd.Series(values, dtype=column.dtype)
    # a value the sample didn't hold is a category too, not a missing value
    known = list(column.categories or ())
    seen = set(known)
    extra = sorted({v for v in values if v is not None and v not in seen})
    return pd.Series(pd.Categorical(values, categories=[*known, *extra]))
