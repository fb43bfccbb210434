"""Models that packaging must cope with, beyond those of tests/models.py."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler


@cache
def people() -> tuple[pd.DataFrame, np.ndarray]:
    """Numbers with nulls, integers and strings, with names that need care."""
    random = np.random.default_rng(0)
    age = random.normal(40, 12, 300)
    frame = pd.DataFrame(
        {
            "age (years)": np.where(random.random(300) < 0.1, np.nan, age),
            "city": random.choice(["Bergen", "Oslo", "Tromsø"], 300),
            "visits": random.integers(0, 20, 300),
        }
    )
    label = np.where((age > 45) ^ (frame["city"] == "Oslo"), "yes", "no")
    return frame, label


def mixed(*extra: Any) -> tuple[Any, pd.DataFrame]:
    """ColumnTransformer by column name, with `extra` steps before the scaler of the numbers."""
    frame, label = people()
    return mixed_on(frame, label, ["age (years)", "visits"], *extra), frame


def mixed_on(frame: pd.DataFrame, label: Any, numbers: list[str], *extra: Any) -> Any:
    """As :func:`mixed`, on columns of any names."""
    columns = ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(), *extra, StandardScaler()), numbers),
            ("words", OneHotEncoder(handle_unknown="ignore"), ["city"]),
        ]
    )
    return make_pipeline(columns, LogisticRegression()).fit(frame, label)


def unconvertible() -> tuple[Any, pd.DataFrame]:
    """As :func:`mixed`, with a function in it, which ONNX has no form for."""
    return mixed(FunctionTransformer(np.log1p))


def labelled(*labels: Any) -> tuple[Any, np.ndarray]:
    """LogisticRegression on three columns whose classes are `labels`."""
    random = np.random.default_rng(1)
    x = random.normal(size=(120, 3))
    y = np.array(labels)[(x[:, 0] > 0).astype(int)]
    return LogisticRegression().fit(x, y), x
