"""The user's functions before and after the model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Preprocess = Callable[[Any], Any]
Postprocess = Callable[..., Any]


@dataclass(frozen=True)
class Hooks:
    """Functions that run in front of a model and behind it, in the served process too.

    Attributes
    ----------
    preprocess
        Called with rows in the sample's own type; returns what the model's ``predict`` takes,
        one entry a row.
    postprocess
        Called with the predictions, or with predictions and probabilities when it has two
        parameters; returns one value a row, which becomes the new predictions.
    takes_probabilities
        Whether `postprocess` is called with both.
    """

    preprocess: Preprocess | None
    postprocess: Postprocess | None
    takes_probabilities: bool = False

    def content(self) -> dict[str, Any]:
        """Return what is pickled into ``hooks.pkl``: plain, so that it loads without us."""
        return {
            "preprocess": self.preprocess,
            "postprocess": self.postprocess,
            "takes_probabilities": self.takes_probabilities,
        }
