"""LightGBM by both of its APIs: what converts answers the same, what doesn't says why."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import StackingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from jupyter_deploy.config import Paths
from jupyter_deploy.packaging.adapters import TABLE
from jupyter_deploy.types import Engine
from tests.packaging.packed import answer, converted, pack
from tests.packaging.served import assert_golden, post, serve

TREES = {"n_estimators": 8, "verbose": -1}


@cache
def rows() -> tuple[pd.DataFrame, np.ndarray, np.ndarray, np.ndarray]:
    """Columns with nulls; two classes, three classes, numbers."""
    random = np.random.default_rng(0)
    x = random.normal(size=(300, 4))
    x[::7, 1] = np.nan
    frame = pd.DataFrame(x, columns=["a", "age", "c", "d"])
    two = (x[:, 0] + x[:, 2] > 0).astype(int)
    return frame, two, np.digitize(x[:, 0], [-0.5, 0.5]), 3 * x[:, 0] + 5


def trained(objective: str, target: np.ndarray, frame: Any = None, **more: Any) -> Any:
    """A booster of ``lightgbm.train``."""
    data = lightgbm.Dataset(rows()[0] if frame is None else frame, label=target)
    if objective == "lambdarank":
        data.set_group([10] * 30)
    return lightgbm.train({"objective": objective, "verbose": -1, **more}, data, 8)


def body(frame: pd.DataFrame) -> Any:
    return json.loads(frame.to_json(orient="records"))


@pytest.mark.parametrize(
    "labels", [("no", "yes"), (10, 20), (False, True), ("a", "b", "c"), (3, 1, 2)]
)
def test_labels_in_the_users_types(paths: Paths, labels: tuple[Any, ...]) -> None:
    frame, two, three, _ = rows()
    target = np.array(labels)[two if len(labels) == 2 else three]
    model = lightgbm.LGBMClassifier(**TREES).fit(frame, target)
    found = converted(model, frame)
    assert found.engine is Engine.ONNX, found.reason
    assert found.signature.classes == tuple(sorted(labels))
    for engine in ("onnx", "native"):
        got = answer(converted(model, frame, engine), body(frame.head(20)))
        assert got["predictions"] == model.predict(frame.head(20)).tolist()
        assert {type(v) for v in got["predictions"]} == {type(labels[0])}
        assert got["classes"] == sorted(labels)


@pytest.mark.parametrize("objective", ["regression", "poisson", "quantile", "huber", "tweedie"])
def test_regressors(objective: str) -> None:
    frame, _, _, number = rows()
    model = lightgbm.LGBMRegressor(objective=objective, **TREES).fit(frame, np.abs(number))
    found = converted(model, frame)
    assert found.engine is Engine.ONNX, found.reason
    assert found.signature.task == "regression"


def test_a_ranker_answers_scores() -> None:
    frame, _, three, _ = rows()
    model = lightgbm.LGBMRanker(**TREES).fit(frame, three, group=[10] * 30)
    found = converted(model, frame)
    assert (found.engine, found.signature.task) == (Engine.ONNX, "other")


def test_the_best_iteration() -> None:
    booster = trained("binary", rows()[1])
    # as early stopping leaves it; its predict stops there
    booster.best_iteration = 3
    frame = rows()[0]
    found = converted(booster, frame)
    assert found.engine is Engine.ONNX, found.reason
    native = found.inspected.outputs.probabilities
    assert native is not None
    np.testing.assert_array_equal(native[:, 1], booster.predict(frame, num_iteration=3))
    assert np.abs(native[:, 1] - booster.predict(frame, num_iteration=8)).max() > 0.01


@pytest.mark.parametrize(
    ("objective", "more", "task", "classes"),
    [
        ("binary", {}, "classification", (0, 1)),
        ("multiclass", {"num_class": 3}, "classification", (0, 1, 2)),
        ("regression", {}, "regression", None),
        ("lambdarank", {}, "other", None),
    ],
)
def test_boosters_by_their_objective(
    objective: str, more: dict[str, Any], task: str, classes: Any
) -> None:
    frame, two, three, number = rows()
    target = {"binary": two, "regression": number}.get(objective, three)
    found = converted(trained(objective, target, **more), frame)
    assert found.engine is Engine.ONNX, found.reason
    assert (found.signature.task, found.signature.classes) == (task, classes)


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"objective": "fair"}, "objective 'fair' has no conversion"),
        ({"linear_tree": True}, "with linear_tree=False it converts"),
        (
            {"boosting_type": "rf", "bagging_freq": 1, "bagging_fraction": 0.5},
            "with boosting_type='gbdt' it converts",
        ),
    ],
)
def test_what_has_no_right_conversion_says_why(more: dict[str, Any], why: str) -> None:
    frame, _, _, number = rows()
    frame = frame.fillna(0.0)
    estimator = converted(lightgbm.LGBMRegressor(**TREES, **more).fit(frame, number), frame)
    assert estimator.engine is Engine.NATIVE
    assert why in estimator.reason
    more = {"boosting" if k == "boosting_type" else k: v for k, v in more.items()}
    booster = trained(more.pop("objective", "regression"), number, frame, **more)
    assert why in converted(booster, frame).reason


def test_one_against_the_rest_is_converted_wrongly_and_stays_native() -> None:
    frame, _, three, _ = rows()
    model = lightgbm.LGBMClassifier(objective="multiclassova", **TREES).fit(frame, three)
    assert "'multiclassova' has no conversion" in converted(model, frame).reason


def test_categories_by_number_stay_native() -> None:
    frame, _, three, _ = rows()
    frame = frame[["c", "d"]].assign(city=three)
    data = lightgbm.Dataset(frame, label=three == 1, categorical_feature=["city"])
    params = {"objective": "binary", "verbose": -1, "min_data_per_group": 1, "cat_smooth": 1}
    found = converted(lightgbm.train(params, data, 8), frame)
    assert found.engine is Engine.NATIVE
    assert "splits by categories" in found.reason


def test_categories_of_pandas_answer_by_name(paths: Paths) -> None:
    frame, two, _, _ = rows()
    city = pd.Categorical(np.where(two == 1, "Oslo", "Bergen"))
    frame = frame.assign(city=city)
    for model in (
        trained("binary", two, frame),
        lightgbm.LGBMClassifier(**TREES).fit(frame, two),
    ):
        found = converted(model, frame)
        assert found.engine is Engine.NATIVE
        assert "column 'city' holds categories, which LightGBM encodes by itself" in found.reason
        row = {"a": 0.1, "age": None, "c": 0.3, "d": 0.4}
        # in another order than the codes the model knows
        got = answer(found, [{**row, "city": "Oslo"}, {**row, "city": "Bergen"}])
        assert got["predictions"] == [1, 0]


def test_a_step_of_pipelines_and_of_stacks() -> None:
    frame, two, _, _ = rows()
    frame = frame.assign(city=np.random.default_rng(1).choice(list("abc"), len(frame)))
    columns = ColumnTransformer(
        [
            ("words", OneHotEncoder(handle_unknown="ignore"), ["city"]),
            ("numbers", "passthrough", ["a", "age"]),
        ]
    )
    model = make_pipeline(columns, lightgbm.LGBMClassifier(**TREES)).fit(frame, two)
    assert converted(model, frame).engine is Engine.ONNX
    stack = StackingClassifier(
        [("trees", lightgbm.LGBMClassifier(**TREES)), ("line", LogisticRegression())]
    )
    x = frame[["a", "c", "d"]]
    found = converted(stack.fit(x, two), x)
    assert found.engine is Engine.ONNX, found.reason


def test_found_by_its_type() -> None:
    assert TABLE.find(lightgbm.LGBMRanker()).name == "LightGBM"
    assert TABLE.find(trained("binary", rows()[1])).name == "LightGBM"


@pytest.mark.long
def test_served_by_a_process_without_this_package(paths: Paths, tmp_path: Path) -> None:
    frame, two, _, _ = rows()
    frame = frame.assign(city=pd.Categorical(np.where(two == 1, "Oslo", "Bergen")))
    spec = pack(trained("binary", two, frame), frame)
    assert spec.engine is Engine.NATIVE
    with serve(spec, tmp_path) as url:
        assert_golden(url, spec)
        row = {"a": 0.1, "age": None, "c": 0.3, "d": 0.4, "city": "Oslo"}
        assert post(url, row)["predictions"] == [1]
