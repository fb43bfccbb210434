"""Golden requests through the runtime of every Bento: JSON gives what the user's rows gave."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.cluster import KMeans
from sklearn.ensemble import IsolationForest, RandomForestClassifier
from sklearn.linear_model import LinearRegression

from jupyter_deploy.client import rows
from jupyter_deploy.config import Paths
from jupyter_deploy.packaging import build, convert, inspect_model
from jupyter_deploy.packaging.golden import VALUES, golden
from jupyter_deploy.serving.runtime import Runtime
from tests import models
from tests.packaging import cases
from tests.packaging.direct import answer, check_golden, packed

MOMENT = dt.datetime(2026, 1, 2, 3, 4, 5, 678901)
MOMENTS = [MOMENT, None, MOMENT + dt.timedelta(days=99, microseconds=1)]


def every_pandas_type() -> pd.DataFrame:
    times = pd.Series(pd.to_datetime(MOMENTS))
    return pd.DataFrame(
        {
            "float": [0.5, np.nan, 2.5],
            "float32": np.array([0.1, 0.2, 0.3], dtype="float32"),
            "int8": np.array([1, 2, 3], dtype="int8"),
            "Int64": pd.array([1, None, 3], dtype="Int64"),
            "Float64": pd.array([0.5, None, 1.5], dtype="Float64"),
            "bool": [True, False, True],
            "boolean": pd.array([True, None, False], dtype="boolean"),
            "text": ["a", None, "c"],
            "string": pd.array(["a", None, "c"], dtype="string"),
            "object": pd.Series(["x", None, "z"], dtype=object),
            "category": pd.Categorical(["u", "v", None], categories=["w", "v", "u"]),
            "numbers": pd.Categorical([10, 20, 10]),
            "time": times,
            "nanoseconds": times.astype("datetime64[ns]"),
            "zone": times.dt.tz_localize("Europe/Oslo"),
        }
    )


def every_polars_type() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "f": [0.5, None, 2.5],
            "f32": pl.Series([0.5, 0.25, 1.0], dtype=pl.Float32),
            "i": [1, None, 3],
            "u8": pl.Series([1, 2, 3], dtype=pl.UInt8),
            "b": [True, None, False],
            "s": ["a", None, "c"],
            "c": pl.Series(["u", "v", None], dtype=pl.Categorical),
            "e": pl.Series(["u", "v", None], dtype=pl.Enum(["w", "v", "u"])),
            "day": [dt.date(2026, 1, 2), None, dt.date(1999, 12, 31)],
            "t": MOMENTS,
            "z": pl.Series(MOMENTS).dt.replace_time_zone("Europe/Oslo"),
        }
    )


def every_record() -> list[dict[str, Any]]:
    return [
        {"f": 0.5, "i": 1, "s": "a", "b": True, "d": dt.date(2026, 1, 2), "t": MOMENT},
        {"f": None, "i": None, "s": None, "b": None, "d": None, "t": None},
        {"f": 2.5, "i": 3, "s": "c", "b": False, "d": dt.date(1999, 12, 31), "t": MOMENTS[2]},
    ]


def seen_in_pandas(frame: pd.DataFrame) -> list[str]:
    """Whatever differs between two frames differs here."""
    kinds = [f"{name} {dtype!r}" for name, dtype in frame.dtypes.items()]
    rows = frame.astype(object).where(frame.notna(), None).to_numpy().tolist()
    return [f"{kinds} {row!r}" for row in rows]


def seen_in_polars(frame: pl.DataFrame) -> list[str]:
    return [f"{frame.schema} {row!r}" for row in frame.rows()]


def seen_in_records(rows: list[dict[str, Any]]) -> list[str]:
    return [repr(row) for row in rows]


def seen_in_an_array(array: Any) -> list[str]:
    return [f"{array.dtype.kind} {row.tolist()!r}" for row in array]


def seen_in_tensors(tensors: dict[str, Any]) -> list[str]:
    rows = zip(*(a.tolist() for a in tensors.values()), strict=True)
    kinds = {name: (a.dtype.str, a.shape[1:]) for name, a in tensors.items()}
    return [f"{kinds} {row!r}" for row in rows]


RANDOM = np.random.default_rng(0)
NUMBERS = RANDOM.normal(size=(200, 3))
LABELS = np.column_stack([NUMBERS[:, 0] > 0, np.where(NUMBERS[:, 1] > 0, "a", "b")])
CASES: dict[str, Any] = {
    "logistic": models.logistic,
    "forest": models.forest,
    "ridge": models.ridge,
    "mixed": cases.mixed,
    "native pipeline": cases.unconvertible,
    "int labels": lambda: cases.labelled(3, 7),
    "bool labels": lambda: cases.labelled(False, True),
    "float labels": lambda: cases.labelled(0.0, 1.0),
    "clusters": lambda: (KMeans(3, n_init=1, random_state=0).fit(NUMBERS), NUMBERS),
    "outliers": lambda: (IsolationForest(n_estimators=5, random_state=0).fit(NUMBERS), NUMBERS),
    "two numbers": lambda: (LinearRegression().fit(NUMBERS, NUMBERS[:, :2]), NUMBERS),
    "two labels": lambda: (
        RandomForestClassifier(5, random_state=0).fit(NUMBERS, LABELS),
        NUMBERS,
    ),
    "pandas": lambda: (seen_in_pandas, every_pandas_type()),
    "polars": lambda: (seen_in_polars, every_polars_type()),
    "records": lambda: (seen_in_records, every_record()),
    "float32 array": lambda: (seen_in_an_array, NUMBERS.astype("float32")),
    "int array": lambda: (seen_in_an_array, np.arange(6).reshape(3, 2)),
    "bool array": lambda: (seen_in_an_array, np.ones((3, 2), dtype=bool)),
    "text array": lambda: (seen_in_an_array, np.array([["a", "b"], ["cc", "d"]])),
    "object array": lambda: (seen_in_an_array, np.array([["a", 1], ["b", 2]], dtype=object)),
    "date array": lambda: (seen_in_an_array, np.array([["2026-01-02"], ["NaT"]], dtype="M8[s]")),
    "one tensor": lambda: (lambda x: x.mean(axis=(1, 2)), RANDOM.normal(size=(9, 4, 5))),
    "tensors": lambda: (
        seen_in_tensors,
        {
            "image": RANDOM.normal(size=(3, 2, 3)).astype("float32"),
            "ids": np.arange(6).reshape(3, 2),
            "length": np.array([1, 2, 3], dtype="int32"),
            "word": np.array(["a", "bb", "a"]),
        },
    ),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("engine", ["auto", "native"])
def test_the_runtime_answers_golden_requests(tmp_path: Path, case: str, engine: Any) -> None:
    model, sample = CASES[case]()
    check_golden(convert(inspect_model(model, sample), engine), tmp_path)


@pytest.mark.parametrize("case", CASES)
def test_what_the_client_sends_is_read_as_the_sample(tmp_path: Path, case: str) -> None:
    model, sample = CASES[case]()
    inspected = inspect_model(model, sample)
    sent, _ = rows.body(sample)
    found = answer(packed(convert(inspected, "native"), tmp_path), json.loads(sent))
    expected = inspected.outputs.predictions.tolist()
    if inspected.outputs.predictions.dtype.kind == "f":
        np.testing.assert_allclose(found["predictions"], expected)
    else:
        assert found["predictions"] == expected


@pytest.mark.parametrize("case", ["mixed", "pandas"])
def test_a_bento_has_its_golden_requests(paths: Paths, case: str) -> None:
    model, sample = CASES[case]()
    spec = build(convert(inspect_model(model, sample)), name="m", version="1.0.0")
    runtime = Runtime(Path(spec.bento_home, "bentos", "m", "1.0.0", "src", "model"))
    try:
        runtime.load()
        (request,) = spec.golden
        answered = json.loads(runtime.predict(json.dumps(request.request).encode())[0])
    finally:
        runtime.close()
    assert answered["predictions"] == request.response["predictions"]


def test_a_model_that_throws_dice_has_none() -> None:
    converted = convert(inspect_model(lambda x: RANDOM.normal(size=len(x)), NUMBERS))
    assert golden(converted) == []


def test_a_hook_that_throws_dice_has_none_either() -> None:
    model, sample = models.ridge()
    inspected = inspect_model(model, sample, postprocess=lambda p: p + RANDOM.normal(size=len(p)))
    converted = convert(inspected)
    assert converted.onnx is not None
    assert golden(converted) == []


def test_rows_with_infinities_are_left_out() -> None:
    sample = np.array([[np.inf], [1.0], [np.nan]])
    (request,) = golden(convert(inspect_model(lambda x: np.nan_to_num(x[:, 0]), sample)))
    assert request.request == [{"x0": 1.0}, {"x0": None}]
    tensor = np.full((2, 1, 1), np.inf)
    assert golden(convert(inspect_model(lambda x: np.zeros(len(x)), tensor))) == []


def test_a_request_of_large_rows_has_fewer_of_them() -> None:
    images = np.zeros((6, VALUES // 2, 1), dtype="int8")
    (request,) = golden(convert(inspect_model(lambda x: x[:, 0, 0], images)))
    assert len(request.request) == 2
