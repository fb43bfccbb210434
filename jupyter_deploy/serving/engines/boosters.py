"""Bare boosters of XGBoost and LightGBM, called as other models are.

A ``Booster`` has no ``predict_proba``; XGBoost's takes a ``DMatrix`` of its own. A packed one is
the user's object itself: it is wrapped here after loading, and by packaging before it is asked.
"""

from __future__ import annotations

import json
from typing import Any, Literal

import numpy as np

from .targets import by_target

#: What a booster's numbers are: P(class 1), P(each class), class numbers, P(each label applies),
#: or values that mean themselves.
Answer = Literal["binary", "multiclass", "labels", "multilabel", "values"]


class BoosterModel:
    """A booster with ``predict`` and ``predict_proba``; classes are 0, 1, … as it knows them.

    Attributes
    ----------
    booster
        The user's object.
    answer
        What its numbers are.
    objective
        The booster's own word.
    targets
        Targets that it answers for each row.
    classes
        How many classes; 0 when it is no classifier.
    """

    booster: Any
    answer: Answer
    objective: str
    targets: int
    classes: int

    def raw(self, rows: Any) -> np.ndarray[Any, Any]:
        """Return what the booster's own predict answers."""
        raise NotImplementedError

    def predict(self, rows: Any) -> np.ndarray[Any, Any]:
        """Return class numbers, or the booster's values."""
        return self._labels(self.raw(rows))

    def predict_proba(self, rows: Any) -> Any:
        """Return shape (rows, classes); for several labels a row, one such array each."""
        return self._probabilities(self.raw(rows))

    def predict_both(self, rows: Any) -> tuple[np.ndarray[Any, Any], Any]:
        """Return both, for the price of one."""
        raw = self.raw(rows)
        return self._labels(raw), self._probabilities(raw)

    def _labels(self, raw: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        if self.answer in ("binary", "multilabel"):
            return (raw > 0.5).astype(np.int64)
        if self.answer == "multiclass":
            return np.asarray(raw.argmax(axis=1))
        return raw.astype(np.int64) if self.answer == "labels" else raw

    def _probabilities(self, raw: np.ndarray[Any, Any]) -> Any:
        if self.answer == "binary":
            return np.column_stack([1 - raw, raw])
        return list(by_target(raw).values()) if self.answer == "multilabel" else raw


class XgboostModel(BoosterModel):
    """See :class:`BoosterModel`."""

    def __init__(self, booster: Any) -> None:
        self.booster = booster
        learner = json.loads(booster.save_config())["learner"]
        self.objective = learner["objective"]["name"]
        self.targets = int(learner["learner_model_param"]["num_target"])
        classes = int(learner["learner_model_param"]["num_class"])
        self.answer, self.classes = "values", 0
        if self.objective == "binary:logistic":
            self.answer, self.classes = "binary" if self.targets == 1 else "multilabel", 2
        elif self.objective == "multi:softprob":
            self.answer, self.classes = "multiclass", classes
        elif self.objective in ("multi:softmax", "binary:hinge"):
            self.answer, self.classes = "labels", max(classes, 2)

    def raw(self, rows: Any) -> np.ndarray[Any, Any]:
        from xgboost import DMatrix

        # a matrix without names would be refused by feature validation with a page of names
        matrix = DMatrix(rows, enable_categorical=True)
        answered: np.ndarray[Any, Any] = self.booster.predict(matrix)
        return answered


class LightgbmModel(BoosterModel):
    """See :class:`BoosterModel`."""

    def __init__(self, booster: Any) -> None:
        self.booster = booster
        # "binary sigmoid:1"; a booster of one's own objective has none
        said = booster.dump_model(num_iteration=1).get("objective", "").split()
        self.objective = said[0] if said else ""
        self.targets = 1
        self.answer, self.classes = "values", 0
        if self.objective == "binary":
            self.answer, self.classes = "binary", 2
        elif self.objective in ("multiclass", "multiclassova"):
            self.answer, self.classes = "multiclass", booster.num_model_per_iteration()

    def raw(self, rows: Any) -> np.ndarray[Any, Any]:
        return np.asarray(self.booster.predict(rows))


_MODELS: dict[tuple[str, str], type[Any]] = {
    ("xgboost", "Booster"): XgboostModel,
    ("lightgbm", "Booster"): LightgbmModel,
}


def adopt(model: Any) -> Any:
    """Return `model` as it is called: a bare booster in its wrapper, anything else as it is."""
    # by name: neither library is imported for another's model
    for kind in type(model).__mro__:
        wrapper = _MODELS.get((kind.__module__.partition(".")[0], kind.__name__))
        if wrapper is not None:
            return wrapper(model)
    return model
