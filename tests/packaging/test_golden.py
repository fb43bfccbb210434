"""Golden requests through the runtime of every Bento: JSON gives what the user's rows gave."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import KMeans
from sklearn.linear_model import LinearRegression

from jupyter_deploy.config import Paths
from jupyter_deploy.packaging import build, convert, inspect_model
from jupyter_deploy.serving.runtime import Runtime
from tests import models
from tests.packaging import cases


def every_type() -> pd.DataFrame:
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
            "object": pd.Series(["x", None, "z"], dtype=object),
            "category": pd.Categorical(["u", "v", None]),
            "numbers": pd.Categorical([10, 20, 10]),
        }
    )


def dtypes_and_values(frame: Any) -> list[str]:
    return [f"{dict(frame.dtypes.astype(str))} {row!r}" for row in frame.isna().to_numpy().tolist()]


def shapes(array: Any) -> Any:
    return [f"{array.dtype} {array.shape[1]}"] * len(array)


NUMBERS = np.random.default_rng(0).normal(size=(200, 3))
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
    "two targets": lambda: (LinearRegression().fit(NUMBERS, NUMBERS[:, :2]), NUMBERS),
    "every type": lambda: (dtypes_and_values, every_type()),
    "float32 array": lambda: (shapes, NUMBERS.astype("float32")),
    "int array": lambda: (shapes, np.arange(6).reshape(3, 2)),
    "bool array": lambda: (shapes, np.ones((3, 2), dtype=bool)),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("engine", ["auto", "native"])
def test_the_runtime_answers_golden_requests(paths: Paths, case: str, engine: Any) -> None:
    model, sample = CASES[case]()
    spec = build(convert(inspect_model(model, sample), engine), name="m", version="1.0.0")
    runtime = Runtime(Path(spec.bento_home, "bentos", "m", "1.0.0", "src", "model"))
    try:
        runtime.load()
        (golden,) = spec.golden
        answer = json.loads(runtime.predict(json.dumps(golden.request).encode())[0])
    finally:
        runtime.close()
    assert set(answer) == set(golden.response)
    for key, expected in golden.response.items():
        if np.asarray(expected).dtype.kind == "f":
            np.testing.assert_allclose(answer[key], expected, golden.rtol, golden.atol)
        else:
            assert answer[key] == expected
            assert str(answer[key]) == str(expected)  # 1, 1.0 and true are different labels
