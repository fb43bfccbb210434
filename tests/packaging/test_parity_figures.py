"""What float32 does to models, in numbers: the table of docs/explanation/parity.md.

The table is printed (``pytest -s``). Orders of magnitude are held here, the last digits are the
processor's.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightgbm
import pytest
import xgboost
from sklearn.datasets import load_diabetes
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from jupyter_deploy.packaging.parity import ATOL
from jupyter_deploy.types import Engine, Parity
from tests import models
from tests.packaging.packed import converted

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "parity.md"


def scaled(model: Any) -> Any:
    return make_pipeline(StandardScaler(), model)


def forest(trees: int = 100) -> Any:
    return RandomForestClassifier(trees, random_state=0)


def boosting() -> Any:
    return HistGradientBoostingClassifier(random_state=0)


def line() -> Any:
    return LogisticRegression(max_iter=1000)


def cancer(model: Any, narrow: bool = False) -> tuple[Any, Any]:
    x, y = models.cancer()
    x = x.astype("float32") if narrow else x
    return model.fit(x, (y == "malignant").astype(int)), x


def diabetes(model: Any) -> tuple[Any, Any]:
    x, y = load_diabetes(return_X_y=True)
    return model.fit(x, y), x


Made = Callable[[], tuple[Any, Any]]
SAME = ((0.0, 1e-5), (0, 0), Engine.ONNX)
#: Model; bounds of the worst difference (of a probability, else in standard deviations of the
#: predictions), of the rows beyond tolerance, and who serves it.
FIGURES: list[tuple[str, Made, tuple[float, float], tuple[int, int], Engine]] = [
    ("logistic regression, scaled", lambda: cancer(scaled(line())), *SAME),
    ("random forest of 100", lambda: cancer(forest()), *SAME),
    (
        "random forest of 100, scaled",
        lambda: cancer(scaled(forest())),
        (0.009, 0.02),
        (1, 5),
        Engine.ONNX,
    ),
    (
        "random forest of 100, regression, scaled",
        lambda: diabetes(scaled(RandomForestRegressor(100, random_state=0))),
        (0.03, 0.1),
        (60, 250),
        Engine.NATIVE,
    ),
    (
        "gradient boosting, scaled",
        lambda: cancer(scaled(GradientBoostingClassifier(random_state=0))),
        *SAME,
    ),
    ("histogram boosting", lambda: cancer(boosting()), *SAME),
    (
        "histogram boosting, scaled",
        lambda: cancer(scaled(boosting())),
        (0.02, 0.2),
        (40, 150),
        Engine.NATIVE,
    ),
    (
        "histogram boosting, scaled, on float32",
        lambda: cancer(scaled(boosting()), narrow=True),
        (5e-4, 0.02),
        (20, 120),
        Engine.NATIVE,
    ),
    (
        "histogram boosting, regression, scaled",
        lambda: diabetes(scaled(HistGradientBoostingRegressor(random_state=0))),
        (0.05, 0.4),
        (5, 40),
        Engine.NATIVE,
    ),
    ("XGBoost", lambda: cancer(xgboost.XGBClassifier(random_state=0)), *SAME),
    (
        "XGBoost, scaled",
        lambda: cancer(scaled(xgboost.XGBClassifier(random_state=0))),
        (0.1, 0.6),
        (20, 100),
        Engine.NATIVE,
    ),
    (
        "LightGBM, scaled",
        lambda: cancer(scaled(lightgbm.LGBMClassifier(random_state=0, verbose=-1))),
        *SAME,
    ),
]


def row(name: str, parity: Parity, engine: Engine) -> str:
    """One line of the page's table."""
    worst = parity.max_abs_diff * ATOL / parity.atol
    where = f", row {parity.worst_row}" if parity.rows_beyond else ""
    served = "ONNX Runtime" if engine is Engine.ONNX else "native"
    return (
        f"| {name} | {parity.rows} | {worst:.1g}{where} | {parity.rows_beyond} | "
        f"{parity.flipped} | {served} |"
    )


@pytest.mark.parametrize("figure", FIGURES, ids=[f[0] for f in FIGURES])
def test_the_effect_of_float32(figure: Any) -> None:
    name, make, (least, most), (few, many), engine = figure
    found = converted(*make())
    parity = found.parity
    assert parity is not None
    line = row(name, parity, found.engine)
    print(f"\n{line}")
    assert least <= parity.max_abs_diff * ATOL / parity.atol <= most, line
    assert few <= parity.rows_beyond <= many, line
    assert found.engine is engine, found.reason
    # no label flipped in any of these: the probabilities moved, the answers to callers did not
    assert parity.flipped == 0


def test_the_page_has_a_line_for_each() -> None:
    lines = PAGE.read_text().splitlines()
    for name, *_, engine in FIGURES:
        served = "ONNX Runtime" if engine is Engine.ONNX else "native"
        assert [x for x in lines if x.startswith(f"| {name} |") and x.endswith(f"| {served} |")]
