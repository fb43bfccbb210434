"""Conversion by skl2onnx, of scikit-learn's models and of those that join its pipelines."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from jupyter_deploy.packaging.adapters.converters import register
from jupyter_deploy.packaging.adapters.steps import convertible, from_sklearn, leaves, named
from jupyter_deploy.packaging.adapters.table import NotConvertibleError
from jupyter_deploy.packaging.adapters.unconvertible import refuse
from jupyter_deploy.packaging.onnx_graph import finish

if TYPE_CHECKING:
    from jupyter_deploy.serving.signature import Column, Signature


def graphs(model: Any, signature: Signature) -> list[bytes]:
    """Convert a fitted estimator; see :meth:`.table.Adapter.to_onnx`.

    Raises
    ------
    NotConvertibleError
        Naming the input or the step that stands in the way.
    """
    refuse_inputs(signature)
    if signature.task == "classification" and signature.classes is None:
        raise NotConvertibleError(
            "a classifier of several targets is not converted",
            "a classifier for each target converts",
        )
    refuse(model)
    register()
    ready = convertible(model)
    found, failure = [], None
    for types in input_types(signature.inputs):
        try:
            found.append(_convert(ready, signature, types))
        except Exception as error:  # noqa: BLE001  skl2onnx raises whatever its parts raise
            failure = failure or error
    if not found:
        raise _which_step(model, failure, signature) from failure
    return found


def refuse_inputs(signature: Signature) -> None:
    """Refuse inputs that ONNX has no form for.

    Raises
    ------
    NotConvertibleError
        Naming the column.
    """
    if not signature.inputs:
        raise NotConvertibleError("the model is called with rows that ONNX has no form for")
    for column in signature.inputs:
        if column.kind == "string" and column.nullable:
            raise NotConvertibleError(
                f"column {column.name!r} holds text with nulls, which ONNX has no form for",
                "filled in by preprocess, before the model, it converts",
            )
        if column.kind == "datetime":
            raise NotConvertibleError(
                f"column {column.name!r} holds dates, which ONNX has no form for",
                "made numbers of by preprocess, before the model, it converts",
            )
        if column.shape:
            raise NotConvertibleError(f"tensor {column.name!r} is no table, which is what converts")


def input_types(columns: tuple[Column, ...]) -> Iterator[list[tuple[str, Any]]]:
    """Ways to declare the inputs, fastest first: one matrix, else a tensor for each column."""
    from skl2onnx.common.data_types import FloatTensorType, Int64TensorType, StringTensorType

    if all(c.kind != "string" for c in columns):
        yield [("X", FloatTensorType([None, len(columns)]))]
    whole = {"integer": Int64TensorType, "string": StringTensorType}
    floats = {"string": StringTensorType}
    ways = (
        [floats, whole]
        if any(c.kind == "integer" and not c.nullable for c in columns)
        else [floats]
    )
    for way in ways:
        yield [
            (
                c.name,
                (
                    FloatTensorType
                    if c.nullable and c.kind != "string"
                    else way.get(c.kind, FloatTensorType)
                )([None, 1]),
            )
            for c in columns
        ]


def opset() -> dict[str, int]:
    """Newest standard operators; trees by version 3, which every converter has."""
    from skl2onnx import __max_supported_opset__

    return {"": __max_supported_opset__, "ai.onnx.ml": 3}


def _convert(model: Any, signature: Signature, types: list[tuple[str, Any]]) -> bytes:
    from skl2onnx import to_onnx

    options = {"zipmap": False} if signature.task == "classification" else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            graph = to_onnx(model, initial_types=types, options=options, target_opset=opset())
        except NameError as error:
            # a classifier without probabilities has nothing to zip, and may not know the option
            if "zipmap" not in str(error):
                raise
            graph = to_onnx(model, initial_types=types, target_opset=opset())
    return finish(graph, signature)


def _which_step(model: Any, error: Exception | None, signature: Signature) -> NotConvertibleError:
    """Name the first step that has no conversion, else say what the converter said."""
    for path, step in leaves(model):
        said = _failure(convertible(step))
        if said is None:
            continue
        module = type(step).__module__.partition(".")[0]
        if isinstance(said, _no_converter()) and not from_sklearn(step):
            whose = "your own" if module == "__main__" else f"{module}'s"
            return NotConvertibleError(
                f"{named(path, step)} is a class of {whose}, which has no conversion",
                "done in preprocess, before the model, the rest of it converts" if path else "",
            )
        if isinstance(said, _no_converter()):
            return NotConvertibleError(f"{named(path, step)} has no conversion")
        return NotConvertibleError(f"{named(path, step)} has no conversion: {_brief(said)}")
    text = [c.name for c in signature.inputs if c.kind == "string"]
    if text and "at most 1 input" in str(error):
        return NotConvertibleError(
            f"column {text[0]!r} holds text, of which {type(model).__name__} makes numbers by "
            "itself",
            f"made numbers of by preprocess, df[{text[0]!r}].astype(float), it converts",
        )
    return NotConvertibleError(f"the conversion of {type(model).__name__} failed: {_brief(error)}")


def _failure(step: Any) -> Exception | None:
    """Why a step alone doesn't convert, for numbers nor for text."""
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType

    width = getattr(step, "n_features_in_", 1)
    first = None
    for kind in (FloatTensorType, StringTensorType):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                to_onnx(step, initial_types=[("X", kind([None, width]))], target_opset=opset())
        except Exception as raised:  # noqa: BLE001  as above
            first = first or raised
        else:
            return None
    return first


def _no_converter() -> tuple[type[Exception], ...]:
    from skl2onnx.common.exceptions import MissingConverter, MissingShapeCalculator

    return (MissingConverter, MissingShapeCalculator)


def _brief(error: Exception | None) -> str:
    text = " ".join(str(error).split())
    text = text.split(". ")[0].rstrip(".")
    return f"{type(error).__name__}: {text[:157]}..." if len(text) > 160 else text or repr(error)
