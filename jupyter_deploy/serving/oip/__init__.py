"""The Open Inference Protocol, version 2, over HTTP: JSON and binary tensors.

::

    protocol    one model behind it: metadata and inference
    metadata    what server and model say about themselves
    request     the request, checked without knowing the model
    tensors     one of its inputs
    parameters  what it may carry beside
    raw         a request that is the data alone
    inputs      the tensors to the batch the model takes
    outputs     the model's outputs to tensors
    binary      tensors as bytes
    datatypes   their names
    errors      what is wrong, in one sentence
"""

from __future__ import annotations

from .errors import TensorError, message
from .metadata import EXTENSIONS, SERVER
from .protocol import InferReply, Protocol

__all__ = ["EXTENSIONS", "SERVER", "InferReply", "Protocol", "TensorError", "message"]
