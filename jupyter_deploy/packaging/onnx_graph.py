"""Give a converted graph exactly the inputs and outputs that the signature names, and run it."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from jupyter_deploy.packaging.outputs import Outputs

if TYPE_CHECKING:
    from jupyter_deploy.serving.signature import Signature


def finish(model: Any, signature: Signature) -> bytes:
    """Name inputs and outputs as the signature does, and drop what it doesn't name.

    Parameters
    ----------
    model
        ``onnx.ModelProto`` with inputs and outputs in the order of the signature's: one matrix,
        or one input a column. Outputs of one dimension are reshaped from ``(rows, 1)``, which
        skl2onnx makes of them.

    Raises
    ------
    ValueError
        When the graph has other inputs, or fewer outputs.
    """
    from onnx import helper

    graph = model.graph
    columns, outputs = signature.inputs, signature.outputs
    if len(graph.output) < len(outputs):
        raise ValueError(f"the graph has {len(graph.output)} outputs, {len(outputs)} are needed")
    if len(graph.input) == len(columns) and len(columns) > 1:
        # converters change names with spaces in them; two may even become one
        for i, value in enumerate(graph.input):
            _rename(graph, value.name, f"jd_input_{i}")
        for i, column in enumerate(columns):
            _rename(graph, f"jd_input_{i}", column.name)
    elif len(graph.input) != 1:
        raise ValueError(f"the graph has {len(graph.input)} inputs for {len(columns)} columns")
    found = [value.type.tensor_type for value in graph.output[: len(outputs)]]
    for i, value in enumerate(graph.output[: len(outputs)]):
        _rename(graph, value.name, f"jd_output_{i}")
    del graph.output[:]
    for i, (kind, output) in enumerate(zip(found, outputs, strict=True)):
        # a tensor inside the graph, or a column, may have the output's name
        _rename(graph, output.name, f"jd_other_{output.name}")
        if len(output.shape) == 1 and len(kind.shape.dim) == 2:
            shape = f"jd_shape_{i}"
            graph.initializer.append(helper.make_tensor(shape, 7, [1], [-1]))
            graph.node.append(helper.make_node("Reshape", [f"jd_output_{i}", shape], [output.name]))
        else:
            _rename(graph, f"jd_output_{i}", output.name)
        dims = [None if d == -1 else d for d in output.shape]
        graph.output.append(helper.make_tensor_value_info(output.name, kind.elem_type, dims))
    data: bytes = model.SerializeToString()
    return data


def _rename(graph: Any, old: str, new: str) -> None:
    for node in graph.node:
        for names in (node.input, node.output):
            for i, name in enumerate(names):
                if name == old:
                    names[i] = new
        for attribute in node.attribute:
            if attribute.HasField("g"):
                _rename(attribute.g, old, new)
    for value in (*graph.value_info, *graph.initializer, *graph.input):
        if value.name == old:
            value.name = new


#: Values that a graph is given at once, at most, but for one row: rows may be images.
_BATCH = 4_000_000


def run(model: bytes, signature: Signature, sample: Any) -> Outputs:
    """Run a graph on rows of the sample, by the code that will serve it.

    Parameters
    ----------
    signature
        Of the model inside, without hooks.
    sample
        Rows in the type the native model takes.
    """
    import numpy as np

    from jupyter_deploy.serving.engines.onnx import OnnxModel
    from jupyter_deploy.serving.engines.tensors import arrays

    columns = signature.inputs
    found = arrays(sample, columns)
    rows = len(found[0])
    step = max(1, _BATCH // max(1, sum(prod(a.shape[1:]) for a in found)))
    opened = OnnxModel(model, signature)
    # what a float32 can't hold is infinite: the gate compares it, requests are refused
    with np.errstate(over="ignore"):
        parts = [
            opened.run(opened.assemble_arrays([a[i : i + step] for a in found]))
            for i in range(0, rows, step)
        ]
    if len(parts) == 1:
        return Outputs(parts[0].predictions, parts[0].probabilities, parts[0].others)
    proba = [p.probabilities for p in parts if p.probabilities is not None]
    return Outputs(
        np.concatenate([p.predictions for p in parts]),
        np.concatenate(proba) if proba else None,
        {name: np.concatenate([p.others[name] for p in parts]) for name in parts[0].others},
    )
