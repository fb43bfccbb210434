"""Second step: convert to ONNX when the converted model answers as the native one does."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from jupyter_deploy.exceptions import ConversionError, UsageError
from jupyter_deploy.packaging.adapters import NotConvertibleError
from jupyter_deploy.packaging.onnx_graph import run
from jupyter_deploy.packaging.parity import compare, describe
from jupyter_deploy.types import Engine, Parity

if TYPE_CHECKING:
    from jupyter_deploy.packaging.inspection import Inspected
    from jupyter_deploy.serving.signature import Signature

Choice = Literal["auto", "onnx", "native"]


@dataclass(frozen=True)
class Converted:
    """A model with the engine that will run it.

    Attributes
    ----------
    engine, reason
        What runs it, and why in one sentence.
    parity
        The comparison that decided; None when nothing was converted.
    onnx
        The converted model; None for the native engine.
    signature
        As inspected, with the dtypes of the engine's outputs.
    """

    inspected: Inspected
    engine: Engine
    reason: str
    parity: Parity | None
    onnx: bytes | None
    signature: Signature


def convert(inspected: Inspected, engine: Choice = "auto") -> Converted:
    """Choose the engine.

    Parameters
    ----------
    engine
        ``auto``: ONNX Runtime when the model converts and passes the parity gate, else the
        native model with the reason; ``onnx``: the same or an error; ``native``: no conversion.

    Raises
    ------
    ConversionError
        When ``onnx`` was asked for and can't be had.
    UsageError
        For an unknown engine.
    """
    if engine not in ("auto", "onnx", "native"):
        raise UsageError(f"There is no engine {engine!r}.", "Choose auto, onnx or native.")
    if inspected.adapter.graphs:
        return _graph(inspected, engine)
    if engine == "native":
        return _native(inspected, "The native model runs, as asked for.", None)
    try:
        graphs = inspected.adapter.to_onnx(inspected.model, inspected.model_signature)
    except NotConvertibleError as error:
        if engine == "onnx":
            instead = f"{sentence(error.instead)} " if error.instead else ""
            raise ConversionError(
                f"The model does not convert to ONNX: {error.clause}.",
                f"{instead}Or deploy it with the native engine: --engine native.",
                reason=error.clause,
                instead=error.instead,
            ) from error
        return _native(inspected, f"The native model runs: {error}.", None)

    try:
        best, judged = _judge(inspected, graphs)
    except NotConvertibleError as error:
        if engine == "onnx":
            raise ConversionError(
                f"The converted model can't be run: {error}.",
                "Deploy it with the native engine: --engine native.",
            ) from error
        return _native(inspected, f"The native model runs: {error}.", None)
    if judged.passed:
        how = "nearly as" if judged.rows_beyond else "as"
        reason = f"ONNX Runtime answers {how} the native model: {describe(judged)}."
        return Converted(inspected, Engine.ONNX, reason, judged, best, _served(inspected))
    if engine == "onnx":
        raise ConversionError(
            f"The converted model does not answer as the native one: {describe(judged)}.",
            "Deploy it with the native engine (--engine native). ONNX computes in float32, where a "
            "value beside a tree's threshold may fall on its other side: most often behind a "
            "scaler or another step that computes. Trees need no scaler; without one, most models "
            "pass.",
            parity=judged.model_dump(mode="json"),
        )
    return _native(
        inspected,
        f"The native model runs, since the converted one answers otherwise: {describe(judged)}.",
        judged,
    )


def _judge(inspected: Inspected, graphs: list[bytes]) -> tuple[bytes, Parity]:
    """Return the first graph that passes, else the first one, with its parity."""
    sample = inspected.model_rows
    signature = inspected.model_signature
    first: tuple[bytes, Parity] | None = None
    failure: Exception | None = None
    for graph in graphs:
        try:
            answered = run(graph, signature, sample)
        except Exception as error:  # noqa: BLE001  onnxruntime's own types, and numpy's
            failure = error
            continue
        judged = graph, compare(inspected.model_outputs, answered, inspected.rows, signature)
        first = first or judged
        if judged[1].passed:
            return judged
    if first is None:
        said = str(failure).strip().splitlines()[0]
        raise NotConvertibleError(f"ONNX Runtime refuses the converted model ({said})")
    return first


def _graph(inspected: Inspected, engine: Choice) -> Converted:
    """An ONNX graph is served as it is."""
    if engine == "native":
        raise UsageError(
            "An ONNX graph has no native engine: ONNX Runtime is what runs it.",
            "Leave --engine out, or deploy the model that the graph was made of.",
        )
    (graph,) = inspected.adapter.to_onnx(inspected.model, inspected.model_signature)
    reason = "The model is an ONNX graph already."
    return Converted(inspected, Engine.ONNX, reason, None, graph, inspected.signature)


def sentence(clause: str) -> str:
    """Make a sentence of a clause."""
    return f"{clause[0].upper()}{clause[1:]}."


def _native(inspected: Inspected, reason: str, parity: Parity | None) -> Converted:
    return Converted(inspected, Engine.NATIVE, reason, parity, None, inspected.signature)


def _served(inspected: Inspected) -> Signature:
    """The graph computes floats in float32; labels keep the user's types."""
    signature = inspected.signature
    outputs = tuple(
        replace(o, dtype="float32")
        if o.dtype == "float64" and not _labels(o.name, signature)
        else o
        for o in signature.outputs
    )
    return replace(signature, outputs=outputs)


def _labels(name: str, signature: Signature) -> bool:
    return name == "predictions" and signature.task == "classification"
