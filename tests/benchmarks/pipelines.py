"""The pipeline of the figures with categories in it."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

#: Number of different values of each categorical column.
_CARDINALITIES = (3, 5, 8, 20, 50)


@cache
def categorical() -> tuple[Any, pd.DataFrame]:
    """Five columns of strings and three of numbers, one-hot and scaled, into a regression."""
    rng = np.random.default_rng(3)
    rows = 2000
    columns: dict[str, Any] = {
        f"category_{k}": rng.choice([f"value {v}" for v in range(n)], rows).astype(object)
        for k, n in enumerate(_CARDINALITIES)
    }
    columns |= {f"number_{k}": rng.normal(size=rows) for k in range(3)}
    x = pd.DataFrame(columns)
    y = np.where((x["category_0"] == "value 1") ^ (x["number_0"] > 0), "yes", "no")
    numbers = [name for name in x if name.startswith("number")]
    categories = [name for name in x if name.startswith("category")]
    transformer = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), categories), (StandardScaler(), numbers)
    )
    model = make_pipeline(transformer, LogisticRegression(max_iter=1000))
    return model.fit(x, y), x.tail(500)
