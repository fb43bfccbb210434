from __future__ import annotations

import json
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from jupyter_deploy.exceptions import PackagingError
from jupyter_deploy.packaging.dependencies import requirements
from jupyter_deploy.packaging.dependencies.requirements import Requirement, pin
from jupyter_deploy.serving.signature import Column, Signature
from jupyter_deploy.types import Engine

RUNTIME = {"bentoml", "httptools", "numpy", "orjson", "prometheus-client", "uvloop"}


def signature(layout: str, dtype: str = "float64") -> Signature:
    return Signature(layout, "other", (Column("x", dtype, "number"),), (), None, {})  # type: ignore[arg-type]


def names(found: list[Requirement]) -> set[str]:
    return {r.name for r in found}


def test_onnx_needs_the_runtime_only() -> None:
    found = pin(Engine.ONNX, [signature("dataframe")], {"sklearn.linear_model"})
    assert names(found) == RUNTIME | {"onnxruntime"}
    assert all(metadata.version(r.name) == r.version for r in found)
    assert [r.name for r in found] == sorted(names(found))


def test_a_native_model_needs_what_it_imports() -> None:
    found = pin(Engine.NATIVE, [signature("array")], {"sklearn.linear_model._ridge", "json"})
    assert names(found) == RUNTIME | {"cloudpickle", "scikit-learn"}


@pytest.mark.parametrize(
    ("layout", "dtype", "more"),
    [
        ("dataframe", "float64", {"pandas"}),
        ("polars", "Float64", {"polars"}),
        ("records", "float64", set()),
        ("tensors", "float32", set()),
    ],
)
def test_rows_need_their_library(layout: str, dtype: str, more: set[str]) -> None:
    found = pin(Engine.NATIVE, [signature(layout, dtype)])
    assert names(found) == RUNTIME | {"cloudpickle"} | more


def test_hooks_beside_an_onnx_model_need_what_python_code_needs() -> None:
    found = pin(Engine.ONNX, [signature("dataframe")], {"lightgbm.sklearn"}, python=True)
    assert names(found) == RUNTIME | {"cloudpickle", "lightgbm", "onnxruntime", "pandas"}


def test_requirements_are_exact() -> None:
    assert Requirement("a", "1.0+cpu").line == "a==1.0+cpu"
    source = "git+https://host/a.git@0123"
    assert Requirement("a", "1.0", source).line == f"a @ {source}"


def test_a_missing_requirement_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requirements, "RUNTIME", ("no-such-thing",))
    with pytest.raises(PackagingError, match="no-such-thing is needed by the packed model") as told:
        pin(Engine.ONNX)
    assert f"{sys.executable} -m pip install no-such-thing" in told.value.hint


REPOSITORY = """
from jupyter_deploy.packaging.dependencies.requirements import pin
from jupyter_deploy.types import Engine
(found,) = [r for r in pin(Engine.NATIVE, (), ["gitty"]) if r.name == "git-ty"]
print(found.line)
"""


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://host/me/ty.git", "https://host/me/ty.git"),
        ("https://token:secret@host/me/ty.git", "https://host/me/ty.git"),
        ("https://secret@host/me/ty.git", "https://host/me/ty.git"),
        ("ssh://git@host/me/ty.git", "ssh://git@host/me/ty.git"),
    ],
)
def test_what_came_from_a_repository_is_named_by_its_commit(
    tmp_path: Path, url: str, shown: str
) -> None:
    (tmp_path / "gitty.py").write_text("")
    info = tmp_path / "Git_ty-0.3.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: Git_ty\nVersion: 0.3\n")
    (info / "RECORD").write_text("gitty.py,,\nGit_ty-0.3.dist-info/METADATA,,\n")
    (info / "direct_url.json").write_text(
        json.dumps({"url": url, "vcs_info": {"vcs": "git", "commit_id": "c0ffee"}})
    )
    code = f"import sys; sys.path.append({str(tmp_path)!r})\n{REPOSITORY}"
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.strip() == f"git-ty @ git+{shown}@c0ffee"
