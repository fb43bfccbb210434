"""XGBoost by both of its APIs: what converts answers the same, what doesn't says why."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pandas as pd
import pytest
import xgboost
from sklearn.compose import ColumnTransformer
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from jupyter_deploy.config import Paths
from jupyter_deploy.exceptions import ConversionError, SampleError, UnsupportedModelError
from jupyter_deploy.packaging.adapters import TABLE
from jupyter_deploy.types import Engine
from tests.packaging.packed import answer, converted, pack
from tests.packaging.served import assert_golden, post, serve

TREES = {"n_estimators": 8, "max_depth": 3}


@cache
def rows() -> tuple[pd.DataFrame, np.ndarray, np.ndarray, np.ndarray]:
    """Columns whose names need care, with nulls; two classes, three classes, numbers."""
    random = np.random.default_rng(0)
    x = random.normal(size=(300, 4))
    x[::7, 1] = np.nan
    frame = pd.DataFrame(x, columns=["f1", "age (years)", "feature", "f0"])
    two = (x[:, 0] + x[:, 2] > 0).astype(int)
    return frame, two, np.digitize(x[:, 0], [-0.5, 0.5]), 3 * x[:, 0] + 5


def trained(objective: str, target: np.ndarray, frame: Any = None, **more: Any) -> Any:
    """A booster of ``xgboost.train``."""
    data = rows()[0] if frame is None else frame
    matrix = xgboost.DMatrix(data, label=target, enable_categorical=True)
    return xgboost.train({"objective": objective, "max_depth": 3, **more}, matrix, 8)


@pytest.mark.parametrize("kind", ["XGBClassifier", "XGBRFClassifier"])
def test_classifiers(kind: str) -> None:
    frame, two, _, _ = rows()
    found = converted(getattr(xgboost, kind)(**TREES).fit(frame, two), frame)
    assert found.engine is Engine.ONNX, found.reason
    assert (found.signature.task, found.signature.classes) == ("classification", (0, 1))
    assert [o.name for o in found.signature.outputs] == ["predictions", "probabilities"]


def test_several_classes_and_the_best_iteration() -> None:
    frame, two, three, _ = rows()
    assert converted(xgboost.XGBClassifier(**TREES).fit(frame, three), frame).signature.classes == (
        0,
        1,
        2,
    )
    stopped = xgboost.XGBClassifier(n_estimators=100, early_stopping_rounds=2).fit(
        frame, two, eval_set=[(frame, 1 - two)], verbose=False
    )
    assert stopped.best_iteration < stopped.get_booster().num_boosted_rounds() - 1
    found = converted(stopped, frame)
    assert found.engine is Engine.ONNX, found.reason


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"base_score": 2.0},
        {"objective": "count:poisson"},
        {"objective": "reg:tweedie"},
        {"objective": "reg:absoluteerror"},
    ],
)
def test_regressors(more: dict[str, Any]) -> None:
    frame, _, _, number = rows()
    found = converted(xgboost.XGBRegressor(**TREES, **more).fit(frame, np.abs(number)), frame)
    assert found.engine is Engine.ONNX, found.reason
    assert (found.signature.task, found.signature.classes) == ("regression", None)


def test_a_ranker_answers_scores() -> None:
    frame, _, three, _ = rows()
    groups = np.repeat(np.arange(30), 10)
    found = converted(xgboost.XGBRanker(**TREES).fit(frame, three, qid=groups), frame)
    assert found.engine is Engine.ONNX, found.reason
    assert found.signature.task == "other"


def test_a_step_of_a_pipeline_behind_text() -> None:
    frame, two, _, _ = rows()
    frame = frame.assign(city=np.random.default_rng(1).choice(list("abcdef"), len(frame)))
    words = ("words", OneHotEncoder(handle_unknown="ignore"), ["city"])
    numbers = ("numbers", "passthrough", ["f1", "age (years)"])

    def pipeline(threshold: float) -> Any:
        columns = ColumnTransformer([words, numbers], sparse_threshold=threshold)
        return make_pipeline(columns, xgboost.XGBClassifier(**TREES)).fit(frame, two)

    dense = converted(pipeline(0), frame)
    assert dense.engine is Engine.ONNX, dense.reason
    # in a sparse matrix XGBoost takes zeros for missing: the converted model would not
    sparse = converted(pipeline(1), frame)
    assert sparse.engine is Engine.NATIVE
    assert "with sparse_threshold=0 it converts" in sparse.reason


@pytest.mark.parametrize(
    ("objective", "more", "task", "classes", "names"),
    [
        ("binary:logistic", {}, "classification", (0, 1), ["predictions", "probabilities"]),
        (
            "multi:softprob",
            {"num_class": 3},
            "classification",
            (0, 1, 2),
            ["predictions", "probabilities"],
        ),
        ("multi:softmax", {"num_class": 3}, "classification", (0, 1, 2), ["predictions"]),
        ("binary:hinge", {}, "classification", (0, 1), ["predictions"]),
        ("reg:squarederror", {}, "regression", None, ["predictions"]),
    ],
)
def test_boosters_by_their_objective(
    objective: str, more: dict[str, Any], task: str, classes: Any, names: list[str]
) -> None:
    frame, two, three, number = rows()
    target = {"multi": three, "reg:s": number}.get(objective[:5], two)
    booster = trained(objective, target, **more)
    found = converted(booster, frame)
    assert found.engine is Engine.ONNX, found.reason
    assert (found.signature.task, found.signature.classes) == (task, classes)
    assert [o.name for o in found.signature.outputs] == names
    raw = booster.predict(xgboost.DMatrix(frame))
    native = found.inspected.model_outputs
    if objective == "binary:logistic":
        assert native.probabilities is not None
        np.testing.assert_array_equal(native.probabilities[:, 1], raw)
        np.testing.assert_array_equal(native.predictions, raw > 0.5)
    elif objective == "multi:softprob":
        np.testing.assert_array_equal(native.predictions, raw.argmax(axis=1))
    else:
        np.testing.assert_array_equal(native.predictions, raw)


def test_a_booster_answers_by_all_its_trees_as_in_the_notebook(paths: Paths) -> None:
    frame, two, _, _ = rows()
    matrix = xgboost.DMatrix(frame, label=two)
    booster = xgboost.train(
        {"objective": "binary:logistic"},
        matrix,
        50,
        evals=[(xgboost.DMatrix(frame, label=1 - two), "held_out")],
        early_stopping_rounds=3,
        verbose_eval=False,
    )
    assert booster.best_iteration < booster.num_boosted_rounds() - 1
    expected = booster.predict(matrix)[:3]
    body = json.loads(frame.head(3).to_json(orient="records"))
    for engine in ("onnx", "native"):
        got = answer(converted(booster, frame, engine), body)
        np.testing.assert_allclose(np.array(got["probabilities"])[:, 1], expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"booster": "gblinear"}, "with booster='gbtree' it converts"),
        ({"booster": "dart"}, "with booster='gbtree' it converts"),
        ({"objective": "reg:logistic"}, "the objective reg:logistic has no conversion"),
        ({"missing": -1.0}, "with NaN for missing values it converts"),
    ],
)
def test_what_has_no_conversion_says_why(more: dict[str, Any], why: str) -> None:
    frame, two, _, _ = rows()
    frame = frame.fillna(-1.0)
    # the linear booster warns of a depth
    model = xgboost.XGBRegressor(n_estimators=8, **more).fit(frame, two)
    found = converted(model, frame)
    assert found.engine is Engine.NATIVE
    assert why in found.reason
    with pytest.raises(ConversionError):
        converted(model, frame, "onnx")


def test_what_its_converter_would_change_stays_native() -> None:
    """Each of these converts without a word, into something that answers otherwise."""
    frame, _, three, number = rows()
    targets = np.column_stack([number, -number])
    forest = converted(xgboost.XGBRFClassifier(**TREES).fit(frame, three), frame)
    assert "random forest of more than two classes has no right conversion" in forest.reason
    several = converted(xgboost.XGBRegressor(**TREES).fit(frame, targets), frame)
    assert "with MultiOutputRegressor around a model for one target it converts" in several.reason
    wrapped = MultiOutputRegressor(xgboost.XGBRegressor(**TREES)).fit(frame, targets)
    assert converted(wrapped, frame).engine is Engine.ONNX


@pytest.mark.parametrize("scaled", [False, True])
def test_several_labels_a_row(paths: Paths, scaled: bool) -> None:
    frame, two, _, _ = rows()
    both = np.column_stack([two, 1 - two])
    model = xgboost.XGBClassifier(**TREES).fit(frame, both)
    if scaled:
        model = make_pipeline(StandardScaler(), xgboost.XGBClassifier(**TREES)).fit(frame, both)
    found = converted(model, frame)
    assert found.engine is Engine.NATIVE
    assert "a classifier of several targets is not converted" in found.reason
    row = {"f1": 1.0, "age (years)": None, "feature": 0.5, "f0": 0.0}
    got = answer(found, row)
    proba = model.predict_proba(pd.DataFrame([row]).astype(float))
    assert got["predictions"] == [[1, 0]]
    np.testing.assert_allclose(got["probabilities_1"][0], [1 - proba[0, 1], proba[0, 1]], rtol=1e-5)
    assert got["classes"] == {"probabilities_0": [0, 1], "probabilities_1": [0, 1]}


def test_categories_stay_native(paths: Paths) -> None:
    frame, two, _, _ = rows()
    city = np.where(two == 1, "Oslo", "Bergen")
    frame = frame.assign(city=pd.Categorical(city, categories=["Bergen", "Oslo"]))
    booster = trained("binary:logistic", two, frame)
    found = converted(booster, frame)
    assert found.engine is Engine.NATIVE
    assert "column 'city' holds categories" in found.reason
    row = {"f1": 0.1, "age (years)": 0.2, "feature": 0.3, "f0": 0.4}
    got = answer(found, [{**row, "city": "Oslo"}, {**row, "city": "Bergen"}])
    assert got["predictions"] == [1, 0]
    assert got["classes"] == [0, 1]


def test_a_sample_without_the_names_it_was_trained_on() -> None:
    frame, two, _, _ = rows()
    with pytest.raises(SampleError, match=r"age \(years\)"):
        converted(trained("binary:logistic", two), frame.to_numpy())


def test_not_fitted() -> None:
    with pytest.raises(UnsupportedModelError, match="is not fitted"):
        converted(xgboost.XGBClassifier(), rows()[0])


def test_the_model_is_not_changed_by_its_conversion() -> None:
    frame, two, _, _ = rows()
    model = xgboost.XGBClassifier(**TREES).fit(frame, two)
    before = model.get_booster().save_raw()
    found = converted(model, frame)
    assert model.get_booster().save_raw() == before
    assert model.get_booster().feature_names == list(frame.columns)
    graph = onnx.load_from_string(found.onnx).graph
    assert [o.name for o in graph.output] == ["predictions", "probabilities"]


def test_found_by_its_type() -> None:
    assert TABLE.find(xgboost.Booster()).name == "XGBoost"
    assert TABLE.find(xgboost.XGBRegressor()).name == "XGBoost"


def test_a_booster_is_served_by_a_process_without_this_package(
    paths: Paths, tmp_path: Path
) -> None:
    frame, two, _, _ = rows()
    city = np.where(two == 1, "Oslo", "Bergen")
    frame = frame.assign(city=pd.Categorical(city))
    spec = pack(trained("binary:logistic", two, frame), frame)
    assert spec.engine is Engine.NATIVE
    with serve(spec, tmp_path) as url:
        assert_golden(url, spec)
        row = {"f1": 0.1, "age (years)": None, "feature": 0.3, "f0": 0.4, "city": "Oslo"}
        assert post(url, row)["predictions"] == [1]
