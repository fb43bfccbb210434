"""The Open Inference Protocol, version 2, over HTTP: JSON and binary tensors."""

from __future__ import annotations

from .protocol import SERVER, InferReply, Protocol, TensorError, message

__all__ = ["SERVER", "InferReply", "Protocol", "TensorError", "message"]
