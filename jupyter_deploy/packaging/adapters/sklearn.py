"""scikit-learn estimators and Pipelines, and classes of the user's own derived from them."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from jupyter_deploy.exceptions import UnsupportedModelError
from jupyter_deploy.packaging.adapters.generic import plain_classes
from jupyter_deploy.packaging.adapters.table import NotConvertibleError
from jupyter_deploy.packaging.calls import call_on_sample
from jupyter_deploy.packaging.onnx_graph import finish
from jupyter_deploy.packaging.outputs import as_outputs

if TYPE_CHECKING:
    from jupyter_deploy.packaging.outputs import Outputs
    from jupyter_deploy.serving.signature import Column, Signature, Task


class SklearnAdapter:
    """See :class:`~jupyter_deploy.packaging.adapters.table.Adapter`."""

    name = "scikit-learn"

    def check(self, model: Any) -> None:
        from sklearn.exceptions import NotFittedError
        from sklearn.utils.validation import check_is_fitted

        kind = type(model).__name__
        if not hasattr(model, "predict") and not hasattr(type(model), "predict"):
            raise UnsupportedModelError(
                f"{kind} has no predict method.",
                "Deploy a Pipeline that ends in a model, or a function around it:\n\n"
                "    def embed(df):\n        return transformer.transform(df)",
            )
        try:
            check_is_fitted(model)
        except NotFittedError:
            raise UnsupportedModelError(
                f"This {kind} is not fitted.", "Train it before deploying: model.fit(X, y)"
            ) from None

    def task(self, model: Any) -> Task:
        from sklearn.base import is_classifier, is_regressor

        if is_classifier(model):
            return "classification"
        return "regression" if is_regressor(model) else "other"

    def classes(self, model: Any) -> tuple[Any, ...] | None:
        if self.task(model) != "classification":
            return None
        return plain_classes(getattr(model, "classes_", None))

    def outputs(self, model: Any, sample: Any) -> Outputs:
        kind = type(model).__name__
        predictions = call_on_sample(model.predict, sample, f"{kind}.predict")
        proba = None
        # Pipelines and searches have the attribute only when their last step has it
        if self.classes(model) is not None and hasattr(model, "predict_proba"):
            proba = call_on_sample(model.predict_proba, sample, f"{kind}.predict_proba")
        return as_outputs(predictions, proba, len(sample))

    def to_onnx(self, model: Any, signature: Signature) -> list[bytes]:
        unclear = next(
            (c.name for c in signature.inputs if c.kind == "string" and c.nullable), None
        )
        if unclear is not None:
            raise NotConvertibleError(
                f"column {unclear!r} holds text with nulls, which ONNX has no form for"
            )
        if self.task(model) == "classification" and signature.classes is None:
            raise NotConvertibleError("a classifier with several outputs is not converted")
        for path, step in _leaves(model, ""):
            if type(step).__name__ == "OrdinalEncoder" and step.handle_unknown == "error":
                raise NotConvertibleError(
                    f"step {path!r} (OrdinalEncoder) refuses categories it doesn't know, and "
                    "converted it would answer them; with handle_unknown='use_encoded_value' "
                    "it converts"
                )
        graphs, failure = [], None
        for types in _input_types(signature.inputs):
            try:
                graphs.append(_convert(model, signature, types))
            except Exception as error:  # noqa: BLE001  skl2onnx raises whatever its parts raise
                failure = failure or error
        if not graphs:
            raise NotConvertibleError(_which_step(model, failure)) from failure
        return graphs


def _input_types(columns: tuple[Column, ...]) -> Iterator[list[tuple[str, Any]]]:
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


def _convert(model: Any, signature: Signature, types: list[tuple[str, Any]]) -> bytes:
    from skl2onnx import to_onnx

    options = {"zipmap": False} if signature.task == "classification" else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        graph = to_onnx(model, initial_types=types, options=options, target_opset=_opset())
    return finish(graph, signature)


def _opset() -> dict[str, int]:
    """Newest standard operators; trees by version 3, which every converter has."""
    from skl2onnx import __max_supported_opset__

    return {"": __max_supported_opset__, "ai.onnx.ml": 3}


def _which_step(model: Any, error: Exception | None) -> str:
    """Name the first step that has no conversion, else say what the converter said."""
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType

    for path, step in _leaves(model, ""):
        named = f"step {path!r} ({type(step).__name__})" if path else type(step).__name__
        width = getattr(step, "n_features_in_", 1)
        failures = []
        for kind in (FloatTensorType, StringTensorType):
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    to_onnx(step, initial_types=[("X", kind([None, width]))], target_opset=_opset())
                break
            except Exception as raised:  # noqa: BLE001  as above
                failures.append(raised)
        else:
            return f"{named} has no conversion: {_brief(failures[0])}"
    return f"the conversion of {type(model).__name__} failed: {_brief(error)}"


def _leaves(model: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Every fitted step that does some work itself, with its dotted path."""
    parts = (
        getattr(model, "steps", None)
        or getattr(model, "transformers_", None)
        or getattr(model, "transformer_list", None)
    )
    if not parts:
        if not isinstance(model, str) and model is not None:
            yield path, model
        return
    for name, part, *_ in parts:
        yield from _leaves(part, f"{path}.{name}" if path else name)


def _brief(error: Exception | None) -> str:
    text = " ".join(str(error).split())
    text = text.split(". ")[0].rstrip(".")
    return f"{type(error).__name__}: {text[:157]}..." if len(text) > 160 else text or repr(error)


ADAPTER = SklearnAdapter()
