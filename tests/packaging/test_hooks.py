"""Functions before and after the model: what is checked when packing, and what is served."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline

from jupyter_deploy.config import Paths
from jupyter_deploy.exceptions import SampleError, UsageError
from jupyter_deploy.packaging import build, convert, inspect_model
from jupyter_deploy.packaging.conversion import Converted
from jupyter_deploy.serving.runtime import Runtime
from jupyter_deploy.types import Engine
from tests.packaging import cases
from tests.packaging.direct import check_golden

RANDOM = np.random.default_rng(3)
RAW = pd.DataFrame(
    {
        "born": pd.to_datetime(RANDOM.integers(0, 2 * 10**9, 200), unit="s"),
        "city": RANDOM.choice(["Oslo", "Bergen"], 200),
        "income": np.where(RANDOM.random(200) < 0.1, np.nan, RANDOM.normal(5, 1, 200)),
    }
)


def features(people: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "year": people["born"].dt.year.astype("float64"),
            "oslo": (people["city"] == "Oslo").astype("float64"),
            "income": people["income"].fillna(5.0),
        }
    )


LABELS = np.where(features(RAW)["income"] > 5.1, "rich", "poor")
MODEL = LogisticRegression(max_iter=10_000).fit(features(RAW), LABELS)
REGRESSION = LinearRegression().fit(features(RAW), features(RAW)["income"] * 2)


def matrix(people: pd.DataFrame) -> np.ndarray:
    return features(people).to_numpy()


ON_ARRAYS = LogisticRegression(max_iter=10_000).fit(matrix(RAW), LABELS)


def strict(predictions: Any, probabilities: Any) -> list[str]:
    return ["rich" if p > 0.9 else "poor" for p in probabilities[:, 1]]


def shouted(predictions: Any) -> list[str]:
    return [p.upper() + "!" for p in predictions]


def from_records(rows: list[dict[str, Any]]) -> np.ndarray:
    return np.array([[row["a"], row["b"]] for row in rows], dtype=float)


def from_polars(rows: pl.DataFrame) -> np.ndarray:
    return rows.select(pl.col("a"), pl.col("b").cast(pl.Float64)).to_numpy()


def from_tensors(images: np.ndarray) -> np.ndarray:
    return images.mean(axis=2)


PAIRS = RANDOM.normal(size=(50, 2))
ON_PAIRS = LinearRegression().fit(PAIRS, PAIRS.sum(axis=1))
TEXTS = pd.DataFrame({"text": ["good film", "bad film", "good", "bad"] * 10})
ON_TEXTS = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(
    TEXTS["text"], [1, 0, 1, 0] * 10
)
VECTORIZER, CLASSIFIER = (step for _, step in ON_TEXTS.steps)


def vectors(frame: pd.DataFrame) -> csr_matrix:
    return VECTORIZER.transform(frame["text"])


def one_text(frame: pd.DataFrame) -> pd.Series:
    return frame["text"]


SERVED: dict[str, tuple[Any, Any, dict[str, Any]]] = {
    "frame to frame": (MODEL, RAW, {"preprocess": features}),
    "frame to array": (ON_ARRAYS, RAW, {"preprocess": matrix}),
    "postprocess only": (MODEL, features(RAW), {"postprocess": shouted}),
    "both, with probabilities": (MODEL, RAW, {"preprocess": features, "postprocess": strict}),
    "numbers": (REGRESSION, RAW, {"preprocess": features, "postprocess": np.round}),
    "records": (
        ON_PAIRS,
        [{"a": a, "b": b} for a, b in PAIRS.tolist()],
        {"preprocess": from_records},
    ),
    "polars": (
        ON_PAIRS,
        pl.DataFrame({"a": PAIRS[:, 0], "b": PAIRS[:, 1].astype("float32")}),
        {"preprocess": from_polars},
    ),
    "tensors": (ON_PAIRS, RANDOM.normal(size=(20, 2, 3)), {"preprocess": from_tensors}),
    "a series": (ON_TEXTS, TEXTS, {"preprocess": one_text}),
    "a sparse matrix": (CLASSIFIER, TEXTS, {"preprocess": vectors}),
}


@pytest.mark.parametrize("case", SERVED)
@pytest.mark.parametrize("engine", ["auto", "native"])
def test_the_runtime_answers_as_the_functions_did_here(
    tmp_path: Path, case: str, engine: Any
) -> None:
    model, sample, hooks = SERVED[case]
    converted = convert(inspect_model(model, sample, **hooks), engine)
    assert len(check_golden(converted, tmp_path).request) == 5


def test_a_bento_has_its_hooks(paths: Paths) -> None:
    inspected = inspect_model(MODEL, RAW, preprocess=features, postprocess=strict)
    spec = build(convert(inspected), name="m", version="1.0.0")
    runtime = Runtime(Path(spec.bento_home, "bentos", "m", "1.0.0", "src", "model"))
    try:
        runtime.load()
        (golden,) = spec.golden
        answer = json.loads(runtime.predict(json.dumps(golden.request).encode())[0])
    finally:
        runtime.close()
    assert answer["predictions"] == golden.response["predictions"]
    assert "rich" in inspected.outputs.predictions


@pytest.mark.parametrize("case", ["frame to frame", "frame to array", "records", "tensors"])
def test_the_model_inside_is_still_converted(case: str) -> None:
    model, sample, hooks = SERVED[case]
    converted: Converted = convert(inspect_model(model, sample, **hooks))
    assert converted.engine is Engine.ONNX, converted.reason


def test_what_has_no_columns_stays_native_and_says_why() -> None:
    model, sample, hooks = SERVED["a sparse matrix"]
    converted = convert(inspect_model(model, sample, **hooks))
    assert converted.engine is Engine.NATIVE
    assert "what preprocess returned is a scipy csr_matrix" in converted.reason


def test_clients_see_the_sample_and_the_model_sees_the_features() -> None:
    inspected = inspect_model(MODEL, RAW, preprocess=features, postprocess=shouted)
    assert [c.name for c in inspected.signature.inputs] == ["born", "city", "income"]
    assert [c.kind for c in inspected.signature.inputs] == ["datetime", "string", "number"]
    assert [c.name for c in inspected.model_signature.inputs] == ["year", "oslo", "income"]
    assert inspected.signature.task == "other"
    assert inspected.model_signature.task == "classification"
    # probabilities stay, with their labels
    assert inspected.signature.classes == ("poor", "rich")
    assert [o.name for o in inspected.signature.outputs] == ["predictions", "probabilities"]
    assert set(inspected.outputs.predictions) == {"POOR!", "RICH!"}
    assert set(inspected.model_outputs.predictions) == {"poor", "rich"}


def test_other_thresholds_make_a_classifier_still() -> None:
    inspected = inspect_model(MODEL, RAW, preprocess=features, postprocess=strict)
    assert inspected.signature.task == "classification"
    assert inspected.hooks is not None
    assert inspected.hooks.takes_probabilities


def test_a_second_parameter_with_a_default_keeps_it() -> None:
    def rounded(predictions: Any, decimals: int = 1) -> Any:
        return np.round(predictions, decimals)

    inspected = inspect_model(REGRESSION, features(RAW), postprocess=rounded)
    assert inspected.hooks is not None
    assert not inspected.hooks.takes_probabilities
    assert (
        inspected.outputs.predictions.tolist()
        == np.round(inspected.model_outputs.predictions, 1).tolist()
    )


def test_hooks_that_write_into_what_they_are_given_change_nothing_else() -> None:
    frame = features(RAW)

    def spoil(rows: Any) -> Any:
        rows["income"] = 0.0
        return rows

    def negate(predictions: Any) -> Any:
        predictions *= -1
        return predictions

    inspected = inspect_model(REGRESSION, frame, preprocess=spoil, postprocess=negate)
    assert frame["income"].nunique() > 1
    assert inspected.signature.inputs[2].maximum == frame["income"].max()
    np.testing.assert_array_equal(
        inspected.outputs.predictions, -inspected.model_outputs.predictions
    )


def no_rows(rows: Any) -> Any:
    return rows["no such column"]


def fewer(rows: Any) -> Any:
    return features(rows).iloc[1:]


def nothing(rows: Any) -> None:
    return None


async def later(rows: Any) -> Any:
    return rows


def eager(rows: Any) -> Any:
    return later(rows)


def leaves(rows: Any) -> Any:
    raise SystemExit(3)


@pytest.mark.parametrize(
    ("hook", "said", "hint"),
    [
        (
            no_rows,
            "preprocess no_rows() raised KeyError on the sample, line ",
            "preprocess is called with a pandas DataFrame of the columns born, city, income.",
        ),
        (fewer, "preprocess fewer() returned 199 rows for 200", "instead of dropping the row"),
        (nothing, "preprocess returned None", "must return the rows"),
        (lambda rows: 3, "preprocess a lambda returned an int, which has no rows", "one entry"),
        (eager, "preprocess eager() returned a coroutine", "def, not async def"),
        (leaves, "preprocess leaves() raised SystemExit on the sample", "is called with"),
        (
            lambda rows: features(rows).drop(columns="year"),
            "What preprocess returned has no column 'year', on which the model was trained",
            "Return the 3 columns of training: 'year', 'oslo', 'income'",
        ),
    ],
)
def test_what_goes_wrong_in_preprocess_is_told(hook: Any, said: str, hint: str) -> None:
    with pytest.raises(SampleError) as caught:
        inspect_model(MODEL, RAW, preprocess=hook)
    assert said in caught.value.message
    assert hint in caught.value.hint


def test_the_traceback_of_a_hook_is_the_users() -> None:
    with pytest.raises(SampleError) as caught:
        inspect_model(MODEL, RAW, preprocess=no_rows)
    trace = caught.value.detail["traceback"]
    assert 'return rows["no such column"]' in trace
    assert "site-packages" not in trace
    assert "packaging/hooks.py" not in trace


def both(predictions: Any, probabilities: Any) -> Any:
    return predictions


@pytest.mark.parametrize(
    ("model", "hook", "said", "hint"),
    [
        (
            MODEL,
            lambda p: p[1:],
            "postprocess a lambda returned 199 answers for 200 predictions",
            "one value a row",
        ),
        (MODEL, lambda p: None, "postprocess a lambda returned a NoneType", "one value a row"),
        (
            MODEL,
            lambda p: 1 / 0,
            "a lambda raised ZeroDivisionError on the model's answers",
            "of object",
        ),
        (
            REGRESSION,
            both,
            "postprocess both() takes predictions and probabilities, and the model answers no",
            "one parameter, the predictions",
        ),
    ],
)
def test_what_goes_wrong_in_postprocess_is_told(
    model: Any, hook: Any, said: str, hint: str
) -> None:
    with pytest.raises(SampleError) as caught:
        inspect_model(model, features(RAW), postprocess=hook)
    assert said in caught.value.message
    assert hint in caught.value.hint


def scaled(rows: Any, mean: float, *, std: float) -> Any:
    return (rows - mean) / std


@pytest.mark.parametrize(
    ("hooks", "said", "hint"),
    [
        (
            {"preprocess": scaled},
            "preprocess scaled() takes 3 parameters (rows, mean, std); it is called with one",
            "preprocess = functools.partial(scaled, mean=mean, std=std)",
        ),
        ({"preprocess": lambda: 1}, "takes no parameters", "Give it a parameter"),
        ({"preprocess": later}, "preprocess later() is an async function", "def, not async"),
        ({"preprocess": VECTORIZER}, "preprocess is a TfidfVectorizer", "NAME.transform"),
        ({"preprocess": pd.DataFrame}, "preprocess DataFrame is a class", "Give a function"),
        ({"preprocess": "clean"}, "preprocess is a str, which can't be called", "def preprocess"),
        (
            {"postprocess": lambda a, b, c: a},
            "postprocess a lambda takes 3 parameters (a, b, c); it is called with one",
            "postprocess = functools.partial(postprocess, b=b, c=c)",
        ),
        ({"postprocess": 3}, "postprocess is an int", "def postprocess(predictions)"),
    ],
)
def test_hooks_that_cannot_be_called_are_refused(
    hooks: dict[str, Any], said: str, hint: str
) -> None:
    with pytest.raises(UsageError) as caught:
        inspect_model(MODEL, RAW, **hooks)
    assert said in caught.value.message
    assert hint in caught.value.hint


def test_a_bound_hook_is_taken() -> None:
    hook = functools.partial(scaled, mean=1.0, std=2.0)
    inspected = inspect_model(REGRESSION, features(RAW), preprocess=hook)
    assert inspected.model_rows["year"].iloc[0] == (RAW["born"].dt.year.iloc[0] - 1) / 2


def test_a_model_of_another_sample_is_told_before_hooks_hide_it() -> None:
    _, mixed = cases.mixed()
    with pytest.raises(SampleError, match=r"preprocess features\(\) raised KeyError"):
        inspect_model(MODEL, mixed, preprocess=features)
