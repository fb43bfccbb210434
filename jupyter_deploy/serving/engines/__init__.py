"""Who runs the model: ONNX Runtime, or the pickled object itself.

An engine says how it wants its input (:class:`~..decode.Input`), makes it from checked columns,
and runs it. Nothing here knows of HTTP.
"""

from __future__ import annotations

from ..packed import Packed
from .base import Array, Engine, Outputs

__all__ = ["Array", "Engine", "Outputs", "load"]


def load(packed: Packed) -> Engine:
    """Load the packed model, after checking that it is the file that was packed.

    Raises
    ------
    ValueError
        When the file was changed, or its inputs don't match the signature.
    """
    packed.verify()
    if packed.engine == "onnxruntime":
        from .onnx import OnnxEngine

        return OnnxEngine(packed)
    from .native import NativeEngine

    return NativeEngine(packed)
