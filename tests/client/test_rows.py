from __future__ import annotations

import datetime as dt
import json
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse

from jupyter_deploy.client.rows import body, labels, probabilities
from jupyter_deploy.exceptions import PredictionError, UsageError

STAMP = pd.Timestamp("2026-01-02T03:04:05")
TEXT = "2026-01-02T03:04:05"
NANOSECONDS = "2026-01-02T00:00:00.000000000"
POLARS = pl.DataFrame(
    {
        "f": [1.5, None, float("nan")],
        "s": ["ä", None, "b"],
        "e": pl.Series(["x", None, "x"], dtype=pl.Enum(["x"])),
        "d": [dt.date(2026, 1, 2), None, dt.date(2026, 1, 2)],
        "t": [dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)] * 3,
    }
)
FRAME = pd.DataFrame(
    {
        "f": [1.5, np.nan],
        "i": [1, 2],
        "big": pd.array([1, None], dtype="Int64"),
        "s": ["ä", None],
        "b": [True, False],
        "c": pd.Categorical(["x", "y"]),
        "t": [STAMP, pd.NaT],
    }
)


@pytest.mark.parametrize(
    ("data", "expected", "as_numpy"),
    [
        (
            FRAME,
            {
                "f": [1.5, None],
                "i": [1, 2],
                "big": [1, None],
                "s": ["ä", None],
                "b": [True, False],
                "c": ["x", "y"],
                "t": ["2026-01-02T03:04:05", None],
            },
            True,
        ),
        (FRAME[["f", "i"]].iloc[0], [{"f": 1.5, "i": 1.0}], True),
        (np.array([[1.0, np.nan], [3.0, 4.0]]), [[1.0, None], [3.0, 4.0]], True),
        (np.array([[1, 2]], dtype="int8"), [[1, 2]], True),
        (np.array([[1.5, 2]], dtype="float16"), [[1.5, 2.0]], True),
        (np.arange(6.0).reshape(2, 3)[:, ::2], [[0.0, 2.0], [3.0, 5.0]], True),
        (np.array([["a", np.nan, 1]], dtype=object), [["a", None, 1]], True),
        (np.array([["2026-01-02"], ["NaT"]], dtype="M8[ns]"), [[NANOSECONDS], [None]], True),
        (np.arange(4.0).reshape(1, 2, 2), [[[0.0, 1.0], [2.0, 3.0]]], True),
        (np.array([[["a", None]]], dtype=object), [[["a", None]]], True),
        (
            {"image": np.ones((1, 1, 2), dtype="float32"), "word": np.array(["a"])},
            {"image": [[[1.0, 1.0]]], "word": ["a"]},
            True,
        ),
        ({"t": np.array([["2026-01-02"]], dtype="M8[D]")}, {"t": [["2026-01-02"]]}, True),
        (
            POLARS,
            {
                "f": [1.5, None, None],
                "s": ["ä", None, "b"],
                "e": ["x", None, "x"],
                "d": ["2026-01-02", None, "2026-01-02"],
                "t": ["2026-01-02T03:04:05+00:00"] * 3,
            },
            True,
        ),
        ([{"d": dt.date(2026, 1, 2), "t": STAMP}], [{"d": "2026-01-02", "t": TEXT}], False),
        ({"a": pl.Series([1, None])}, {"a": [1, None]}, False),
        ([{"a": np.float64(1.5), "b": float("nan")}], [{"a": 1.5, "b": None}], False),
        ({"a": 1}, {"a": 1}, False),
        ({"a": np.array([1, 2])}, {"a": [1, 2]}, True),
        (((1, 2), (3, 4)), [[1, 2], [3, 4]], False),
        ([], [], False),
    ],
)
def test_bodies(data: Any, expected: Any, as_numpy: bool) -> None:
    encoded, numpy_out = body(data)
    assert json.loads(encoded) == expected
    assert numpy_out is as_numpy


@pytest.mark.parametrize(
    ("data", "where"),
    [
        (pd.DataFrame({"a": [1.0, np.inf]}), "row 1, column 'a': got inf"),
        (np.array([[1.0, -np.inf]]), "row 0, column 'x1': got -inf"),
        (np.array([[[1.0]], [[np.inf]]]), "row 1: got inf"),
        ({"t": np.array([[1.0], [np.inf]])}, "row 1, column 't': got inf"),
        (pl.DataFrame({"a": [1.0, float("inf")]}), "row 1, column 'a': got inf"),
        ([{"a": 1.0}, {"a": float("inf")}], "row 1, column 'a'"),
    ],
)
def test_infinity_is_never_sent_as_null(data: Any, where: str) -> None:
    with pytest.raises(PredictionError, match=where):
        body(data)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (np.arange(3), "array of 1 dimension."),
        (np.array(3), "array of 0 dimensions"),
        ("rows", "What to predict on is text, not rows"),
        (None, "There is nothing to predict on"),
        (pl.LazyFrame({"a": [1]}), r"Give it as a DataFrame: X.collect\(\)"),
        (scipy.sparse.eye(2).tocsr(), r"X.toarray\(\)"),
        ([{"a": object()}], "can't be written as JSON"),
    ],
)
def test_what_is_no_rows(data: Any, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        body(data)


def test_answers_come_back_as_they_were_asked() -> None:
    assert labels(["a", "b"], as_numpy=False) == ["a", "b"]
    assert labels(["a", "b"], as_numpy=True).tolist() == ["a", "b"]


@pytest.mark.parametrize(
    ("found", "kind"),
    [
        ([1, 2], "i"),
        ([True, False], "b"),
        ([1.5, None], "f"),
        ([[1.5, None], [2, 3]], "f"),
        (["a", None], "O"),
        ([], "f"),
    ],
)
def test_arrays_have_the_type_of_what_was_answered(found: Any, kind: str) -> None:
    array = labels(found, as_numpy=True)
    assert array.dtype.kind == kind
    if kind == "f" and found:
        assert np.isnan(array.ravel()[1])


def test_probabilities_of_several_targets_are_a_list() -> None:
    assert probabilities({"predictions": [1]}, as_numpy=True) is None
    assert probabilities({"probabilities": [[0.5, 0.5]]}, as_numpy=False) == [[0.5, 0.5]]
    first, second = probabilities(
        {"probabilities_0": [[0.5, 0.5]], "probabilities_1": [[0.1, 0.2, 0.7]]}, as_numpy=True
    )
    assert first.shape == (1, 2)
    assert second.shape == (1, 3)
