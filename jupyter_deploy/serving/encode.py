"""Outputs of a model to an answer's body."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson

from .engines import Outputs
from .signature import Signature

#: dtypes the codec writes by itself: 32 and 64 bit numbers, bool
_DIRECT = frozenset(
    np.dtype(t)
    for t in (np.float32, np.float64, np.int64, np.int32, np.uint64, np.uint32, np.bool_)
)


class Encoder:
    """Encodes answers of one model."""

    def __init__(self, signature: Signature) -> None:
        classes = signature.classes
        self._classes = None if classes is None else orjson.Fragment(orjson.dumps(list(classes)))

    def encode(self, outputs: Outputs) -> bytes:
        """Return the body of a ``/predict`` answer; NaN and infinities become null.

        Raises
        ------
        TypeError
            When the model returned something JSON has no form for.
        """
        answer: dict[str, Any] = {"predictions": writable(outputs.predictions)}
        if outputs.probabilities is not None:
            answer["probabilities"] = writable(outputs.probabilities)
            if self._classes is not None:
                answer["classes"] = self._classes
        return orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY)


def writable(array: np.ndarray[Any, Any]) -> Any:
    """Return the array as the codec takes it: itself, or nested lists."""
    if array.dtype in _DIRECT and array.flags.c_contiguous:
        return array
    return array.tolist()
