"""Outputs of a model to an answer's body."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson

from ..engines import Outputs
from ..signature import Signature

#: dtypes the codec writes by itself: 32 and 64 bit numbers, bool
_DIRECT = frozenset(
    np.dtype(t)
    for t in (np.float32, np.float64, np.int64, np.int32, np.uint64, np.uint32, np.bool_)
)


class Encoder:
    """Encodes answers of one model.

    The keys are the outputs' names. ``classes`` has the labels in the order of the
    probabilities: a list, or for a classifier of several targets a list for each of its
    ``probabilities_0``, ``probabilities_1``, …
    """

    def __init__(self, signature: Signature) -> None:
        named = {o.name: list(o.classes) for o in signature.outputs if o.classes is not None}
        classes = named or (None if signature.classes is None else list(signature.classes))
        self._classes = None if classes is None else orjson.Fragment(orjson.dumps(classes))

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
        if outputs.others:
            answer.update((name, writable(array)) for name, array in outputs.others.items())
        if self._classes is not None and len(answer) > 1:
            answer["classes"] = self._classes
        return orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY)


def writable(array: np.ndarray[Any, Any]) -> Any:
    """Return the array as the codec takes it: itself, or nested lists."""
    if array.dtype in _DIRECT:
        return np.ascontiguousarray(array)
    return array.tolist()
