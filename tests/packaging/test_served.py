"""Packed Bentos are run by BentoML in processes of their own, away from this repository."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from jupyter_deploy.config import Paths
from jupyter_deploy.packaging import build, convert, inspect_model
from jupyter_deploy.types import Engine, VersionSpec
from tests import models
from tests.packaging import cases
from tests.packaging.served import assert_golden, post, serve

#: A notebook's cell: its functions and classes belong to ``__main__``.
CELL = """
import numpy as np

LIMIT = 10

def visitors(df):
    return np.where(df["visits"] > LIMIT, "often", "seldom")

class Blend:
    def __init__(self, model):
        self.model = model
        self.classes_ = model.classes_
    def predict_proba(self, df):
        return 0.9 * self.model.predict_proba(df) + 0.05
    def predict(self, df):
        return self.classes_[self.predict_proba(df).argmax(axis=1)]
"""


def cell(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "cell.py").write_text(CELL)
    return runpy.run_path(str(tmp_path / "cell.py"), run_name="__main__")


def pack(model: Any, sample: Any, engine: Any = "auto") -> VersionSpec:
    return build(convert(inspect_model(model, sample), engine), name="churn", version="1.0.0")


def test_onnx_with_columns_of_several_types(paths: Paths, tmp_path: Path) -> None:
    model, sample = cases.mixed()
    spec = pack(model, sample)
    assert spec.engine is Engine.ONNX
    with serve(spec, tmp_path) as url:
        assert_golden(url, spec)
        row = {"age (years)": None, "city": "Oslo", "visits": 3}
        expected = model.predict(pd.DataFrame([row]).astype({"age (years)": float}))
        assert post(url, row)["predictions"] == expected.tolist()


def test_a_pipeline_that_stays_native(paths: Paths, tmp_path: Path) -> None:
    spec = pack(*cases.unconvertible())
    assert spec.engine is Engine.NATIVE
    with serve(spec, tmp_path) as url:
        assert_golden(url, spec)


def test_a_function_of_a_notebook_cell(paths: Paths, tmp_path: Path) -> None:
    spec = pack(cell(tmp_path)["visitors"], cases.people()[0])
    with serve(spec, tmp_path) as url:
        assert_golden(url, spec)


def test_a_class_of_a_notebook_cell(paths: Paths, tmp_path: Path) -> None:
    model, sample = models.logistic()
    spec = pack(cell(tmp_path)["Blend"](model), sample)
    assert spec.engine is Engine.NATIVE
    with serve(spec, tmp_path) as url:
        assert_golden(url, spec)
        answer = post(url, sample.iloc[:2].to_dict("records"))
        assert answer["classes"] == ["benign", "malignant"]


def _environment(spec: VersionSpec, folder: Path) -> str:
    """A fresh environment with the Bento's own requirements and nothing else."""
    requirements = Path(spec.bento_home, "bentos", spec.name, spec.version, "env", "python")
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, timeout=120)
    python = str(folder / "bin" / "python")
    subprocess.run(
        [python, "-m", "pip", "install", "-q", "-r", str(requirements / "requirements.txt")],
        check=True,
        stderr=subprocess.DEVNULL,
        timeout=900,
    )
    found = subprocess.run(
        [python, "-I", "-c", "import jupyter_deploy"], capture_output=True, check=False, timeout=60
    )
    assert b"ModuleNotFoundError" in found.stderr
    return python


@pytest.mark.long
@pytest.mark.parametrize("engine", ["onnx", "native"])
def test_its_own_requirements_are_all_it_needs(paths: Paths, tmp_path: Path, engine: str) -> None:
    model, sample = models.logistic()
    spec = pack(model, sample, engine)
    python = _environment(spec, tmp_path / "env")
    path = f"{Path(python).parent}:/usr/bin:/bin"
    with serve(spec, tmp_path, python, path) as url:
        assert_golden(url, spec)
        answer = post(url, sample.to_dict("records"))
        assert answer["predictions"] == model.predict(sample).tolist()
        np.testing.assert_allclose(answer["probabilities"], model.predict_proba(sample), atol=1e-6)
