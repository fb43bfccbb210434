"""The steps that a scikit-learn model is made of, and the model as a converter takes it."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from typing import Any


def leaves(model: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every fitted step that does some work itself, with its dotted path, the inner ones first."""
    if model is None or isinstance(model, str):
        return
    parts, whole = _parts(model)
    for name, part in parts:
        yield from leaves(part, f"{path}.{name}" if path else name)
    if whole:
        yield path, model


def last(model: Any) -> Any:
    """Return the step that answers: the end of a pipeline, the winner of a search."""
    while True:
        if getattr(model, "steps", None) and hasattr(model, "named_steps"):
            model = model.steps[-1][1]
        elif _is(
            model, "FrozenEstimator", "TunedThresholdClassifierCV", "FixedThresholdClassifier"
        ):
            model = getattr(model, "estimator_", None) or model.estimator
        elif hasattr(model, "best_estimator_"):
            model = model.best_estimator_
        else:
            return model


def convertible(model: Any) -> Any:
    """Return `model` without what answers the same but has no converter.

    Searches answer by their best estimator, and only the grid search has a converter; a frozen
    estimator is what it holds. A vote's `flatten_transform` is about `transform` only, and its
    default is refused. `model` is not changed.
    """
    if hasattr(model, "best_estimator_"):
        return convertible(model.best_estimator_)
    if _is(model, "FrozenEstimator"):
        return convertible(model.estimator)
    if _is(model, "VotingClassifier"):
        twin = copy.copy(model)
        twin.flatten_transform = False
        return twin
    if _is(model, "Pipeline"):
        twin = copy.copy(model)
        twin.steps = [(name, convertible(step)) for name, step in model.steps]
        return twin
    return model


def from_sklearn(step: Any) -> bool:
    """Whether the step's class is scikit-learn's own, and not derived from one."""
    return type(step).__module__.partition(".")[0] == "sklearn"


def named(path: str, step: Any) -> str:
    """Name a step for people."""
    kind = type(step).__name__
    return f"step {path!r} ({kind})" if path else kind


def _is(model: Any, *names: str) -> bool:
    return type(model).__name__ in names and from_sklearn(model)


def _parts(model: Any) -> tuple[Iterable[tuple[str, Any]], bool]:
    """Parts of a step by name, and whether it does work besides."""
    parts: Iterable[tuple[str, Any]] = ()
    whole = False
    if steps := getattr(model, "steps", None) or getattr(model, "transformer_list", None):
        parts = steps
    elif transformers := getattr(model, "transformers_", None):
        parts = [(name, part) for name, part, *_ in transformers]
    elif hasattr(model, "best_estimator_"):
        parts = [("best_estimator_", model.best_estimator_)]
    elif _is(model, "FrozenEstimator"):
        parts = [("estimator", model.estimator)]
    else:
        whole = True
        if _is(model, *_NAMED):
            parts = _named_parts(model)
        elif _is(model, "CalibratedClassifierCV"):
            parts = [("estimator", model.calibrated_classifiers_[0].estimator)]
        elif _is(model, *_REPEATED):
            parts = [("estimators_[0]", model.estimators_[0])]
    return parts, whole


def _named_parts(model: Any) -> list[tuple[str, Any]]:
    names = [name for name, part in model.estimators if not isinstance(part, str)]
    parts = list(zip(names, model.estimators_, strict=False))
    if hasattr(model, "final_estimator_"):
        parts.append(("final_estimator_", model.final_estimator_))
    return parts


_NAMED = ("VotingClassifier", "VotingRegressor", "StackingClassifier", "StackingRegressor")
#: Copies of one estimator: what holds for the first holds for all.
_REPEATED = (
    "BaggingClassifier",
    "BaggingRegressor",
    "MultiOutputClassifier",
    "MultiOutputRegressor",
    "OneVsOneClassifier",
    "OneVsRestClassifier",
)
