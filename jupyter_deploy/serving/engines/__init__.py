"""Who runs the model: ONNX Runtime, or the pickled object itself.

An engine says how it wants its input (:class:`~..inputs.decode.Input`), makes it from checked
columns, and runs it. Nothing here knows of HTTP.
"""

from __future__ import annotations

import sys
from pathlib import Path

from ..packed import Packed
from .base import Array, Engine, Outputs

__all__ = ["Array", "Engine", "Outputs", "load"]


def load(packed: Packed) -> Engine:
    """Load the packed model with its hooks, after checking that they are the files packed.

    Raises
    ------
    ValueError
        When the file was changed, or its inputs don't match the signature.
    """
    packed.verify()
    if packed.modules is not None:
        _make_importable(packed.modules)
    engine = _engine(packed)
    if packed.hooks is None:
        return engine
    from .hooks import HookedEngine

    return HookedEngine(engine, packed)


def _engine(packed: Packed) -> Engine:
    if packed.engine == "onnxruntime":
        from .onnx import OnnxEngine

        return OnnxEngine(packed)
    from .native import NativeEngine

    return NativeEngine(packed)


def _make_importable(folder: Path) -> None:
    """Put the user's modules first: a file of the same name elsewhere is another one."""
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
