"""A pipeline's labels and probabilities by one pass are those of its own two methods."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from jupyter_deploy.serving.engines.steps import labels_and_probabilities
from tests.models import cancer


class Counting(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Passes rows on and counts how often."""

    def fit(self, x: Any, y: Any = None) -> Counting:
        self.passed_ = 0
        return self

    def transform(self, x: Any) -> Any:
        self.passed_ += 1
        return x


class Upside(Pipeline):  # type: ignore[misc]
    """A pipeline with a predict of its own."""

    def predict(self, x: Any) -> Any:
        return super().predict(x)[::-1]


def steps() -> list[Any]:
    return [
        ("count", Counting()),
        ("none", "passthrough"),
        ("scale", StandardScaler()),
        ("end", LogisticRegression(max_iter=1000)),
    ]


MODELS = {
    "pipeline": Pipeline(steps()),
    "nested": make_pipeline(Counting(), Pipeline(steps()[2:])),
    "search": GridSearchCV(Pipeline(steps()), {"end__C": [1.0, 2.0]}, cv=2),
    "subclass": Upside(steps()),
    "no steps before": make_pipeline(LogisticRegression(max_iter=10_000)),
    "boosting": GradientBoostingClassifier(n_estimators=5, random_state=0),
    "histograms": HistGradientBoostingClassifier(max_iter=5, random_state=0),
    "bare": LogisticRegression(max_iter=10_000),
    "forest": make_pipeline(Counting(), RandomForestClassifier(10, random_state=0)),
    # of few trees that are few levels deep: many rows are on the fence
    "ties": RandomForestClassifier(2, max_depth=1, random_state=0),
    "extra trees": ExtraTreesClassifier(10, random_state=0),
    "bagging": BaggingClassifier(n_estimators=4, random_state=0),
    "calibrated": CalibratedClassifierCV(LogisticRegression(max_iter=10_000), cv=2),
}


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("kind", MODELS)
def test_the_same_answers(kind: str, classes: int) -> None:
    x, y = cancer()
    if classes == 3:
        y = y.where(x["mean radius"] < 15, "large")
    model = MODELS[kind].fit(x / x.max(), y)
    answer = labels_and_probabilities(model)
    # in both orders of rows, so that what is kept of the first can't pass for the second's
    for rows in (x.head(50) / x.max(), x.tail(50) / x.max()):
        labels, probabilities = answer(rows)
        np.testing.assert_array_equal(labels, model.predict(rows))
        np.testing.assert_array_equal(probabilities, model.predict_proba(rows))


def test_scores_are_computed_once() -> None:
    x, y = cancer()
    model = LogisticRegression(max_iter=10_000).fit(x, y)
    scored = []
    score = model.decision_function
    model.decision_function = lambda rows: scored.append(len(rows)) or score(rows)
    labels_and_probabilities(model)(x.head(3))
    assert scored == [3]


def test_a_forest_of_two_targets() -> None:
    x, y = cancer()
    both = np.stack([y == "benign", x["mean radius"] > 15], axis=1)
    model = RandomForestClassifier(5, random_state=0).fit(x, both)
    labels, probabilities = labels_and_probabilities(model)(x.head(9))
    np.testing.assert_array_equal(labels, model.predict(x.head(9)))
    np.testing.assert_array_equal(probabilities, model.predict_proba(x.head(9)))


def test_each_step_runs_once() -> None:
    x, y = cancer()
    model = Pipeline(steps()).fit(x, y)
    before = model["count"].passed_
    labels_and_probabilities(model)(x.head(1))
    assert model["count"].passed_ == before + 1
