"""Labels and probabilities of a classifier, the steps before it run once for both.

``pipeline.predict(x)`` and ``pipeline.predict_proba(x)`` both send the rows through every
transformer, which for one row is nearly all of the cost.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

#: scikit-learn's own; a subclass may have a `predict` of its own.
_PIPELINE = ("sklearn.pipeline", "Pipeline")
#: They predict by the best estimator they found.
_SEARCHES = frozenset(
    {
        ("sklearn.model_selection._search", "GridSearchCV"),
        ("sklearn.model_selection._search", "RandomizedSearchCV"),
    }
)

Both = Callable[[Any], tuple[Any, Any]]


def labels_and_probabilities(model: Any) -> Both:
    """Return what answers rows with the results of `predict` and of `predict_proba`."""
    while _kind(model) in _SEARCHES:
        model = model.best_estimator_
    if _kind(model) != _PIPELINE or len(model.steps) < 2:
        predict, predict_proba = model.predict, model.predict_proba
        return lambda rows: (predict(rows), predict_proba(rows))
    transform = model[:-1].transform
    answer = labels_and_probabilities(model.steps[-1][1])
    return lambda rows: answer(transform(rows))


def _kind(model: Any) -> tuple[str, str]:
    return type(model).__module__, type(model).__qualname__
