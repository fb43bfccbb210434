"""Small ONNX graphs, made by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import ModelProto, TensorProto, ValueInfoProto, helper, numpy_helper

FLOAT = TensorProto.FLOAT
#: Older than ONNX Runtime's newest, as files in the wild are.
OPSET = 21


def tensor(name: str, kind: int = FLOAT, shape: Sequence[int | str] = ("rows", 3)) -> Any:
    return helper.make_tensor_value_info(name, kind, shape)


def graph(
    nodes: Sequence[Any],
    inputs: Sequence[ValueInfoProto],
    outputs: Sequence[ValueInfoProto],
    *,
    weights: dict[str, np.ndarray] | None = None,
    opset: int = OPSET,
    ir: int = 10,
    domain: str = "",
) -> ModelProto:
    made = helper.make_graph(
        nodes,
        "graph",
        inputs,
        outputs,
        initializer=[numpy_helper.from_array(v, k) for k, v in (weights or {}).items()],
    )
    sets = [helper.make_opsetid("", opset)]
    if domain:
        sets.append(helper.make_opsetid(domain, 1))
    return helper.make_model(made, opset_imports=sets, ir_version=ir)


def node(operator: str, inputs: str, outputs: str, **attributes: Any) -> Any:
    return helper.make_node(operator, inputs.split(), outputs.split(), **attributes)


def identity(kind: int = FLOAT, shape: Sequence[int | str] = ("rows", 3)) -> ModelProto:
    return graph(
        [node("Identity", "x", "y")], [tensor("x", kind, shape)], [tensor("y", kind, shape)]
    )


def doubled() -> ModelProto:
    """A weight of three by three."""
    weight = 2 * np.eye(3, dtype=np.float32)
    return graph([node("MatMul", "x w", "y")], [tensor("x")], [tensor("y")], weights={"w": weight})


def images() -> ModelProto:
    """Images of two channels; answers two logits and their softmax."""
    return graph(
        [
            node("GlobalAveragePool", "image", "pooled"),
            node("Flatten", "pooled", "logits"),
            node("Softmax", "logits", "softmax"),
        ],
        [tensor("image", shape=("rows", 2, 4, 4))],
        [tensor("logits", shape=("rows", 2)), tensor("softmax", shape=("rows", 2))],
    )


def wide_and_deep() -> ModelProto:
    """A matrix and an integer column, as two inputs."""
    return graph(
        [
            node("MatMul", "features w", "mixed"),
            node("Cast", "visits", "counted", to=FLOAT),
            node("Concat", "mixed counted", "y", axis=1),
        ],
        [tensor("features"), tensor("visits", TensorProto.INT64, ("rows", 1))],
        [tensor("y", shape=("rows", 3))],
        weights={"w": np.ones((3, 2), dtype=np.float32)},
    )


def columns() -> ModelProto:
    """``u - v``, one input a column."""
    return graph(
        [node("Sub", "u v", "difference")],
        [tensor("u", shape=("rows", 1)), tensor("v", shape=("rows", 1))],
        [tensor("difference", shape=("rows", 1))],
    )
