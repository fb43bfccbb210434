from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from jupyter_deploy.client.rows import body, labels
from jupyter_deploy.exceptions import PredictionError, UsageError

STAMP = pd.Timestamp("2026-01-02T03:04:05")
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
        ([{"a": np.float64(1.5), "b": float("nan")}], [{"a": 1.5, "b": None}], False),
        ({"a": 1}, {"a": 1}, False),
        ({"a": np.array([1, 2])}, {"a": [1, 2]}, False),
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
        (np.zeros((1, 2, 3)), "array of 3 dimensions"),
        ("rows", "Can't predict on a str"),
        (None, "Can't predict on a NoneType"),
        ([{"a": object()}], "can't be written as JSON"),
    ],
)
def test_what_is_no_rows(data: Any, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        body(data)


def test_answers_come_back_as_they_were_asked() -> None:
    assert labels(["a", "b"], as_numpy=False) == ["a", "b"]
    assert labels(["a", "b"], as_numpy=True).tolist() == ["a", "b"]
