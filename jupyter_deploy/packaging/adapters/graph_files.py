"""Reading an ONNX graph from a path, from bytes or from a message, into one message."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from jupyter_deploy.exceptions import DEPLOY, UnsupportedModelError

#: Protobuf's own limit for one message, and so for one file.
MAX_BYTES = 2**31 - 1

#: How a file of another kind becomes an object that can be deployed.
_LOADERS = {
    ".joblib": "model = joblib.load({path!r})",
    ".json": "model = xgboost.Booster(model_file={path!r})",
    ".pickle": "model = pickle.load(open({path!r}, 'rb'))",
    ".pkl": "model = joblib.load({path!r})",
    ".pt": "torch.onnx.export(model, example, 'model.onnx', dynamo=True)",
    ".pth": "torch.onnx.export(model, example, 'model.onnx', dynamo=True)",
    ".txt": "model = lightgbm.Booster(model_file={path!r})",
    ".ubj": "model = xgboost.Booster(model_file={path!r})",
}


def read(model: Any) -> Any:
    """Return an ``onnx.ModelProto`` of its own, with all weights in it.

    Parameters
    ----------
    model
        Path of an ``.onnx`` file, its bytes, or a message, which is copied.

    Raises
    ------
    UnsupportedModelError
        When it can't be read, or doesn't fit into one file.
    """
    if isinstance(model, bytes):
        return _parsed(model, "These bytes")
    if isinstance(model, str | os.PathLike):
        return _file(_path(model))
    import onnx

    if _weights_elsewhere(model):
        raise UnsupportedModelError(
            "This graph keeps its weights in files beside it, and a message doesn't say where.",
            "Deploy the path of the .onnx file, or load it whole: onnx.load('model.onnx')",
        )
    if model.ByteSize() > MAX_BYTES:
        raise _too_big("This graph", model.ByteSize())
    copied = onnx.ModelProto()
    copied.CopyFrom(model)
    return copied


def first_line(error: BaseException) -> str:
    """First line of what a library said."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _path(model: str | os.PathLike[str]) -> Path:
    path = Path(model).expanduser()
    suffix = path.suffix.lower()
    if suffix != ".onnx":
        what = "a path" if isinstance(model, os.PathLike) else "a string"
        loader = _LOADERS.get(suffix)
        raise UnsupportedModelError(
            f"{str(model)!r} is {what}, not a model, and it doesn't end in .onnx.",
            f"Load the model and deploy that: {loader.format(path=str(model))}"
            if loader
            else f"Deploy the trained object itself, as in {DEPLOY} model, or the path of an "
            ".onnx file.",
        )
    if not path.is_file():
        raise UnsupportedModelError(
            f"There is no file {str(path)!r}.",
            f"The path counts from {str(Path.cwd())!r}; give a full one.",
        )
    return path


def _file(path: Path) -> Any:
    if path.stat().st_size > MAX_BYTES:
        raise _too_big(path.name, path.stat().st_size)
    found = _parsed(path.read_bytes(), repr(path.name))
    beside = _weights_elsewhere(found)
    if not beside:
        return found
    missing = sorted(name for name in beside if not (path.parent / name).is_file())
    if missing:
        raise UnsupportedModelError(
            f"{path.name!r} keeps weights in {', '.join(map(repr, missing))}, which is not there.",
            "The exporter wrote it beside the .onnx file: copy both.",
        )
    size = path.stat().st_size + sum((path.parent / name).stat().st_size for name in beside)
    if size > MAX_BYTES:
        raise _too_big(f"{path.name!r} with its weights", size)
    from onnx.external_data_helper import load_external_data_for_model

    try:
        load_external_data_for_model(found, str(path.parent))
    except Exception as error:  # onnx's checker has its own types
        raise UnsupportedModelError(
            f"The weights of {path.name!r} can't be read: {first_line(error)}",
            "Export the model again.",
        ) from error
    return found


def _parsed(data: bytes, what: str) -> Any:
    import onnx

    found: Any = None
    # anything but a graph raises, of a type of protobuf's own
    with suppress(Exception):
        found = onnx.load_from_string(data)
    if found is None or not found.graph.node:
        raise UnsupportedModelError(
            f"{what[0].upper()}{what[1:]} can't be read as an ONNX graph.",
            "Was it written whole? onnx.checker.check_model tells more.",
        )
    return found


def _weights_elsewhere(model: Any) -> set[str]:
    """Names of the files beside the graph that hold weights."""
    from onnx import TensorProto

    return {
        next((e.value for e in tensor.external_data if e.key == "location"), "")
        for tensor in _tensors(model.graph)
        if tensor.data_location == TensorProto.EXTERNAL
    }


def _tensors(graph: Any) -> Any:
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            if attribute.HasField("g"):
                yield from _tensors(attribute.g)


def _too_big(what: str, size: int) -> UnsupportedModelError:
    return UnsupportedModelError(
        f"{what} has {size / 2**30:.1f} GB, and one ONNX file holds at most 2 GB.",
        "Quantize it (onnxruntime.quantization.quantize_dynamic), or deploy the model that the "
        "graph was made of: an object with predict.",
    )
