"""A sample that is not what the model was trained on: told before it is called, in our words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import polars as pl
import pytest
import xgboost
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from jupyter_deploy.exceptions import SampleError
from jupyter_deploy.packaging import inspect_model
from jupyter_deploy.packaging.diagnosis.trained import trained
from tests.packaging import cases

RANDOM = np.random.default_rng(5)
FRAME = pd.DataFrame(RANDOM.normal(size=(60, 3)), columns=["age", "body mass", "visits"])
LABEL = (FRAME["age"] > 0).astype(int)


def scaled() -> Any:
    return make_pipeline(StandardScaler(), LogisticRegression())


MODELS: dict[str, Callable[[Any], Any]] = {
    "linear": lambda x: LogisticRegression().fit(x, LABEL),
    "pipeline": lambda x: scaled().fit(x, LABEL),
    "search": lambda x: GridSearchCV(scaled(), {"logisticregression__C": [1.0]}).fit(x, LABEL),
    "xgboost": lambda x: xgboost.XGBClassifier(n_estimators=2).fit(x, LABEL),
    "xgboost booster": lambda x: xgboost.train({}, xgboost.DMatrix(x, LABEL), 2),
    "lightgbm": lambda x: lightgbm.LGBMClassifier(n_estimators=2, verbose=-1).fit(x, LABEL),
    "lightgbm booster": lambda x: lightgbm.train(
        {"verbose": -1}, lightgbm.Dataset(x, LABEL), num_boost_round=2
    ),
}


def refused(model: Any, sample: Any, **options: Any) -> SampleError:
    with pytest.raises(SampleError) as caught:
        inspect_model(model, sample, **options)
    return caught.value


@pytest.mark.parametrize("kind", MODELS)
def test_the_sample_of_training_is_taken(kind: str) -> None:
    model = MODELS[kind](FRAME)
    assert inspect_model(model, FRAME).notes == ()


@pytest.mark.parametrize("kind", MODELS)
def test_the_label_left_in(kind: str) -> None:
    error = refused(MODELS[kind](FRAME), FRAME.assign(target=1))
    assert error.message == "Column 'target' was not there in training."
    assert error.hint == "Drop the label: sample=df.drop(columns=['target'])"
    assert error.detail["extra"] == ["target"]


@pytest.mark.parametrize("kind", MODELS)
def test_columns_in_another_order(kind: str) -> None:
    error = refused(MODELS[kind](FRAME), FRAME[["visits", "body mass", "age"]])
    assert error.message == (
        "The columns are in another order than in training: number 1 is 'visits', and was 'age'."
    )
    assert error.hint == ("Order them as in training: sample=df[['age', 'body mass', 'visits']]")


@pytest.mark.parametrize("kind", MODELS)
def test_a_column_is_missing(kind: str) -> None:
    error = refused(MODELS[kind](FRAME), FRAME.drop(columns="visits"))
    assert error.message == ("The sample has no column 'visits', on which the model was trained.")
    assert "Give the 3 columns of training: 'age', " in error.hint


@pytest.mark.parametrize("kind", MODELS)
def test_text_where_numbers_were(kind: str) -> None:
    error = refused(MODELS[kind](FRAME), FRAME.assign(visits="3,5"))
    assert error.message.startswith(
        "Column 'visits' holds text ('3,5'), and the model takes numbers there: "
    )
    assert "df['visits'] = pd.to_numeric(df['visits'])" in error.hint
    assert error.detail["error"] == "ValueError"


@pytest.mark.parametrize("kind", [k for k in MODELS if "booster" not in k])
def test_an_array_of_another_width(kind: str) -> None:
    model = MODELS[kind](FRAME.to_numpy())
    wide = np.ones((5, 4))
    error = refused(model, wide)
    assert error.message == "The model was trained on 3 columns, and the sample has 4."
    assert "most often the label" in error.hint
    assert refused(model, wide[:, :2]).hint.startswith("Give all the columns")


def test_a_frame_for_a_model_of_arrays_is_counted() -> None:
    model = MODELS["xgboost"](FRAME.to_numpy())
    assert trained(model).names == ()
    error = refused(model, FRAME.assign(target=1))
    assert error.message == "The model was trained on 3 columns, and the sample has 4."


def test_names_that_are_nearly_the_same() -> None:
    model = MODELS["linear"](FRAME)
    error = refused(model, FRAME.rename(columns={"body mass": "Body_Mass"}))
    assert error.message == (
        "The columns have other names than in training: 'body mass' is called 'Body_Mass' "
        "in the sample."
    )
    assert error.hint == (
        "Give them the names of training: sample=df.rename(columns={'Body_Mass': 'body mass'})"
    )


def test_many_names_are_given_back_in_one_line() -> None:
    wide = pd.DataFrame(RANDOM.normal(size=(20, 9)), columns=[f"no. {i}" for i in range(9)])
    model = LinearRegression().fit(wide, range(20))
    error = refused(model, wide.rename(columns=lambda name: name.upper()))
    assert "and so on for 6 more in the sample" in error.message
    assert error.hint.endswith("sample=df.set_axis(model.feature_names_in_, axis=1)")
    error = refused(model, wide[wide.columns[::-1]])
    assert error.hint.endswith("sample=df[list(model.feature_names_in_)]")
    # the lines do what they say
    df = wide.rename(columns=lambda name: name.upper())
    assert inspect_model(model, df.set_axis(model.feature_names_in_, axis=1)).notes == ()
    df = wide[wide.columns[::-1]]
    assert inspect_model(model, df[list(model.feature_names_in_)]).notes == ()


def test_what_is_told_of_a_polars_frame_is_polars() -> None:
    model = MODELS["linear"](FRAME)
    error = refused(model, pl.DataFrame(FRAME.assign(target=1)))
    assert error.hint == "Drop the label: sample=df.drop('target')"
    error = refused(model, pl.DataFrame(FRAME).rename({"visits": "Visits"}))
    assert error.hint.endswith("sample=df.rename({'Visits': 'visits'})")


def test_what_preprocess_returned_is_called_that() -> None:
    model = MODELS["linear"](FRAME)
    error = refused(model, FRAME, preprocess=lambda df: df.assign(ratio=1.0))
    assert error.message == "Column 'ratio' was not there in training."
    assert error.hint == "Drop what was no feature: return df.drop(columns=['ratio'])"
    error = refused(model, FRAME, preprocess=lambda df: df.to_numpy()[:, :2])
    assert error.message == (
        "The model was trained on 3 columns, and what preprocess returned has 2."
    )


def test_a_model_that_finds_columns_by_name_takes_any_order() -> None:
    model, frame = cases.mixed()
    assert inspect_model(model, frame[frame.columns[::-1]]).notes == ()
    assert refused(model, frame.assign(id=1, target=2)).hint == (
        "Drop what was no feature: sample=df.drop(columns=['id', 'target'])"
    )


def test_numbers_where_text_was_would_be_answered_without_a_word() -> None:
    """The encoder ignores what it doesn't know: a code read from a file as a number."""
    frame = pd.DataFrame({"code": ["01", "02"] * 20, "n": RANDOM.normal(size=40)})
    encoder = OneHotEncoder(handle_unknown="ignore")
    columns = ColumnTransformer([("codes", encoder, ["code"])], remainder="passthrough")
    model = make_pipeline(columns, LogisticRegression()).fit(frame, [0, 1] * 20)
    wrong = frame.assign(code=frame["code"].astype(int))
    error = refused(model, wrong)
    assert error.message == (
        "Column 'code' was text in training ('01', '02'), and holds integers in the sample."
    )
    assert "pd.read_csv(…, dtype={'code': str})" in error.hint


@pytest.mark.parametrize("chosen", [["c"], [0], [True, False], slice(0, 1)])
def test_text_where_an_encoder_knew_numbers(chosen: Any) -> None:
    frame = pd.DataFrame({"c": [1, 2] * 20, "n": RANDOM.normal(size=40)})
    encoder: Any = make_pipeline(
        SimpleImputer(strategy="most_frequent"),
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
    )
    columns = ColumnTransformer([("c", encoder, chosen)])
    model = make_pipeline(columns, LogisticRegression()).fit(frame, [0, 1] * 20)
    error = refused(model, frame.assign(c=["one", "two"] * 20))
    assert error.message == (
        "Column 'c' was numbers in training (1, 2), and holds text in the sample."
    )


def test_values_spelt_otherwise_are_noted() -> None:
    model, frame = cases.mixed()
    lower = frame.assign(city=frame["city"].str.lower())
    (note,) = inspect_model(model, lower).notes
    assert note == (
        "No value of column 'city' was there in training: the sample has 'bergen', 'oslo', "
        "'tromsø', and it was trained on 'Bergen', 'Oslo', 'Tromsø'."
    )


def test_a_model_that_knows_nothing_is_called() -> None:
    class Sum(BaseEstimator):
        def fit(self, x: Any, y: Any = None) -> Sum:
            self.fitted_ = True
            return self

        def predict(self, x: Any) -> Any:
            return np.asarray(x)[:, 0]

    assert inspect_model(Sum().fit(None), FRAME.assign(more=1)).notes == ()


@pytest.mark.parametrize(
    ("train", "sample", "note"),
    [
        (
            FRAME,
            FRAME.to_numpy(),
            "The model was trained on a DataFrame and the sample has no names: columns are taken "
            "by their position.",
        ),
        (
            FRAME.to_numpy(),
            FRAME,
            "The model was trained without column names: columns are taken by their position.",
        ),
    ],
)
def test_names_on_one_side_only_are_noted(train: Any, sample: Any, note: str) -> None:
    assert inspect_model(MODELS["linear"](train), sample).notes == (note,)


def test_dates_where_numbers_were() -> None:
    model = MODELS["linear"](FRAME.to_numpy())
    error = refused(model, FRAME.assign(visits=pd.Timestamp("2026-01-02")))
    assert error.message.startswith(
        "Column 'visits' holds dates, and the model takes numbers there: "
    )
    assert "df['visits'].dt.dayofyear" in error.hint


@pytest.mark.parametrize(("value", "word"), [(np.nan, "nulls"), (np.inf, "infinities")])
def test_values_the_model_does_not_take(value: float, word: str) -> None:
    model = MODELS["linear"](FRAME)
    broken = FRAME.assign(visits=value)
    error = refused(model, broken)
    assert error.message.startswith(
        f"Column 'visits' holds {word}, which the model doesn't take: "
        "LogisticRegression.predict raised ValueError on the sample"
    )
    assert "SimpleImputer" in error.hint
    assert refused(model, broken.assign(age=value)).message.startswith(
        f"Columns 'age', 'visits' hold {word}"
    )


def test_a_model_of_texts_reads_a_frame_as_its_columns_names() -> None:
    texts = pd.DataFrame({"text": ["good film", "bad film"] * 5})
    model = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts["text"], [1, 0] * 5)
    error = refused(model, texts.head(1))
    assert error.message == (
        "The model begins with a TfidfVectorizer, which takes texts, one a row; "
        "the sample is a DataFrame."
    )
    assert error.hint == "Give the DataFrame, and preprocess=lambda df: df['text']"
    assert inspect_model(model, texts, preprocess=lambda df: df["text"]).notes == ()
    assert refused(model, texts, preprocess=lambda df: df).hint == "Return df['text']"


def test_one_array_in_a_dict_is_given_by_itself() -> None:
    error = refused(lambda d: d["input"][:, 0], {"input": np.ones((3, 2))})
    assert "which a service can't tell from the array itself" in error.message
    assert inspect_model(lambda d: d["rows"][:, 0], {"rows": np.ones((3, 2))}).notes == ()
