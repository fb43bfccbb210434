"""scikit-learn's models of every task: what they answer, in whose types, and on which engine."""

from __future__ import annotations

import json
import warnings
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import Birch, KMeans
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import (
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier, MultiOutputRegressor
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC, OneClassSVM

from jupyter_deploy.config import Paths
from jupyter_deploy.exceptions import UnsupportedModelError
from jupyter_deploy.types import Engine
from tests.packaging.packed import answer, converted, pack
from tests.packaging.served import assert_golden, post, serve


@cache
def rows() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Four columns that float32 holds exactly, two classes, numbers."""
    x = np.random.default_rng(0).normal(size=(200, 4)).astype(np.float32).astype(float)
    return x, (x[:, 0] + x[:, 1] > 0).astype(int), 2 * x[:, 0] + 1


def labels(*names: Any) -> np.ndarray:
    return np.array(names)[rows()[1]]


def both() -> np.ndarray:
    x, y, _ = rows()
    return np.column_stack([y, x[:, 2] > 0]).astype(int)


def body(x: np.ndarray) -> Any:
    return x.tolist()


@pytest.mark.parametrize(
    ("model", "task", "kinds"),
    [
        (KMeans(3, n_init=1, random_state=0), "clustering", {0, 1, 2}),
        (IsolationForest(n_estimators=20, random_state=0), "outliers", {-1, 1}),
        (OneClassSVM(), "outliers", {-1, 1}),
        (
            make_pipeline(StandardScaler(), KMeans(2, n_init=1, random_state=0)),
            "clustering",
            {0, 1},
        ),
    ],
)
def test_clusters_and_outliers(paths: Paths, model: Any, task: str, kinds: set[int]) -> None:
    x = rows()[0]
    found = converted(model.fit(x), x)
    assert found.signature.task == task
    assert found.engine is Engine.ONNX, found.reason
    got = answer(found, body(x))
    assert set(got) == {"predictions"}
    assert set(got["predictions"]) == kinds
    assert {type(v) for v in got["predictions"]} == {int}


def test_a_clusterer_without_conversion_names_one_with() -> None:
    x = rows()[0]
    found = converted(Birch(n_clusters=2).fit(x), x)
    assert (found.engine, found.signature.task) == (Engine.NATIVE, "clustering")
    assert found.reason == "The native model runs: Birch has no conversion; KMeans converts."


@pytest.mark.parametrize("model", [LinearSVC(), RidgeClassifier()])
@pytest.mark.parametrize("names", [("no", "yes"), (3, 7), (False, True)])
def test_without_probabilities(paths: Paths, model: Any, names: tuple[Any, ...]) -> None:
    x = rows()[0]
    model = model.fit(x, labels(*names))
    found = converted(model, x)
    assert found.engine is Engine.ONNX, found.reason
    assert found.signature.classes == names
    got = answer(found, body(x[:20]))
    assert got == {"predictions": model.predict(x[:20]).tolist()}
    assert {type(v) for v in got["predictions"]} == {type(names[0])}


@pytest.mark.parametrize(
    "model",
    [
        CalibratedClassifierCV(RandomForestClassifier(5, random_state=0)),
        CalibratedClassifierCV(LinearSVC()),
        GridSearchCV(make_pipeline(StandardScaler(), LogisticRegression()), {}),
        RandomizedSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, n_iter=1),
        StackingClassifier(
            [("forest", RandomForestClassifier(5, random_state=0)), ("line", LogisticRegression())]
        ),
        VotingClassifier(
            [("forest", RandomForestClassifier(5, random_state=0)), ("line", LogisticRegression())],
            voting="soft",
        ),
        make_pipeline(StandardScaler(), GridSearchCV(LogisticRegression(), {"C": [1.0]})),
    ],
)
def test_models_around_models(model: Any) -> None:
    x = rows()[0]
    found = converted(model.fit(x, labels("no", "yes")), x)
    assert found.engine is Engine.ONNX, found.reason
    assert found.signature.classes == ("no", "yes")
    assert [o.name for o in found.signature.outputs] == ["predictions", "probabilities"]


def test_a_frozen_model_converts_as_what_it_holds() -> None:
    x = rows()[0]
    inner = LogisticRegression().fit(x, labels("no", "yes"))
    found = converted(FrozenEstimator(inner), x)
    assert found.engine is Engine.ONNX, found.reason


def test_a_model_is_not_changed_by_its_conversion() -> None:
    x, y, _ = rows()
    vote = VotingClassifier([("line", LogisticRegression())])
    model = make_pipeline(StandardScaler(), vote).fit(x, y)
    converted(model, x)
    assert model[-1] is vote
    assert vote.flatten_transform is True


def test_a_transformed_target_stays_native_and_says_what_to_do() -> None:
    x, _, number = rows()
    model = TransformedTargetRegressor(Ridge(), func=np.log1p, inverse_func=np.expm1)
    found = converted(model.fit(x, np.abs(number)), x)
    assert (found.engine, found.signature.task) == (Engine.NATIVE, "regression")
    assert "undone in postprocess" in found.reason


@pytest.mark.parametrize(
    "model",
    [
        Ridge(),
        RandomForestRegressor(5, random_state=0),
        MultiOutputRegressor(Ridge()),
        make_pipeline(StandardScaler(), Ridge()),
    ],
)
def test_several_numbers_a_row(paths: Paths, model: Any) -> None:
    x, _, number = rows()
    model = model.fit(x, np.column_stack([number, -number, 3 * number]))
    found = converted(model, x)
    assert found.engine is Engine.ONNX, found.reason
    assert found.signature.outputs[0].shape == (-1, 3)
    np.testing.assert_allclose(
        answer(found, body(x[:3]))["predictions"], model.predict(x[:3]), rtol=1e-4
    )


def test_several_labels_a_row_each_with_its_probabilities(paths: Paths) -> None:
    x = rows()[0]
    names = np.column_stack([labels("no", "yes"), np.where(x[:, 2] > 0, "up", "down")])
    for model in (
        RandomForestClassifier(5, random_state=0),
        MultiOutputClassifier(LogisticRegression()),
        make_pipeline(StandardScaler(), RandomForestClassifier(5, random_state=0)),
    ):
        model.fit(x, names)
        found = converted(model, x)
        assert found.engine is Engine.NATIVE
        assert "a classifier of several targets is not converted" in found.reason
        assert found.signature.classes is None
        assert [(o.name, o.classes) for o in found.signature.outputs] == [
            ("predictions", None),
            ("probabilities_0", ("no", "yes")),
            ("probabilities_1", ("down", "up")),
        ]
        got = answer(found, body(x[:3]))
        assert got["predictions"] == model.predict(x[:3]).tolist()
        for k, proba in enumerate(model.predict_proba(x[:3])):
            np.testing.assert_allclose(got[f"probabilities_{k}"], proba)
        assert got["classes"] == {
            "probabilities_0": ["no", "yes"],
            "probabilities_1": ["down", "up"],
        }


@pytest.mark.parametrize(
    "model",
    [
        OneVsRestClassifier(LogisticRegression()),
        MLPClassifier((4,), max_iter=20, random_state=0),
        KNeighborsClassifier(),
        ClassifierChain(LogisticRegression()),
    ],
)
def test_labels_that_apply_or_not(paths: Paths, model: Any) -> None:
    """They tell it in three ways: a list of arrays, one array of P(yes), classes or none."""
    x = rows()[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = model.fit(x, both())
    found = converted(model, x)
    assert found.engine is Engine.NATIVE
    got = answer(found, body(x[:5]))
    assert np.asarray(got["predictions"]).tolist() == model.predict(x[:5]).tolist()
    for k in (0, 1):
        proba = np.array(got[f"probabilities_{k}"])
        np.testing.assert_allclose(proba.sum(axis=1), 1)
        assert (proba.argmax(axis=1) == model.predict(x[:5])[:, k]).all()
        assert list(got["classes"][f"probabilities_{k}"]) == [0, 1]


class Clipped(TransformerMixin, BaseEstimator):
    """A step of the user's own."""

    def fit(self, x: Any, y: Any = None) -> Clipped:
        self.fitted_ = True
        return self

    def transform(self, x: Any) -> Any:
        return np.clip(x, -1, 1)


class Majority(ClassifierMixin, BaseEstimator):
    """A model of the user's own."""

    def fit(self, x: Any, y: Any) -> Majority:
        self.classes_ = np.unique(y)
        return self

    def predict(self, x: Any) -> Any:
        return self.classes_[(np.asarray(x)[:, 0] > 0).astype(int)]


def test_a_class_of_the_users_own_in_a_pipeline(paths: Paths) -> None:
    x = rows()[0]
    model = make_pipeline(Clipped(), LogisticRegression()).fit(x, labels("no", "yes"))
    found = converted(model, x)
    assert found.engine is Engine.NATIVE
    assert "step 'clipped' (Clipped) is a class of tests's, which has no" in found.reason
    assert "done in preprocess, before the model, the rest of it converts" in found.reason
    got = answer(found, body(x[:5]))
    assert got["predictions"] == model.predict(x[:5]).tolist()


def test_a_model_of_the_users_own(paths: Paths) -> None:
    x = rows()[0]
    found = converted(Majority().fit(x, labels("no", "yes")), x)
    assert (found.engine, found.signature.classes) == (Engine.NATIVE, ("no", "yes"))
    assert (
        answer(found, body(x[:3]))["predictions"]
        == Majority().fit(x, labels("no", "yes")).predict(x[:3]).tolist()
    )


def test_not_fitted_and_without_predict() -> None:
    x = rows()[0]
    with pytest.raises(UnsupportedModelError, match="is not fitted"):
        converted(LogisticRegression(), x)
    with pytest.raises(UnsupportedModelError, match="has no predict method"):
        converted(StandardScaler().fit(x), x)


def test_a_polars_frame_and_records_convert_as_a_pandas_frame_does(paths: Paths) -> None:
    import polars

    x, y, _ = rows()
    frame = pd.DataFrame(x, columns=["a", "b", "c", "d"])
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(frame.to_numpy(), y)
    expected = model.predict_proba(x[:3])
    found = converted(model, polars.DataFrame(frame.to_dict("list")))
    assert found.engine is Engine.ONNX, found.reason
    got = answer(found, json.loads(frame.head(3).to_json(orient="records")))
    np.testing.assert_allclose(got["probabilities"], expected, rtol=1e-4)


@pytest.mark.long
def test_several_labels_served_by_a_process_of_its_own(paths: Paths, tmp_path: Path) -> None:
    x = rows()[0]
    names = np.column_stack([labels("no", "yes"), np.where(x[:, 2] > 0, "up", "down")])
    model = RandomForestClassifier(5, random_state=0).fit(x, names)
    spec = pack(model, x)
    with serve(spec, tmp_path) as url:
        assert_golden(url, spec)
        got = post(url, x[:2].tolist())
        assert got["predictions"] == model.predict(x[:2]).tolist()
        assert got["classes"]["probabilities_1"] == ["down", "up"]
