from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from jupyter_deploy.exceptions import SampleError, UnsupportedModelError
from jupyter_deploy.packaging import inspect_model
from tests import models
from tests.packaging import cases


def test_a_classifier_on_a_frame() -> None:
    model, sample = models.logistic()
    inspected = inspect_model(model, sample)
    signature = inspected.signature
    assert signature.task == "classification"
    assert signature.layout == "dataframe"
    assert signature.classes == ("benign", "malignant")
    assert [o.shape for o in signature.outputs] == [(-1,), (-1, 2)]
    assert inspected.model_type == "sklearn.pipeline.Pipeline"
    np.testing.assert_array_equal(inspected.outputs.predictions, model.predict(sample))


def test_a_regressor_on_an_array() -> None:
    model, sample = models.ridge()
    signature = inspect_model(model, sample).signature
    assert signature.task == "regression"
    assert signature.layout == "array"
    assert [c.name for c in signature.inputs] == [f"x{i}" for i in range(10)]
    assert signature.classes is None
    assert [(o.name, o.dtype) for o in signature.outputs] == [("predictions", "float64")]


def test_a_function() -> None:
    def double(rows: Any) -> Any:
        return [2 * v for v in rows["visits"]]

    inspected = inspect_model(double, cases.people()[0])
    assert inspected.signature.task == "other"
    assert inspected.model_type.endswith(".double")


def test_an_object_with_predict_proba_and_classes_is_a_classifier() -> None:
    class Coin:
        classes_ = np.array(["heads", "tails"])

        def predict(self, rows: Any) -> Any:
            return np.full(len(rows), "heads")

        def predict_proba(self, rows: Any) -> Any:
            return np.full((len(rows), 2), 0.5)

    signature = inspect_model(Coin(), np.ones((4, 2))).signature
    assert signature.task == "classification"
    assert signature.classes == ("heads", "tails")


@pytest.mark.parametrize("labels", [("a", "b"), (3, 7), (False, True), (0.0, 1.0)])
def test_labels_keep_the_users_types(labels: tuple[Any, ...]) -> None:
    classes = inspect_model(*cases.labelled(*labels)).signature.classes
    assert classes == labels
    assert [type(c) for c in classes or ()] == [type(v) for v in labels]


def test_at_most_two_thousand_rows_are_run() -> None:
    ran = []
    inspected = inspect_model(lambda x: ran.append(len(x)) or x[:, 0], np.ones((50_000, 2)))
    assert ran == [2000]
    assert inspected.rows[0] == 0
    assert inspected.rows[-1] == 49_999


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (LogisticRegression, "is a class, not a trained model"),
        (LogisticRegression(), "LogisticRegression is not fitted"),
        (make_pipeline(StandardScaler(), LinearRegression()), "Pipeline is not fitted"),
        (StandardScaler().fit([[1.0], [2.0]]), "no predict method"),
        ("model", "This str can't be deployed"),
        (math, "This module can't be deployed"),
        (SimpleNamespace(score=len), "no predict method and can't be called"),
    ],
)
def test_what_cannot_be_served_is_refused_with_what_would(model: Any, said: str) -> None:
    with pytest.raises(UnsupportedModelError, match=said) as caught:
        inspect_model(model, np.ones((3, 1)))
    assert caught.value.hint


def test_a_model_that_raises_shows_the_users_frames_only() -> None:
    def inner(rows: Any) -> Any:
        return rows["no such column"]

    def outer(rows: Any) -> Any:
        return inner(rows)

    with pytest.raises(SampleError) as caught:
        inspect_model(outer, cases.people()[0])
    assert "outer() raised KeyError" in caught.value.message
    assert "of inner" in caught.value.message
    trace = caught.value.detail["traceback"]
    assert 'return rows["no such column"]' in trace
    assert "site-packages" not in trace
    assert "packaging/calls.py" not in trace


def test_a_sample_the_model_was_not_trained_on() -> None:
    model, sample = models.logistic()
    with pytest.raises(SampleError, match=r"Pipeline.predict raised ValueError on the sample"):
        inspect_model(model, sample.drop(columns=["mean radius"]))


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"a": 1}, "returned a dict"),
        (3.0, "returned a float"),
        (None, "returned a NoneType"),
        ([1, 2], "returned 2 answers for 3 rows"),
        ([object()] * 3, "JSON has no form for"),
        (np.ones((3, 2, 2)), r"shape \(3, 2, 2\)"),
        (pd.to_datetime(["2020-01-01"] * 3), "JSON has no form for"),
    ],
)
def test_answers_that_are_not_one_a_row(answer: Any, said: str) -> None:
    with pytest.raises(SampleError, match=said):
        inspect_model(lambda rows: answer, np.ones((3, 1)))


@pytest.mark.parametrize(
    ("answer", "dtype", "shape"),
    [
        (pd.Series([1, 2, 3]), "int64", (-1,)),
        (pd.Series(["a", "b", "c"]), "object", (-1,)),
        (["a", "b", None], "object", (-1,)),
        (pd.DataFrame({"only": [1.0, 2.0, 3.0]}), "float64", (-1,)),
        (pd.DataFrame({"a": [1.0] * 3, "b": [2.0] * 3}), "float64", (-1, 2)),
        (np.array([True, False, True]), "bool", (-1,)),
    ],
)
def test_answers_of_many_kinds(answer: Any, dtype: str, shape: tuple[int, ...]) -> None:
    (output,) = inspect_model(lambda rows: answer, np.ones((3, 1))).signature.outputs
    assert (output.dtype, output.shape) == (dtype, shape)


def test_labels_of_numpys_own_string_type_are_plain_strings() -> None:
    """What scikit-learn answers for labels of a pandas column where pyarrow is not installed."""
    x, y = models.cancer()
    labels = np.empty(len(y), dtype=object)
    labels[:] = [np.str_(label) for label in y]
    model = LogisticRegression(max_iter=10_000).fit(x, labels)
    inspected = inspect_model(model, x.head(50))
    assert inspected.signature.classes is not None
    for label in [*inspected.signature.classes, *inspected.outputs.predictions]:
        assert type(label) is str
