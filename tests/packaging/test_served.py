"""Packed Bentos are run by BentoML in processes of their own, away from this repository."""

from __future__ import annotations

import importlib
import json
import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from jupyter_deploy.config import Paths
from jupyter_deploy.packaging import build, convert, inspect_model
from jupyter_deploy.packaging.dependencies.indexes import uv_environment
from jupyter_deploy.packaging.dependencies.resolver import find_uv
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


#: A package of the user's, with a data file, and a module that is imported when a row comes.
SHOP = {
    "shop/__init__.py": "",
    "shop/names.py": "import json\nfrom pathlib import Path\n\n"
    'NAMES = json.loads(Path(__file__).with_name("names.json").read_text())\n',
    "shop/names.json": '{"yes": "stays", "no": "leaves"}',
    "shop/wrap.py": """
from .names import NAMES

class Named:
    def __init__(self, model):
        self.model = model
    def predict(self, df):
        import shop_late
        return shop_late.flat([NAMES[label] for label in self.model.predict(df)])
""",
    "shop_late.py": "import numpy as np\n\ndef flat(names):\n    return np.array(names)\n",
}


def with_own_modules(folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, pd.DataFrame]:
    """A model of classes in files of the user's, in a notebook that has forgotten them since."""
    for name, text in SHOP.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    monkeypatch.syspath_prepend(str(folder))
    for name in ("shop", "shop.names", "shop.wrap", "shop_late"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    model, sample = cases.unconvertible()
    return importlib.import_module("shop.wrap").Named(model), sample


def test_modules_of_the_users_own(
    paths: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        spec = pack(*with_own_modules(tmp_path / "project", patch))
    shutil.rmtree(tmp_path / "project")
    assert spec.provenance.modules == ["shop", "shop_late"]
    with serve(spec, tmp_path) as url:
        assert_golden(url, spec)
        row = {"age (years)": 20.0, "city": "Oslo", "visits": 3}
        assert post(url, row)["predictions"][0] in {"stays", "leaves"}


def test_functions_around_the_model(
    paths: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hooks need modules of the user's too; the model between them runs as ONNX."""
    with monkeypatch.context() as patch:
        with_own_modules(tmp_path / "project", patch)
        names = importlib.import_module("shop.names").NAMES
        around = {"names": names, "late": importlib.import_module("shop_late")}
        exec("def after(labels):\n    return late.flat([names[n] for n in labels])", around)  # noqa: S102
        around["after"].__module__ = "__main__"
        inspected = inspect_model(*cases.mixed(), postprocess=around["after"])
        spec = build(convert(inspected, "onnx"), name="churn", version="1.0.0")
    shutil.rmtree(tmp_path / "project")
    assert spec.engine is Engine.ONNX
    assert spec.provenance.modules == ["shop_late"]
    with serve(spec, tmp_path) as url:
        assert_golden(url, spec)


def _environment(spec: VersionSpec, folder: Path, how: list[str]) -> str:
    """A fresh environment with what the Bento's lock says and nothing else."""
    requirements = Path(spec.bento_home, "bentos", spec.name, spec.version, "env", "python")
    python = str(folder / "bin" / "python")
    uv = [find_uv() or "uv"]
    install = [*uv, "pip", *how, str(requirements / "requirements.txt"), "--python", python]
    for command in ([*uv, "venv", "-q", "--python", sys.executable, str(folder)], install):
        subprocess.run(command, check=True, env=uv_environment(os.environ), timeout=900)
    found = subprocess.run(
        [python, "-I", "-c", "import jupyter_deploy"], capture_output=True, check=False, timeout=60
    )
    assert b"ModuleNotFoundError" in found.stderr
    return python


@pytest.mark.long
@pytest.mark.parametrize(
    ("engine", "how"),
    [
        ("onnx", ["install", "-q", "--require-hashes", "-r"]),
        ("native", ["sync", "-q", "--require-hashes"]),
    ],
)
def test_its_own_lock_is_all_it_needs(
    paths: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: str, how: list[str]
) -> None:
    if engine == "native":
        with monkeypatch.context() as patch:
            model, sample = with_own_modules(tmp_path / "project", patch)
            spec = pack(model, sample, engine)
        shutil.rmtree(tmp_path / "project")
    else:
        model, sample = models.logistic()
        spec = pack(model, sample, engine)
    assert not spec.provenance.lock
    python = _environment(spec, tmp_path / "env", how)
    path = f"{Path(python).parent}:/usr/bin:/bin"
    with serve(spec, tmp_path, python, path) as url:
        assert_golden(url, spec)
        answer = post(url, json.loads(sample.to_json(orient="records")))
        assert len(answer["predictions"]) == len(sample)
        if engine == "onnx":
            assert answer["predictions"] == model.predict(sample).tolist()
            expected = model.predict_proba(sample)
            np.testing.assert_allclose(answer["probabilities"], expected, atol=1e-6)


@pytest.mark.long
def test_pip_takes_the_lock_too(paths: Paths, tmp_path: Path) -> None:
    spec = pack(*models.logistic())
    requirements = Path(spec.bento_home, "bentos", spec.name, spec.version, "env", "python")
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "env")], check=True, timeout=120)
    python = str(tmp_path / "env" / "bin" / "python")
    install = ["-m", "pip", "install", "-q", "--require-hashes", "--dry-run", "-r"]
    command = [python, *install, str(requirements / "requirements.txt")]
    subprocess.run(command, check=True, timeout=900)
