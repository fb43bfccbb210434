from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pandas as pd
import pytest
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.tree import DecisionTreeRegressor

from jupyter_deploy.config import Paths
from jupyter_deploy.exceptions import ConversionError, UsageError
from jupyter_deploy.packaging import Converted, build, convert, inspect_model
from jupyter_deploy.packaging.onnx_graph import run
from jupyter_deploy.serving.problems import Problem
from jupyter_deploy.serving.runtime import Runtime
from jupyter_deploy.types import Engine
from tests import models
from tests.packaging import cases


def converted(model: Any, sample: Any, engine: Any = "auto") -> Converted:
    return convert(inspect_model(model, sample), engine)


def served(found: Converted, row: dict[str, Any]) -> Any:
    """Answer of the packed model, by the runtime of every Bento."""
    spec = build(found, name="m", version="1.0.0")
    runtime = Runtime(Path(spec.bento_home, "bentos", "m", "1.0.0", "src", "model"))
    try:
        runtime.load()
        return json.loads(runtime.predict(json.dumps(row).encode())[0])
    finally:
        runtime.close()


def test_logistic_regression_differs_in_the_seventh_digit() -> None:
    found = converted(*models.logistic())
    assert found.engine is Engine.ONNX
    assert found.parity is not None
    assert found.parity.passed
    assert found.parity.max_abs_diff < 1e-6
    assert "no label differs" in found.reason


def test_one_tree_of_a_hundred_is_shown_and_accepted() -> None:
    model, _ = models.forest()
    found = converted(model, models.cancer()[0])
    assert found.engine is Engine.ONNX
    parity = found.parity
    assert parity is not None
    assert parity.max_abs_diff == pytest.approx(0.01, abs=1e-4)
    assert (parity.rows_beyond, parity.flipped) == (1, 0)
    assert "1 of 569 rows has probabilities beyond tolerance, by 0.01 at worst" in found.reason
    assert f"(row {parity.worst_row}, class {parity.worst_class!r})" in found.reason
    assert parity.worst_class in ("benign", "malignant")


def test_a_regressor_answers_one_number_a_row() -> None:
    model, sample = models.ridge()
    found = converted(model, sample)
    assert found.onnx is not None
    outputs = run(found.onnx, found.signature, sample)
    assert outputs.predictions.shape == (100,)
    assert [(o.name, o.dtype) for o in found.signature.outputs] == [("predictions", "float32")]


def test_outputs_are_named_as_the_signature_names_them() -> None:
    found = converted(*models.logistic())
    graph = onnx.load_from_string(found.onnx).graph
    assert [o.name for o in graph.output] == ["predictions", "probabilities"]
    onnx.checker.check_model(found.onnx, full_check=True)


def test_names_types_and_nulls_by_one_input_a_column() -> None:
    model, sample = cases.mixed()
    found = converted(model, sample)
    assert found.engine is Engine.ONNX, found.reason
    graph = onnx.load_from_string(found.onnx).graph
    assert len(graph.input) == 3
    assert found.onnx is not None
    outputs = run(found.onnx, found.signature, sample)
    np.testing.assert_array_equal(outputs.predictions, model.predict(sample))


def test_a_step_without_conversion_is_named() -> None:
    found = converted(*cases.unconvertible())
    assert found.engine is Engine.NATIVE
    assert found.onnx is None
    assert "columntransformer.numbers.functiontransformer' (FunctionTransformer)" in found.reason
    with pytest.raises(ConversionError, match="FunctionTransformer"):
        converted(*cases.unconvertible(), engine="onnx")


def test_numbers_as_text_stay_native_and_are_named() -> None:
    rows = pd.DataFrame({"a": ["1.5", "-2", "3"] * 5, "b": ["0", "1", "7"] * 5})
    model = LogisticRegression().fit(rows.astype(float), [0, 1, 1] * 5)
    found = convert(inspect_model(model, rows))
    assert "column 'a' holds text, of which LogisticRegression makes numbers" in found.reason
    eased = inspect_model(model, rows, preprocess=lambda df: df.astype(float))
    assert convert(eased).engine == "onnxruntime"


def test_text_with_nulls_stays_native() -> None:
    model, sample = cases.mixed()
    sample = sample.astype({"city": object})
    sample.loc[3, "city"] = None
    found = converted(model, sample)
    assert found.engine is Engine.NATIVE
    assert "column 'city' holds text with nulls" in found.reason


@pytest.mark.parametrize("dtype", ["object", "str", "category"])
def test_text_with_nulls_answers_null_as_the_model_does(paths: Paths, dtype: str) -> None:
    model, sample = cases.mixed()
    sample = sample.astype({"city": object})
    sample.loc[3, "city"] = None
    sample = sample.astype({"city": dtype})
    row = {"age (years)": 30.0, "city": None, "visits": 3}
    answered = served(converted(model, sample), row)
    frame = pd.DataFrame([row]).astype({"city": dtype})
    np.testing.assert_allclose(answered["probabilities"], model.predict_proba(frame))


def test_integers_with_nulls_take_a_tensor_of_floats(paths: Paths) -> None:
    frame, label = cases.people()
    frame = frame.astype({"visits": "Int64"})
    frame.loc[::9, "visits"] = pd.NA
    model = make_pipeline(
        ColumnTransformer(
            [
                ("numbers", SimpleImputer(), ["age (years)", "visits"]),
                ("words", OneHotEncoder(), ["city"]),
            ]
        ),
        LogisticRegression(max_iter=2000),
    ).fit(frame, label)
    found = converted(model, frame)
    assert found.engine is Engine.ONNX, found.reason
    answered = served(found, {"age (years)": None, "city": "Oslo", "visits": None})
    nulls = frame.iloc[[0]].assign(**{"age (years)": np.nan, "city": "Oslo"})
    assert nulls["visits"].isna().all()
    np.testing.assert_allclose(answered["probabilities"], model.predict_proba(nulls), rtol=1e-4)


def encoded(**options: Any) -> tuple[Any, pd.DataFrame]:
    """A pipeline that turns cities into numbers."""
    frame, label = cases.people()
    cities = ColumnTransformer([("words", OrdinalEncoder(**options), ["city"])], remainder="drop")
    return make_pipeline(cities, LogisticRegression()).fit(frame, label), frame


def test_an_encoder_that_refuses_unknown_categories_goes_on_refusing(paths: Paths) -> None:
    """Converted, it would answer them: the two engines would differ where no sample shows it."""
    found = converted(*encoded())
    assert found.engine is Engine.NATIVE
    assert "refuses categories it doesn't know" in found.reason
    with pytest.raises(Problem, match="city"):
        served(found, {"age (years)": 30.0, "city": "Atlantis", "visits": 3})


def test_an_encoder_that_takes_unknown_categories_converts(paths: Paths) -> None:
    model, frame = encoded(handle_unknown="use_encoded_value", unknown_value=-1)
    found = converted(model, frame)
    assert found.engine is Engine.ONNX, found.reason
    row = {"age (years)": 30.0, "city": "Atlantis", "visits": 3}
    answered = served(found, row)
    proba = model.predict_proba(pd.DataFrame([row]))
    np.testing.assert_allclose(answered["probabilities"], proba, rtol=1e-4)


def neighbours() -> np.ndarray:
    """Values that float32 can't tell apart; a scaler in float64 can."""
    return np.array([[1.0], [1.0 + 1e-9]] * 50)


def thresholds() -> tuple[Any, np.ndarray]:
    """A classifier whose split lies between them."""
    x = neighbours()
    forest = RandomForestClassifier(3, bootstrap=False)
    return make_pipeline(StandardScaler(), forest).fit(x, [0, 1] * 50), x


def test_flipped_labels_refuse_onnx_with_numbers() -> None:
    found = converted(*thresholds())
    assert found.engine is Engine.NATIVE
    assert found.parity is not None
    assert not found.parity.passed
    assert found.parity.flipped == 50
    assert "50 of 100 rows have another label" in found.reason
    with pytest.raises(ConversionError, match="50 of 100 rows have another label") as caught:
        converted(*thresholds(), engine="onnx")
    assert caught.value.detail["parity"]["flipped"] == 50


def test_the_hint_for_thresholds_is_true() -> None:
    sample, label = models.cancer()
    boosting = HistGradientBoostingClassifier(random_state=0)
    narrow = sample.astype("float32")
    scaled = make_pipeline(StandardScaler(), boosting).fit(narrow, label)
    with pytest.raises(ConversionError) as caught:
        converted(scaled, narrow, engine="onnx")
    assert "Trees need no scaler" in caught.value.hint
    assert "astype" not in caught.value.hint
    assert converted(boosting.fit(sample, label), sample).engine is Engine.ONNX


def test_a_regression_tree_between_float32_neighbours() -> None:
    x = neighbours()
    model = make_pipeline(StandardScaler(), DecisionTreeRegressor())
    found = converted(model.fit(x, [0.0, 100.0] * 50), x)
    assert found.engine is Engine.NATIVE
    assert "predictions beyond tolerance, by 1e+02 at worst" in found.reason


def test_native_as_asked_for() -> None:
    found = converted(*models.logistic(), engine="native")
    assert (found.engine, found.parity) == (Engine.NATIVE, None)
    assert "as asked for" in found.reason


def test_python_code_is_native() -> None:
    found = converted(lambda rows: rows[:, 0], np.ones((3, 2)))
    assert found.engine is Engine.NATIVE
    assert "a function is Python code" in found.reason
    with pytest.raises(ConversionError, match="does not convert"):
        converted(lambda rows: rows[:, 0], np.ones((3, 2)), engine="onnx")


def test_an_unknown_engine() -> None:
    with pytest.raises(UsageError, match="no engine 'fast'"):
        converted(*models.logistic(), engine="fast")


@pytest.mark.parametrize("labels", [("a", "b"), (3, 7), (False, True), (0.0, 1.0)])
def test_labels_of_any_type_survive(labels: tuple[Any, ...]) -> None:
    found = converted(*cases.labelled(*labels))
    assert found.engine is Engine.ONNX, found.reason
    assert found.parity is not None
    assert found.parity.flipped == 0


def test_a_classifier_without_probabilities() -> None:
    _, x = cases.labelled("a", "b")
    y = np.where(x[:, 1] > 0, "up", "down")
    found = converted(RidgeClassifier().fit(x, y), x)
    assert [o.name for o in found.signature.outputs] == ["predictions"]
    assert found.engine is Engine.ONNX, found.reason
    assert found.signature.classes == ("down", "up")


def test_several_numbers_a_row() -> None:
    x = np.random.default_rng(0).normal(size=(200, 3))
    found = converted(LinearRegression().fit(x, x @ np.ones((3, 2))), x)
    assert found.engine is Engine.ONNX, found.reason
    assert found.signature.outputs[0].shape == (-1, 2)


@pytest.mark.parametrize(
    "model", [KMeans(3, random_state=0, n_init=1), IsolationForest(n_estimators=10, random_state=0)]
)
def test_clusters_and_outliers_are_judged_by_their_labels(model: Any) -> None:
    x = np.random.default_rng(0).normal(size=(200, 3)).astype(np.float32).astype(float)
    found = converted(model.fit(x), x)
    assert found.signature.task == ("clustering" if isinstance(model, KMeans) else "outliers")
    assert found.engine is Engine.ONNX, found.reason
    assert found.signature.outputs[0].dtype.startswith("int")


def test_a_classifier_of_several_outputs_stays_native() -> None:
    _, x = cases.labelled("a", "b")
    y = np.column_stack([x[:, 0] > 0, x[:, 1] > 0]).astype(int)
    found = converted(MultiOutputClassifier(RandomForestClassifier(3)).fit(x, y), x)
    assert found.engine is Engine.NATIVE
    assert "several targets" in found.reason


def test_integers_too_long_for_float32_take_a_graph_of_integers_or_stay_native() -> None:
    frame = pd.DataFrame({"id": np.array([2**24, 2**24 + 1] * 50), "x": [0.5] * 100})
    model = make_pipeline(StandardScaler(), DecisionTreeRegressor())
    found = converted(model.fit(frame, [0.0, 1.0] * 50), frame)
    assert found.engine is Engine.NATIVE
    assert found.parity is not None
    assert found.parity.rows_beyond == 50


@pytest.mark.parametrize("name", ["predictions", "variable", "a b", "X"])
def test_columns_named_like_tensors_of_the_graph(name: str) -> None:
    frame, label = cases.people()
    frame = frame.rename(columns={"visits": name}).assign(a_b=range(300))
    model = cases.mixed_on(frame, label, ["age (years)", name, "a_b"])
    found = converted(model, frame)
    assert found.engine is Engine.ONNX, found.reason


def test_a_graph_that_does_not_run_falls_back_and_says_so() -> None:
    inspected = inspect_model(*models.ridge())

    class Broken:
        graphs = False

        def to_onnx(self, model: Any, signature: Any) -> list[bytes]:
            return [b"no graph"]

    broken = replace(inspected, adapter=Broken())
    assert "ONNX Runtime refuses the converted model" in convert(broken).reason
    with pytest.raises(ConversionError, match="can't be run"):
        convert(broken, "onnx")
