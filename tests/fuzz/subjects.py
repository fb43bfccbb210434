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

from jupyter_deploy.serving import engines
from jupyter_deploy.serving.decode import Decoder
from jupyter_deploy.serving.packed import Packed
from jupyter_deploy.serving.signature import Column, Signature
from tests.serving.packs import column, pack, signature

_TENSORS = {
    "float32": TensorProto.FLOAT,
    "float64": TensorProto.DOUBLE,
    "int64": TensorProto.INT64,
    "bool": TensorProto.BOOL,
    "object": TensorProto.STRING,
}


@dataclass(frozen=True)
class Subject:
    """A model that answers its own input.

    Attributes
    ----------
    signature
        Of the model.
    dtypes
        How the engine holds each column; chosen here, not asked of the engine.
    nullable
        Columns in which null must be taken.
    """

    signature: Signature
    decoder: Decoder
    packed: Packed
    dtypes: tuple[np.dtype[Any], ...]
    nullable: frozenset[str]


def _load(sig: Signature, model: bytes, warmup: Any, engine: str, dtypes: Sequence[str]) -> Subject:
    with tempfile.TemporaryDirectory() as folder:
        packed = Packed.read(pack(Path(folder) / "model", sig, model, warmup, engine))
        decoder = Decoder(engines.load(packed))
    # a float has a form for null, and an object; the others only in a DataFrame
    holds = [c.name for c, d in zip(sig.inputs, dtypes, strict=True) if _holds_null(c, d, engine)]
    return Subject(sig, decoder, packed, tuple(map(np.dtype, dtypes)), frozenset(holds))


def _holds_null(column: Column, dtype: str, engine: str) -> bool:
    return column.nullable and (engine == "native" or dtype.startswith("float"))


def _matrix_onnx(width: int, dtype: str) -> bytes:
    shape = (None, width)
    graph = helper.make_graph(
        [helper.make_node("Identity", ["X"], ["Y"])],
        "echo",
        [helper.make_tensor_value_info("X", _TENSORS[dtype], shape)],
        [helper.make_tensor_value_info("Y", _TENSORS[dtype], shape)],
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
    )
    warmup = [{"n": 1.5, "i": 2, "I": 3, "s": "a", "c": "x", "t": True}]
    dtypes = ["float64", "int16", "int64", "object", "object", "bool"]
    return _load(sig, cloudpickle.dumps(_echo), warmup, "native", dtypes)


def array() -> Subject:
    """A 2-D numpy array of float64."""
    sig = signature(*(column(f"x{k}") for k in range(2)), layout="array")
    return _load(sig, cloudpickle.dumps(_echo), [[1, 2]], "native", ["float64"] * 2)


@cache
def subject(make: Callable[[], Subject]) -> Subject:
    """Each is loaded once."""
    return make()
