from __future__ import annotations

import hashlib
import json
import os
import pickle
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from jupyter_deploy._version import __version__
from jupyter_deploy.config import Paths
from jupyter_deploy.exceptions import ConflictError, UnsupportedModelError
from jupyter_deploy.packaging import build, convert, inspect_model
from jupyter_deploy.packaging.bento import MANIFEST_VERSION
from jupyter_deploy.packaging.hooks import Hooks
from jupyter_deploy.serving import packed
from jupyter_deploy.serving.signature import Signature
from jupyter_deploy.types import Engine, VersionSpec
from tests import models
from tests.packaging import cases


def pack(model: Any, sample: Any, engine: Any = "auto", version: str = "1.0.0") -> VersionSpec:
    return build(convert(inspect_model(model, sample), engine), name="churn", version=version)


def folder(spec: VersionSpec) -> Path:
    return Path(spec.bento_home, "bentos", spec.name, spec.version)


def bentoml(*args: str) -> str:
    return subprocess.run(
        [sys.executable, "-m", "bentoml", *args],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    ).stdout


def test_the_files_of_an_onnx_bento(paths: Paths) -> None:
    model, sample = models.logistic()
    spec = pack(model, sample)
    src = folder(spec) / "src"
    documents = {p.stem: json.loads(p.read_text()) for p in (src / "model").glob("*.json")}
    assert set(documents) == {"manifest", "signature", "parity", "provenance", "golden"}
    manifest = documents["manifest"]
    data = (src / "model" / "model.onnx").read_bytes()
    assert manifest["schema_version"] == MANIFEST_VERSION == packed.SCHEMA_VERSION
    assert (manifest["name"], manifest["version"]) == ("churn", "1.0.0")
    assert manifest["engine"] == "onnxruntime"
    assert manifest["package_version"] == __version__
    assert manifest["sha256"] == hashlib.sha256(data).hexdigest()
    assert manifest["sha256"] == spec.provenance.model_sha256
    assert len(manifest["warmup"]) == 1
    assert documents["signature"] == spec.signature
    assert Signature.from_json(documents["signature"]).classes == ("benign", "malignant")
    assert documents["parity"]["passed"] is True
    assert documents["provenance"]["serialization"] == "onnx"
    assert documents["provenance"]["model_type"] == "sklearn.pipeline.Pipeline"
    assert documents["provenance"]["sample_rows"] == 100
    (golden,) = documents["golden"]
    rows = [0, 25, 50, 74, 99]
    assert golden["response"]["predictions"] == model.predict(sample.iloc[rows]).tolist()
    np.testing.assert_allclose(
        golden["response"]["probabilities"], model.predict_proba(sample.iloc[rows]), atol=1e-6
    )
    assert golden["request"][0] == sample.iloc[0].to_dict()
    assert (src / "model_runtime" / "signature.py").exists()
    assert not list(src.rglob("__pycache__"))
    assert packed.Packed.read(src / "model").warmup == manifest["warmup"]


def test_a_native_bento_is_marked_so(paths: Paths) -> None:
    spec = pack(*cases.unconvertible())
    src = folder(spec) / "src"
    assert spec.engine is Engine.NATIVE
    assert spec.provenance.serialization == "cloudpickle"
    assert json.loads((src / "model" / "parity.json").read_text()) is None
    assert {"scikit-learn", "pandas", "cloudpickle"} <= set(spec.provenance.packages)
    with (src / "model" / "model.pkl").open("rb") as file:
        assert hasattr(pickle.load(file), "predict")  # noqa: S301


def double(rows: Any) -> Any:
    return rows * 2


def test_functions_around_a_model_are_files_of_their_own(paths: Paths) -> None:
    double.__module__ = "__main__"
    model, sample = models.ridge()
    inspected = inspect_model(model, sample, preprocess=double)
    spec = build(convert(inspected), name="churn", version="1.0.0")
    src = folder(spec) / "src"
    manifest = json.loads((src / "model" / "manifest.json").read_text())
    data = (src / "model" / "hooks.pkl").read_bytes()
    assert manifest["hooks"] == {"file": "hooks.pkl", "sha256": hashlib.sha256(data).hexdigest()}
    assert pickle.loads(data)["preprocess"](21) == 42  # noqa: S301
    read = packed.Packed.read(src / "model")
    assert read.hooks == src / "model" / "hooks.pkl"
    assert read.model_signature == inspected.model_signature
    assert read.modules is None
    assert spec.engine is Engine.ONNX
    assert "cloudpickle" in spec.provenance.packages


def test_without_functions_there_is_nothing_of_them(paths: Paths) -> None:
    src = folder(pack(*models.ridge())) / "src"
    assert json.loads((src / "model" / "manifest.json").read_text())["hooks"] is None
    names = {p.name for p in (src / "model").iterdir()}
    assert not {"hooks.pkl", "model_signature.json"} & names
    assert not (src / packed.MODULES).exists()
    read = packed.Packed.read(src / "model")
    assert (read.hooks, read.modules) == (None, None)
    assert read.model_signature == read.signature


def test_what_a_function_takes_along_is_named_as_its_own(paths: Paths) -> None:
    double.__module__ = "__main__"
    with pytest.MonkeyPatch.context() as patch, open(__file__, encoding="utf-8") as file:
        patch.setitem(double.__globals__, "rates", file)
        patch.setattr(double, "__code__", (lambda rows: rates).__code__)  # type: ignore[name-defined]  # noqa: F821
        inspected = inspect_model(lambda rows: rows[:, 0], np.ones((3, 2)))
        hooks = Hooks(double, None)
        with pytest.raises(UnsupportedModelError, match=r"'rates' that double\(\) uses is an open"):
            build(convert(replace(inspected, hooks=hooks)), name="churn", version="1.0.0")


def test_what_the_runtime_needs_is_locked_and_nothing_else(paths: Paths) -> None:
    spec = pack(*models.ridge())
    python = folder(spec) / "env" / "python"
    asked = (python / "requirements.in").read_text()
    assert asked.split() == [f"{n}=={v}" for n, v in spec.provenance.packages.items()]
    locked = (python / "requirements.txt").read_text()
    assert spec.provenance.lock == ""
    assert set(asked.split()) < set(locked.split())
    assert locked.count("--hash=sha256:") >= locked.count("==") > 40
    assert "scikit-learn" not in locked
    # the image knows the versions
    description = yaml.safe_load((folder(spec) / "bento.yaml").read_text())
    pins = description["image"]["python_requirements"].split()
    assert pins == [word for word in locked.split() if "==" in word]


def test_no_index_no_hashes_and_packed_all_the_same(
    paths: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    spec = pack(*models.ridge())
    assert "no hashes: the package index can't be reached" in spec.provenance.lock
    python = folder(spec) / "env" / "python"
    exact = [f"{n}=={v}" for n, v in spec.provenance.packages.items()]
    assert (python / "requirements.txt").read_text().split() == exact
    assert spec.bento in bentoml("list")


def test_bentomls_own_commands_take_it(paths: Paths, tmp_path: Path) -> None:
    spec = pack(*models.ridge())
    assert spec.bento in bentoml("list")
    shown = json.loads(bentoml("get", "churn:latest", "-o", "json"))
    assert (shown["name"], shown["version"]) == ("churn", "1.0.0")
    assert [route["route"] for route in shown["schema"]["routes"]] == ["/predict"]
    bentoml("export", spec.bento, str(tmp_path / "churn.bento"))
    bentoml("delete", "--yes", spec.bento)
    assert spec.bento not in bentoml("list")
    bentoml("import", str(tmp_path / "churn.bento"))
    assert spec.bento in bentoml("list")


STOCK = """
import sys, bentoml
from bentoml._internal import configuration
configuration.get_uv_command = lambda: ["uv"]  # would install it, and is not run
bentoml.bentos.build("service.py:svc", name="stock", version="1", build_ctx=sys.argv[1],
                     python={"packages": ["numpy"], "lock_packages": False})
"""


def test_it_is_laid_out_as_the_pinned_bentoml_does(paths: Paths, tmp_path: Path) -> None:
    spec = pack(*models.ridge())
    (tmp_path / "service.py").write_text(
        "import bentoml\n@bentoml.service(name='stock')\nclass svc:\n    pass\n"
    )
    subprocess.run([sys.executable, "-c", STOCK, str(tmp_path)], check=True, timeout=60)
    stock = Path(spec.bento_home, "bentos", "stock", "1")

    def files(bento: Path) -> set[str]:
        inside = {str(p.relative_to(bento)) for p in bento.rglob("*") if p.is_file()}
        return {p for p in inside if not p.startswith("src/")} | {"src/bentofile.yaml"} & inside

    def keys(bento: Path) -> set[str]:
        return set(yaml.safe_load((bento / "bento.yaml").read_text()))

    assert files(folder(spec)) == files(stock)
    assert keys(folder(spec)) == keys(stock)


def test_a_version_is_packed_once(paths: Paths) -> None:
    pack(*models.ridge())
    with pytest.raises(ConflictError):
        pack(*models.ridge())
    assert pack(*models.ridge(), version="1.1.0").version == "1.1.0"


def test_golden_requests_are_strict_json(paths: Paths) -> None:
    frame = pd.DataFrame(
        {"n": [np.nan, 1.0, np.inf], "i": pd.array([1, None, 3], "Int64"), "s": ["a", None, "c"]}
    )
    spec = pack(lambda rows: [float("nan")] * len(rows), frame)
    (golden,) = spec.golden
    assert golden.request == [{"n": None, "i": 1, "s": "a"}, {"n": 1.0, "i": None, "s": None}]
    assert golden.response == {"predictions": [None, None]}
    json.dumps(spec.model_dump(mode="json"), allow_nan=False)
    assert VersionSpec.model_validate_json(spec.model_dump_json()) == spec


def test_a_sample_full_of_infinities_still_packs(paths: Paths) -> None:
    spec = pack(lambda rows: np.ones(len(rows)), np.array([[np.inf, 2.0], [3.0, -np.inf]]))
    assert spec.golden == []
    manifest = json.loads((folder(spec) / "src" / "model" / "manifest.json").read_text())
    assert manifest["warmup"] == [{"x0": 3.0, "x1": 2.0}]


def test_a_model_that_answers_at_random_has_no_golden_request(paths: Paths) -> None:
    spec = pack(lambda rows: np.random.default_rng().random(len(rows)), np.ones((3, 1)))
    assert spec.golden == []


def test_packing_reports_to_nobody_and_leaves_the_kernel_alone(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BENTOML_DO_NOT_TRACK", raising=False)
    here, before = os.getcwd(), list(sys.path)
    pack(*models.ridge())
    assert os.environ["BENTOML_DO_NOT_TRACK"] == "true"
    assert (os.getcwd(), sys.path) == (here, before)
    assert not {"service", "model_runtime"} & set(sys.modules)
    monkeypatch.delenv("BENTOML_DO_NOT_TRACK", raising=False)


def test_packing_is_quick(paths: Paths) -> None:
    converted = convert(inspect_model(*models.forest()))
    build(converted, name="churn", version="1.0.0")
    start = time.process_time()
    build(converted, name="churn", version="1.1.0")
    assert time.process_time() - start < 1.0
