from __future__ import annotations

import functools
import math
import re
import textwrap
import warnings
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
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


def scored(rows: Any, weights: Any) -> Any:
    return rows @ weights


def test_a_function_of_more_than_the_rows_is_bound_as_it_is_told() -> None:
    with pytest.raises(UnsupportedModelError) as caught:
        inspect_model(scored, np.ones((3, 1)))
    line = caught.value.hint.removeprefix("Bind the others: ")
    assert line == "model = functools.partial(scored, weights=weights)"
    model = functools.partial(scored, weights=np.ones(1))
    assert inspect_model(model, np.ones((3, 1))).outputs.predictions.tolist() == [1.0] * 3


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (LogisticRegression, "is a class, not a trained model"),
        (LogisticRegression(), "LogisticRegression is not fitted"),
        (make_pipeline(StandardScaler(), LinearRegression()), "Pipeline is not fitted"),
        (StandardScaler().fit([[1.0], [2.0]]), "no predict method"),
        (3.5, "This float can't be deployed"),
        (math, "This module can't be deployed"),
        (SimpleNamespace(score=len), "no predict method and can't be called"),
        (
            scored,
            r"function scored\(\) takes 2 parameters \(rows, weights\); it is",
        ),
        (lambda: 1, "The lambda takes no parameters"),
    ],
)
def test_what_cannot_be_served_is_refused_with_what_would(model: Any, said: str) -> None:
    with pytest.raises(UnsupportedModelError, match=said) as caught:
        inspect_model(model, np.ones((3, 1)))
    assert caught.value.hint


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"a": 1}, "returned a dict"),
        (3, "returned an int for"),
        (None, "returned a NoneType"),
        ([1, 2], "returned 2 answers for 3 rows"),
        ([object()] * 3, "a list of object values, which JSON has no form for"),
        ([{"a": 1}, {"a": 2}, None], "a list of dict values, which JSON has no form for"),
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


def test_records_go_to_a_model_that_takes_them() -> None:
    rows = [{"a": 1.0, "b": "x"}, {"a": 2.0, "b": "y"}]
    inspected = inspect_model(lambda rows: [row["a"] for row in rows], rows)
    assert inspected.signature.layout == "records"
    assert inspected.sample is rows
    assert inspected.notes == ()


def test_records_become_a_frame_for_a_model_that_takes_no_dicts() -> None:
    model, frame = cases.mixed()
    inspected = inspect_model(model, frame.to_dict("records"))
    assert inspected.signature.layout == "dataframe"
    assert isinstance(inspected.sample, pd.DataFrame)
    assert inspected.notes == (
        "The model takes no list of dicts: it is called with a pandas DataFrame of them.",
    )


def test_a_model_that_takes_neither_says_what_it_said_of_the_dicts() -> None:
    def score(rows: Any) -> Any:
        return [row["missing"] for row in rows]

    with pytest.raises(SampleError, match=r"score\(\) raised KeyError .*'missing'"):
        inspect_model(score, [{"a": 1}])
    model, frame = cases.mixed()
    with pytest.raises(SampleError, match="no column 'city', on which the model was trained"):
        inspect_model(model, frame.drop(columns="city").to_dict("records"))


def test_what_a_model_warns_of_is_noted_once_and_said_plainly() -> None:
    def logged(rows: Any) -> Any:
        warnings.warn("column b is old", stacklevel=1)
        warnings.warn("column b is old", stacklevel=1)
        warnings.warn("gone in 3.0", DeprecationWarning, stacklevel=1)
        return np.log(rows[:, 0])

    inspected = inspect_model(logged, np.zeros((3, 1)))
    assert inspected.notes == (
        "The model warned on the sample: column b is old",
        "Some numbers overflow or are undefined inside the model on the sample: answers may be "
        "null.",
    )


def test_a_model_that_writes_into_its_rows_leaves_the_sample_as_it_is() -> None:
    def spoil(rows: Any) -> Any:
        rows["a"] = 0.0
        return np.ones(len(rows))

    frame = pd.DataFrame({"a": [1.0, 2.0]})
    inspected = inspect_model(spoil, frame)
    assert frame["a"].tolist() == [1.0, 2.0]
    assert inspected.model_rows["a"].tolist() == [1.0, 2.0]


def test_several_targets_have_an_output_and_labels_each() -> None:
    x = np.random.default_rng(0).normal(size=(60, 2))
    labels = np.column_stack(
        [np.where(x[:, 0] > 0, "hot", "cold"), np.where(x[:, 1] > 0, "a", "b")]
    )
    signature = inspect_model(RandomForestClassifier(3, random_state=0).fit(x, labels), x).signature
    assert [(o.name, o.shape, o.classes) for o in signature.outputs] == [
        ("predictions", (-1, 2), None),
        ("probabilities_0", (-1, 2), ("cold", "hot")),
        ("probabilities_1", (-1, 2), ("a", "b")),
    ]
    assert signature.classes is None


class Recommender:
    def recommend(self, rows: Any) -> Any:
        return np.full(len(rows), 7)


@pytest.mark.parametrize("model", [Recommender(), SimpleNamespace(score=len), object()])
def test_the_adapter_that_is_printed_can_be_pasted(model: Any) -> None:
    with pytest.raises(UnsupportedModelError) as caught:
        inspect_model(model, np.ones((3, 1)))
    hint = caught.value.told("%deploy")
    block = hint[hint.index("    class ") : hint.index("    %deploy model --name NAME")]
    code = textwrap.dedent(block)
    (given,) = re.findall(r"def __init__\(self, (\w+)\)", code)
    scope: dict[str, Any] = {given: model}
    exec(code, scope)  # noqa: S102  what a user does with it
    adapted = scope["model"]
    assert getattr(adapted, given) is model
    if isinstance(model, Recommender):
        answered = inspect_model(adapted, np.ones((3, 1))).outputs.predictions
        assert answered.tolist() == [7, 7, 7]


def test_every_object_of_a_library_can_be_taught() -> None:
    with pytest.raises(UnsupportedModelError) as caught:
        inspect_model(textwrap.TextWrapper(), np.ones((3, 1)))
    assert 'TABLE.register("textwrap", "your_package.your_module:ADAPTER")' in caught.value.hint


def test_data_in_the_place_of_the_model() -> None:
    with pytest.raises(UnsupportedModelError) as caught:
        inspect_model(pd.DataFrame({"a": [1]}), np.ones((3, 1)))
    assert "It is data, not a model" in caught.value.hint
