"""An ONNX graph as it is served: which of its outputs is what, and whether it can be run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jupyter_deploy.exceptions import UnsupportedModelError
from jupyter_deploy.packaging.adapters.graph_files import first_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jupyter_deploy.serving.signature import Scalar

#: Operator sets that ONNX Runtime brings along.
_DOMAINS = frozenset(
    {
        "",
        "ai.onnx",
        "ai.onnx.ml",
        "ai.onnx.training",
        "ai.onnx.preview.training",
        "com.microsoft",
        "com.microsoft.nchwc",
        "com.ms.internal.nhwc",
        "org.pytorch.aten",
    }
)
#: Keys of an answer that mean something of their own.
_RESERVED = frozenset({"predictions", "probabilities", "classes"})
_LABEL = re.compile(r"label|class|predict", re.IGNORECASE)
_PROBABILITY = re.compile(r"prob|score", re.IGNORECASE)


@dataclass(frozen=True)
class OnnxGraph:
    """A graph that is packed as it is, its outputs put in order.

    Attributes
    ----------
    data
        The model, serialised: labels or the first output come first, probabilities next.
    names
        Output names as the answer has them, in the graph's order.
    classes
        Labels in the order of the probabilities; None when the graph doesn't say.
    left_out
        Outputs that no answer can carry.
    """

    data: bytes
    names: tuple[str, ...]
    classes: tuple[Scalar, ...] | None
    left_out: tuple[str, ...]


def arrange(model: Any) -> OnnxGraph:
    """Bring the outputs of an ``onnx.ModelProto`` in order; changes it.

    A ZipMap, which makes a list of dicts of the probabilities, is taken out.

    Raises
    ------
    UnsupportedModelError
        When ONNX Runtime can't run it, or no output is a tensor.
    """
    from jupyter_deploy.serving.engines.onnx import DTYPES, OTHER

    _refuse_custom_operators(model)
    classes = _without_zipmap(model)
    opened = open_graph(model.SerializeToString())
    found = {o.name: o for o in opened.get_outputs()}
    tensors = [o for o in found.values() if o.type in DTYPES]
    if not tensors:
        raise UnsupportedModelError(
            "No output of the graph is one that an answer can carry: "
            f"{', '.join(o.type for o in found.values())}.",
            "Export the model with tensors of numbers or strings as its outputs.",
        )
    label, proba = _pair(tensors, classes is not None)
    first = label or next((o for o in tensors if o.name == "predictions"), tensors[0])
    order = [first, *([proba] if proba else []), *(o for o in tensors if o not in (first, proba))]
    if proba is not None:
        classes = classes or _classes(model, proba)
    values = {value.name: value for value in model.graph.output}
    kept = [values[o.name] for o in order]
    del model.graph.output[:]
    model.graph.output.extend(kept)
    meant = ["predictions", "probabilities"] if proba else ["predictions"]
    others = [f"{OTHER}{o.name}" if o.name in _RESERVED else o.name for o in order[len(meant) :]]
    return OnnxGraph(
        model.SerializeToString(),
        (*meant, *others),
        classes if proba is not None else None,
        tuple(name for name in found if name not in {o.name for o in order}),
    )


def open_graph(data: bytes) -> Any:
    """Open a session, its errors in words.

    Raises
    ------
    UnsupportedModelError
        When ONNX Runtime refuses the graph.
    """
    import onnxruntime

    from jupyter_deploy.serving.engines.onnx import session

    try:
        return session(data)
    except Exception as error:
        said = refusal(error)
        newer = re.search(r"opset|IR version", said)
        raise UnsupportedModelError(
            f"ONNX Runtime {onnxruntime.__version__} refuses the graph: {said}",
            "Export it for an older version (opset_version=… of torch.onnx.export, target_opset=… "
            "of skl2onnx), convert it with onnx.version_converter.convert_version, or "
            "pip install -U onnxruntime."
            if newer
            else "onnx.checker.check_model(model, full_check=True) tells more; export it again.",
        ) from error


def refusal(error: Exception) -> str:
    """What ONNX Runtime said, without its error codes and places in its own source."""
    text = first_line(error)
    text = re.sub(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ", "", text)
    text = re.sub(r"^\S+\.(h|cc):\d+ .*?\)(?: const)? (?=[A-Z])", "", text)
    return text if text.endswith(".") else f"{text}."


def _refuse_custom_operators(model: Any) -> None:
    known = _DOMAINS | {function.domain for function in model.functions}
    custom = sorted(
        {f"{n.domain}.{n.op_type}" for n in _nodes(model.graph) if n.domain not in known}
    )
    if custom:
        raise UnsupportedModelError(
            f"The graph has custom operators, which ONNX Runtime doesn't have: "
            f"{', '.join(custom)}.",
            "Export the model without them, or deploy the model that the graph was made of: "
            "an object with predict.",
        )


def _nodes(graph: Any) -> Iterator[Any]:
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from _nodes(attribute.g)


def _without_zipmap(model: Any) -> tuple[Scalar, ...] | None:
    """Let the graph answer the matrix that its ZipMap takes; returns the classes it names."""
    from onnx import TensorProto, helper

    graph = model.graph
    outputs = [o.name for o in graph.output]
    classes: tuple[Scalar, ...] | None = None
    for node in [n for n in graph.node if n.op_type == "ZipMap" and n.output[0] in outputs]:
        classes = _labels(node) or classes
        place = outputs.index(node.output[0])
        kept = list(graph.output)
        kept[place] = helper.make_tensor_value_info(
            node.input[0], TensorProto.FLOAT, [None, len(classes) if classes else None]
        )
        del graph.output[:]
        graph.output.extend(kept)
        graph.node.remove(node)
    return classes


def _classes(model: Any, proba: Any) -> tuple[Scalar, ...] | None:
    """The classes that a classifier's node names, when it has as many as there are columns."""
    width = proba.shape[1] if len(proba.shape) == 2 else None
    for node in _nodes(model.graph):
        labels = _labels(node)
        if labels and (len(labels) == width or not isinstance(width, int)):
            return labels
    return None


def _labels(node: Any) -> tuple[Scalar, ...] | None:
    for attribute in node.attribute:
        if attribute.name == "classlabels_strings":
            return tuple(text.decode() for text in attribute.strings) or None
        if attribute.name in ("classlabels_int64s", "classlabels_ints"):
            return tuple(attribute.ints) or None
    return None


def _pair(outputs: Sequence[Any], zipped: bool) -> tuple[Any | None, Any | None]:
    """The labels and their probabilities, when the graph is a classifier that answers both."""
    labels = [
        o
        for o in outputs
        if o.type in ("tensor(string)", "tensor(int64)", "tensor(int32)") and len(o.shape) <= 2
    ]
    floats = [
        o for o in outputs if o.type in ("tensor(float)", "tensor(double)") and len(o.shape) == 2
    ]
    label = next((o for o in labels if _LABEL.search(o.name)), None)
    proba = next((o for o in floats if _PROBABILITY.search(o.name)), None)
    if zipped and labels and floats:
        return label or labels[0], proba or floats[0]
    return (label, proba) if label is not None and proba is not None else (None, None)
