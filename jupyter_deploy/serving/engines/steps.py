"""Labels and probabilities of a classifier, without computing anything twice.

``pipeline.predict(x)`` and ``pipeline.predict_proba(x)`` both send the rows through every
transformer, which for one row is nearly all of the cost; and ``forest.predict(x)`` asks every tree
for the probabilities.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import Any

import numpy as np

#: scikit-learn's own; a subclass may have a `predict` of its own.
_PIPELINE = ("sklearn.pipeline", "Pipeline")
#: They predict by the best estimator they found.
_SEARCHES = frozenset(
    {
        ("sklearn.model_selection._search", "GridSearchCV"),
        ("sklearn.model_selection._search", "RandomizedSearchCV"),
    }
)
#: Their `predict` is the label of the largest of what `predict_proba` returns, by its own code.
_BY_PROBABILITIES = frozenset(
    {
        ("sklearn.ensemble._forest", "RandomForestClassifier"),
        ("sklearn.ensemble._forest", "ExtraTreesClassifier"),
        ("sklearn.ensemble._bagging", "BaggingClassifier"),
        ("sklearn.calibration", "CalibratedClassifierCV"),
    }
)
#: The method that their `predict` and `predict_proba` both make their answers of.
_BY_SCORES = {
    ("sklearn.linear_model._logistic", "LogisticRegression"): "decision_function",
    ("sklearn.ensemble._gb", "GradientBoostingClassifier"): "decision_function",
    (
        "sklearn.ensemble._hist_gradient_boosting.gradient_boosting",
        "HistGradientBoostingClassifier",
    ): "_raw_predict",
}

Both = Callable[[Any], tuple[Any, Any]]


def labels_and_probabilities(model: Any) -> Both:
    """Return what answers rows with the results of `predict` and of `predict_proba`."""
    while _kind(model) in _SEARCHES:
        model = model.best_estimator_
    kind = _kind(model)
    if kind == _PIPELINE and len(model.steps) > 1:
        transform = model[:-1].transform
        answer = labels_and_probabilities(model.steps[-1][1])
        return lambda rows: answer(transform(rows))
    if kind in _BY_PROBABILITIES and isinstance(model.classes_, np.ndarray):  # one target
        return _labelled(model)
    if hasattr(model, _BY_SCORES.get(kind, "")):
        return _scored(model, _BY_SCORES[kind])
    predict, predict_proba = model.predict, model.predict_proba
    return lambda rows: (predict(rows), predict_proba(rows))


def _labelled(model: Any) -> Both:
    labels, predict_proba = model.classes_, model.predict_proba

    def answer(rows: Any) -> tuple[Any, Any]:
        probabilities = predict_proba(rows)
        return labels.take(np.argmax(probabilities, axis=1), axis=0), probabilities

    return answer


def _scored(model: Any, method: str) -> Both:
    """Ask a copy of the model, which finds the scores of the rows it was asked about last."""
    twin = copy(model)
    score = getattr(model, method)
    last: tuple[Any, Any] = (None, None)

    def scores(rows: Any, *arguments: Any, **options: Any) -> Any:
        nonlocal last
        known, found = last
        if rows is not known or arguments or options:
            return score(rows, *arguments, **options)
        if found is None:
            found = score(rows)
            last = rows, found
        # what they make of it they make in place
        return found.copy()

    setattr(twin, method, scores)

    def answer(rows: Any) -> tuple[Any, Any]:
        nonlocal last
        last = rows, None
        both = twin.predict(rows), twin.predict_proba(rows)
        last = None, None
        return both

    return answer


def _kind(model: Any) -> tuple[str, str]:
    return type(model).__module__, type(model).__qualname__
