"""Give a converted graph exactly the outputs that the signature names, and run it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_deploy.packaging.outputs import Outputs

if TYPE_CHECKING:
    from jupyter_deploy.serving.signature import Column, Output


def shape_outputs(model: Any, outputs: tuple[Output, ...]) -> bytes:
    """Name and shape the graph's outputs as `outputs` says, and drop the others.

    Parameters
    ----------
    model
        ``onnx.ModelProto`` whose outputs come in the order of `outputs`.
    outputs
        One-dimensional outputs are reshaped from ``(rows, 1)``, which skl2onnx makes of them.

    Raises
    ------
    ValueError
        When the graph has fewer outputs.
    """
    from onnx import helper

    graph = model.graph
    if len(graph.output) < len(outputs):
        raise ValueError(f"the graph has {len(graph.output)} outputs, {len(outputs)} are needed")
    made = []
    found = list(graph.output)[: len(outputs)]
    # free our names first: a tensor inside the graph may have one of them
    for i, value in enumerate(found):
        old = f"jd_output_{i}"
        _rename(graph, value.name, old)
        made.append((old, value.type.tensor_type))
    for output in outputs:
        _rename(graph, output.name, f"jd_inner_{output.name}")
    del graph.output[:]
    for (old, kind), output in zip(made, outputs, strict=True):
        rank_one = len(output.shape) == 1
        if rank_one and len(kind.shape.dim) == 2:
            shape = f"jd_shape_{output.name}"
            graph.initializer.append(helper.make_tensor(shape, 7, [1], [-1]))
            graph.node.append(helper.make_node("Reshape", [old, shape], [output.name]))
        else:
            _rename(graph, old, output.name)
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
    for value in (*graph.value_info, *graph.initializer):
        if value.name == old:
            value.name = new


def run(model: bytes, columns: tuple[Column, ...], sample: Any) -> Outputs:
    """Run a packed graph on rows of the sample, on one thread as it is served."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return _outputs(session, session.run(None, feeds(session.get_inputs(), columns, sample)))


def feeds(inputs: list[Any], columns: tuple[Column, ...], sample: Any) -> dict[str, Any]:
    """Tensors of the sample, by input name; a graph's inputs come in the signature's order."""
    import numpy as np

    if len(inputs) == 1 and len(inputs[0].shape) == 2 and inputs[0].shape[1] == len(columns):
        return {inputs[0].name: _tensor(sample, inputs[0].type)}
    frame = hasattr(sample, "columns")
    tensors = {}
    for i, (tensor, column) in enumerate(zip(inputs, columns, strict=True)):
        values = sample[column.name] if frame else sample[:, i]
        tensors[tensor.name] = np.reshape(_tensor(values, tensor.type), (-1, 1))
    return tensors


def _tensor(values: Any, kind: str) -> Any:
    import numpy as np

    dtype: Any = {"tensor(float)": np.float32, "tensor(int64)": np.int64}.get(kind, object)
    if hasattr(values, "to_numpy"):
        missing = {"na_value": np.nan} if dtype is np.float32 else {}
        return values.to_numpy(dtype=dtype, **missing)
    return np.asarray(values, dtype=dtype)


def _outputs(session: Any, answers: list[Any]) -> Outputs:
    named = dict(zip((o.name for o in session.get_outputs()), answers, strict=True))
    return Outputs(named["predictions"], named.get("probabilities"))
