"""What is fuzzed: decoders of models of every kind, with real engines around trivial models."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import onnx
from onnx import TensorProto, helper

from jupyter_deploy.serving.engines import Engine, Outputs
from jupyter_deploy.serving.http.mlflow import Scoring
from jupyter_deploy.serving.oip import Protocol
from jupyter_deploy.serving.policies import CHECKS, Policy
from jupyter_deploy.serving.runtime import Runtime
from jupyter_deploy.serving.signature import Column, Signature
from tests.fuzz.reading import Held
from tests.serving.packs import column, pack, signature

_TENSORS = {
    "float32": TensorProto.FLOAT,
    "float64": TensorProto.DOUBLE,
    "int64": TensorProto.INT64,
    "bool": TensorProto.BOOL,
    "object": TensorProto.STRING,
}


class Recorder:
    """Stands before an engine and keeps what it is run on."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.batch: Any = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def run(self, batch: Any) -> Outputs:
        self.batch = batch
        return self._engine.run(batch)


@dataclass(frozen=True)
class Subject:
    """A trivial model, and all ways of asking it.

    Attributes
    ----------
    recorder
        Has the batch that the model was run on last.
    held
        How each column is held; chosen here, not asked of the engine.
    """

    signature: Signature
    runtime: Runtime
    recorder: Recorder
    held: tuple[Held, ...]

    @property
    def protocol(self) -> Protocol:
        """The inference protocol's way in."""
        return Protocol(self.runtime)

    @property
    def scoring(self) -> Scoring:
        """MLflow's way in."""
        return Scoring(self.runtime)


def _load(sig: Signature, model: bytes, warmup: Any, engine: str, dtypes: Sequence[str]) -> Subject:
    with tempfile.TemporaryDirectory() as folder:
        runtime = Runtime(pack(Path(folder) / "model", sig, model, warmup, engine))
        runtime.load()
    assert runtime.engine is not None
    recorder = Recorder(runtime.engine)
    runtime.engine = recorder
    return Subject(
        sig,
        runtime,
        recorder,
        tuple(
            Held(c, np.dtype(d), _holds_null(sig, c, d, engine), _policies(sig, c))
            for c, d in zip(sig.inputs, dtypes, strict=True)
        ),
    )


def _holds_null(sig: Signature, column: Column, dtype: str, engine: str) -> bool:
    if dtype.startswith(("float", "datetime")) or sig.layout in ("polars", "records"):
        return True
    # a string of ONNX has no form for null; in a DataFrame it depends on the column's own dtype
    return engine == "native" and column.dtype in ("object", "category", "Int64", "boolean")


def _policies(sig: Signature, column: Column) -> dict[str, Policy]:
    return {check: sig.policy(check, column) for check in CHECKS}


def _matrix_onnx(width: int, dtype: str) -> bytes:
    """Sums up each row."""
    graph = helper.make_graph(
        [helper.make_node("ReduceSum", ["X", "axes"], ["Y"], keepdims=0)],
        "sum",
        [helper.make_tensor_value_info("X", _TENSORS[dtype], (None, width))],
        [helper.make_tensor_value_info("Y", _TENSORS[dtype], (None,))],
        [helper.make_tensor("axes", TensorProto.INT64, [1], [1])],
    )
    return _serialized(graph)


def _columns_onnx(names: Sequence[str], dtypes: Sequence[str]) -> bytes:
    graph = helper.make_graph(
        [helper.make_node("Identity", [names[0]], ["Y"])],
        "echo",
        [
            helper.make_tensor_value_info(name, _TENSORS[dtype], (None, 1))
            for name, dtype in zip(names, dtypes, strict=True)
        ],
        [helper.make_tensor_value_info("Y", _TENSORS[dtypes[0]], (None, 1))],
    )
    return _serialized(graph)


def _serialized(graph: onnx.GraphProto) -> bytes:
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    return bytes(model.SerializeToString())


def _echo(batch: Any) -> Any:
    return np.zeros(len(batch))


def floats() -> Subject:
    """Three floats as one float32 matrix."""
    sig = signature(column("a"), column("b"), column("c"))
    return _load(sig, _matrix_onnx(3, "float32"), [[1, 2, 3]], "onnxruntime", ["float32"] * 3)


def numbers() -> Subject:
    """Floats with nulls and integers as one float64 matrix."""
    sig = signature(column("n", nullable=True), column("i", "int8"), column("big", "int64"))
    return _load(sig, _matrix_onnx(3, "float64"), [[1, 2, 3]], "onnxruntime", ["float64"] * 3)


def tensors() -> Subject:
    """An ONNX input per column, of every type."""
    names = ("n", "i", "s", "t")
    dtypes = ("float32", "int64", "object", "bool")
    sig = signature(
        column("n", nullable=True),
        column("i", "int64"),
        column("s", "category", categories=("x", "y")),
        column("t", "bool"),
    )
    warmup = [{"n": 1, "i": 2, "s": "x", "t": True}]
    return _load(sig, _columns_onnx(names, dtypes), warmup, "onnxruntime", dtypes)


def frame() -> Subject:
    """A DataFrame of every type but dates, nulls where pandas has a dtype for them."""
    sig = signature(
        column("n", nullable=True),
        column("i", "int16"),
        column("I", "Int64", nullable=True),
        column("s", "object", nullable=True),
        column("c", "category", categories=("x", "y"), nullable=True),
        column("t", "bool"),
        column("f", "Float32", kind="number", nullable=True),
    )
    warmup = [{"n": 1.5, "i": 2, "I": 3, "s": "a", "c": "x", "t": True, "f": 1.5}]
    dtypes = ["float64", "int16", "int64", "object", "object", "bool", "float32"]
    return _load(sig, cloudpickle.dumps(_echo), warmup, "native", dtypes)


def records() -> Subject:
    """A list of dicts."""
    sig = signature(
        column("n", "float", kind="number", nullable=True),
        column("i", "int", kind="integer"),
        column("s", "str", nullable=True),
        column("t", "bool"),
        layout="records",
    )
    warmup = [{"n": 1.5, "i": 2, "s": "x", "t": True}]
    return _load(sig, cloudpickle.dumps(_echo), warmup, "native", ["object"] * 4)


def polars() -> Subject:
    """A polars DataFrame; every one of its dtypes has a form for null."""
    sig = signature(
        column("n", "Float32", kind="number", nullable=True),
        column("i", "UInt8", kind="integer", nullable=True),
        column("s", "String", kind="string", nullable=True),
        column("c", "Categorical", kind="string", categories=("x", "y")),
        column("t", "Boolean", kind="boolean"),
        column(
            "m",
            "Datetime(time_unit='us', time_zone=None)",
            kind="datetime",
            nullable=True,
        ),
        layout="polars",
    )
    warmup = [[1.5, 2, "a", "x", True, "2024-01-01"]]
    dtypes = ["float32", "uint8", "object", "object", "bool", "datetime64[us]"]
    return _load(sig, cloudpickle.dumps(_echo), warmup, "native", dtypes)


def nested() -> Subject:
    """One tensor of two by two a row."""
    sig = signature(column("input", "float32", shape=(2, 2)), layout="tensors")
    warmup = [[[1, 2], [3, 4]]]
    return _load(sig, cloudpickle.dumps(_echo), warmup, "native", ["float32"])


def moments() -> Subject:
    """Dates and times in several units, with and without a time zone."""
    sig = signature(
        column("d", "datetime64[ns]", kind="datetime", nullable=True),
        column("z", "datetime64[us, UTC]", kind="datetime"),
        column("s", "datetime64[s]", kind="datetime"),
    )
    warmup = [{"d": "2024-01-01", "z": "2024-01-01T12:00:00Z", "s": "2024-01-01T12:00:00"}]
    dtypes = ["datetime64[ns]", "datetime64[us]", "datetime64[s]"]
    return _load(sig, cloudpickle.dumps(_echo), warmup, "native", dtypes)


def policies() -> Subject:
    """Each policy other than the default, somewhere."""
    limits: dict[str, Any] = {"minimum": -10, "maximum": 10.5}
    sig = signature(
        column("typed", **limits, policies={"type": "coerce", "range": "coerce"}),
        column(
            "whole", "int64", minimum=0, maximum=99, policies={"type": "coerce", "range": "reject"}
        ),
        column("nulls", **limits, policies={"null": "pass", "infinite": "coerce"}),
        column("endless", "float32", infinite=True, policies={"range": "reject"}, **limits),
        column("city", "object", categories=("x", "y"), policies={"category": "reject"}),
        column("color", "category", categories=("x", "y"), policies={"category": "coerce"}),
        column("flag", "bool", policies={"type": "coerce"}),
    )
    warmup = [[1, 2, 3, 4, "x", "y", True]]
    dtypes = ["float64", "int64", "float64", "float32", "object", "object", "bool"]
    return _load(sig, cloudpickle.dumps(_echo), warmup, "native", dtypes)


def array() -> Subject:
    """A 2-D numpy array of float64."""
    sig = signature(*(column(f"x{k}") for k in range(2)), layout="array")
    return _load(sig, cloudpickle.dumps(_echo), [[1, 2]], "native", ["float64"] * 2)


@cache
def subject(make: Callable[[], Subject]) -> Subject:
    """Each is loaded once."""
    return make()
