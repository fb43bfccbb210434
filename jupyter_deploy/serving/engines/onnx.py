"""ONNX Runtime."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from ..inputs.cells import Field
from ..packed import Packed
from ..problems import Cell, InvalidInput
from ..signature import Column, Signature
from .base import Array, Outputs, bounds, integer_dtype

#: Element types that a request can carry and NumPy has; the others are refused when packing.
DTYPES: dict[str, np.dtype[Any]] = {
    "tensor(float)": np.dtype(np.float32),
    "tensor(double)": np.dtype(np.float64),
    "tensor(float16)": np.dtype(np.float16),
    "tensor(int64)": np.dtype(np.int64),
    "tensor(int32)": np.dtype(np.int32),
    "tensor(int16)": np.dtype(np.int16),
    "tensor(int8)": np.dtype(np.int8),
    "tensor(uint64)": np.dtype(np.uint64),
    "tensor(uint32)": np.dtype(np.uint32),
    "tensor(uint16)": np.dtype(np.uint16),
    "tensor(uint8)": np.dtype(np.uint8),
    "tensor(bool)": np.dtype(np.bool_),
    "tensor(string)": np.dtype(object),
}


#: Stands before the name of an output whose own name means something else in an answer.
OTHER = "output_"


class OnnxModel:
    """A graph on one thread, with its input as a signature describes it.

    Packaging runs it on the sample, and :class:`OnnxEngine` on requests: what was compared is
    what is served.

    Parameters
    ----------
    source
        The graph, or the path of its file.
    signature
        Of this graph. Its inputs are one matrix of all columns, or one tensor a column, matched
        by name where the names are the graph's. Predictions are the graph's first output,
        probabilities the second, others are found by name.

    Raises
    ------
    ValueError
        When the graph's inputs don't match the columns.
    """

    platform = "onnxruntime"
    reentrant = True

    def __init__(self, source: str | bytes, signature: Signature) -> None:
        self._session = session(source)
        inputs = self._session.get_inputs()
        columns = signature.inputs
        dtypes = [DTYPES[i.type] for i in inputs]
        self.matrix: np.dtype[Any] | None = None
        self._columns = columns
        if takes_matrix(inputs, columns):
            self.matrix = dtypes[0]
            self._names = [inputs[0].name]
            self.fields: Sequence[Field] = [_field(c, dtypes[0]) for c in columns]
        elif len(inputs) == len(columns):
            place = {i.name: k for k, i in enumerate(inputs)}
            named = all(c.name in place for c in columns)
            # converters may rename inputs, never reorder them
            order = [place[c.name] if named else k for k, c in enumerate(columns)]
            self._names = [inputs[k].name for k in order]
            self._dtypes = [dtypes[k] for k in order]
            self._shapes = [_row_shape(inputs[k], c) for k, c in zip(order, columns, strict=True)]
            self.fields = [_field(c, d) for c, d in zip(columns, self._dtypes, strict=True)]
        else:
            raise ValueError(
                f"the graph has {len(inputs)} inputs, the signature has {len(columns)} columns"
            )
        #: A graph whose batch is fixed to one row is run row by row.
        self._single = any(fixed_batch(i) == 1 for i in inputs)
        self._outputs = _output_names(self._session, signature)
        named_outputs = [o.name for o in signature.outputs]
        proba = "probabilities" in named_outputs
        self._proba = named_outputs.index("probabilities") if proba else None
        self._others = [
            (k, name) for k, name in enumerate(named_outputs) if k and name != "probabilities"
        ]
        self._labels = _label_types(signature)

    def assemble(self, columns: list[list[Any]]) -> Any:
        """Make the matrix, or one array per input."""
        if self.matrix is not None:
            return np.ascontiguousarray(np.array(columns, dtype=self.matrix).T)
        return [
            _stack(values, column, dtype).reshape(-1, *shape)
            for values, column, dtype, shape in zip(
                columns, self._columns, self._dtypes, self._shapes, strict=True
            )
        ]

    def assemble_arrays(self, columns: list[Array]) -> Any:
        """Make the same of arrays, one a column; one of the right type already is not copied."""
        if self.matrix is None:
            return [
                values.astype(dtype, copy=False).reshape(len(values), *shape)
                for values, dtype, shape in zip(columns, self._dtypes, self._shapes, strict=True)
            ]
        rows = len(columns[0])
        if len(columns) == 1:
            return columns[0].astype(self.matrix, copy=False).reshape(rows, 1)
        matrix = np.empty((rows, len(columns)), self.matrix)
        for i, values in enumerate(columns):
            matrix[:, i] = values.reshape(rows)
        return matrix

    def run(self, batch: Any) -> Outputs:
        """Answer a batch of :meth:`assemble`, or a matrix."""
        if self.matrix is not None:
            feed = {self._names[0]: batch}
        else:
            feed = dict(zip(self._names, batch, strict=True))
        found = self._rows(feed) if self._single else self._session.run(self._outputs, feed)
        return Outputs(
            self._labels(found[0]),
            None if self._proba is None else found[self._proba],
            {name: found[k] for k, name in self._others},
        )

    def _rows(self, feed: dict[str, Array]) -> list[Array]:
        """Run a graph that takes one row at a time."""
        rows = len(next(iter(feed.values())))
        found = [
            self._session.run(self._outputs, {n: a[i : i + 1] for n, a in feed.items()})
            for i in range(rows)
        ]
        return [np.concatenate(answers) for answers in zip(*found, strict=True)]


class OnnxEngine(OnnxModel):
    """The ONNX model of a Bento."""

    def __init__(self, packed: Packed) -> None:
        super().__init__(str(packed.model), packed.model_signature)

    def run(self, batch: Any) -> Outputs:
        """Answer a batch; a graph that answers for other rows than these has failed."""
        rows = len(batch) if self.matrix is not None else len(batch[0])
        answered = super().run(batch)
        predictions = answered.predictions
        if predictions.ndim == 0 or len(predictions) != rows:
            raise ValueError(f"the model returned {predictions.shape} answers for {rows} rows")
        return answered


def session(source: str | bytes) -> Any:
    """Open a graph: one thread, quiet.

    Raises
    ------
    Exception
        ONNX Runtime's own, which have no common type.
    """
    import onnxruntime as ort

    options = ort.SessionOptions()
    # one row a request: threads cost more than they give, and workers are the way to scale
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    # what a request fails on is raised, and logged with the request's id
    options.log_severity_level = 4
    return ort.InferenceSession(source, options, providers=["CPUExecutionProvider"])


def takes_matrix(inputs: Sequence[Any], columns: Sequence[Column]) -> bool:
    """Whether a graph takes all columns as one array of shape (rows, columns)."""
    if len(inputs) != 1 or len(inputs[0].shape) != 2 or any(c.shape for c in columns):
        return False
    width = inputs[0].shape[1]
    if inputs[0].type == "tensor(string)" and len(columns) == 1:
        return False
    return width == len(columns) or not isinstance(width, int)


def fixed_batch(tensor: Any) -> int | None:
    """Rows that an input takes, when the graph fixes them."""
    return tensor.shape[0] if tensor.shape and isinstance(tensor.shape[0], int) else None


def _row_shape(tensor: Any, column: Column) -> tuple[int, ...]:
    """Shape of one row's value in a batch for this input; -1 where the batch decides."""
    if column.shape:
        return column.shape
    # a scalar column, as (rows,) or (rows, 1); some graphs have more axes of one
    return (1,) * max(len(tensor.shape) - 1, 0)


def _stack(values: list[Any], column: Column, dtype: np.dtype[Any]) -> Array:
    """One array of the rows' values; nested lists for a column that has a shape."""
    if not column.shape:
        return np.array(values, dtype=dtype)
    try:
        array = np.array(values, dtype=dtype)
    except ValueError:  # lists of several lengths
        array = None
    # an array of objects takes them for its values
    if array is not None and array.ndim == 1 + len(column.shape):
        return array
    raise InvalidInput.of(_ragged(values, column))


def _ragged(values: list[Any], column: Column) -> list[Cell]:
    """Where the first row's shape ends."""
    shapes = [_shape(v) for v in values]
    first = shapes[0]
    row = next((i for i, s in enumerate(shapes) if s is None or s != first), 0)
    if first is None or row == 0:
        return [Cell(0, column.name, "arrays of several lengths", "a regular array")]
    got = "arrays of several lengths" if shapes[row] is None else f"shape {shapes[row]}"
    return [Cell(row, column.name, got, f"shape {first}, as row 0 has")]


def _shape(value: Any) -> tuple[int, ...] | None:
    try:
        return tuple(np.shape(value))
    except ValueError:
        return None


def _field(column: Column, dtype: np.dtype[Any]) -> Field:
    """The column as a tensor of `dtype` can hold it; only floats have a form for null."""
    low, high = bounds(dtype)
    if dtype == np.float16:
        high = float(np.finfo(np.float16).max)
        low = -high
    if column.kind == "integer":
        # in a float array the column's own range still holds
        own_low, own_high = bounds(integer_dtype(column))
        low, high = max(low, own_low), min(high, own_high)
    null = dtype.kind == "f"
    return Field(column, low, high, nullable=column.nullable and null, dtype=dtype, null=null)


def _output_names(opened: Any, signature: Signature) -> list[str]:
    """Predictions are a graph's first output, probabilities its second; the others have names."""
    found = [o.name for o in opened.get_outputs()]
    place = {"predictions": 0, "probabilities": 1}
    return [
        found[place[o.name]]
        if o.name in place
        else o.name.removeprefix(OTHER)
        if o.name not in found
        else o.name
        for o in signature.outputs
    ]


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
        if flat and values.ndim > 1 and prod(values.shape[1:]) == 1:
            values = values.reshape(-1)
        if dtype is not None and values.dtype != dtype:
            return values.astype(dtype)
        return values.astype(bool) if as_bool and values.dtype.kind in "iuf" else values

    return convert
