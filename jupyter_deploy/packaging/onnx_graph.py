"""Give a converted graph exactly the inputs and outputs that the signature names, and run it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_deploy.packaging.outputs import Outputs

if TYPE_CHECKING:
    from jupyter_deploy.serving.signature import Column, Signature


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
