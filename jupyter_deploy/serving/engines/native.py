"""The object the user trained, unpickled."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np

from ..packed import Packed
from .base import Outputs
from .boosters import adopt
from .rows import NativeRows, count_rows
from .steps import labels_and_probabilities
from .targets import PREFIX, by_target

__all__ = ["NativeEngine", "NativeRows"]


class NativeEngine(NativeRows):
    """The object the user trained, unpickled."""

    platform = "python"
    #: It may be anything: slow, or unsafe to call from two threads.
    reentrant = False

    def __init__(self, packed: Packed) -> None:
        signature = packed.model_signature
        super().__init__(signature)
        with packed.model.open("rb") as file:
            # the Bento's own content, just checked against the hash its author wrote
            model = adopt(pickle.load(file))  # noqa: S301
        self._predict = model.predict if hasattr(model, "predict") else model
        names = [output.name for output in signature.outputs]
        self._several = any(name.startswith(PREFIX) for name in names)
        self._both = None
        if self._several or "probabilities" in names:
            # a bare booster answers both by one call
            self._both = getattr(model, "predict_both", None) or labels_and_probabilities(model)
        self._flat = len(signature.outputs[0].shape) == 1

    def run(self, batch: Any) -> Outputs:
        """Answer a batch of :meth:`assemble`, or a matrix."""
        return self.call(self.rows(batch))

    def call(self, rows: Any) -> Outputs:
        """Answer rows that are in the type the model takes."""
        count = count_rows(rows)
        returned, probabilities = (
            (self._predict(rows), None) if self._both is None else self._both(rows)
        )
        predictions = np.asarray(returned)
        if self._flat and predictions.ndim > 1 and predictions.size == count:
            predictions = predictions.reshape(-1)
        if predictions.ndim == 0 or len(predictions) != count:
            raise ValueError(f"the model returned {predictions.shape} answers for {count} rows")
        if probabilities is None:
            return Outputs(predictions)
        if self._several:
            return Outputs(predictions, None, by_target(probabilities))
        return Outputs(predictions, np.asarray(probabilities))
