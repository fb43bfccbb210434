from __future__ import annotations

from importlib import metadata

import pytest

from jupyter_deploy.exceptions import PackagingError
from jupyter_deploy.packaging import requirements
from jupyter_deploy.packaging.requirements import distributions_of, is_installed, lines, pin
from jupyter_deploy.types import Engine

RUNTIME = {"bentoml", "httptools", "numpy", "orjson", "prometheus-client", "uvloop"}


def test_onnx_needs_the_runtime_only() -> None:
    pins = pin(Engine.ONNX, "dataframe", {"sklearn"})
    assert set(pins) == RUNTIME | {"onnxruntime"}
    assert all(metadata.version(name) == version for name, version in pins.items())


def test_a_native_model_needs_what_it_imports() -> None:
    assert set(pin(Engine.NATIVE, "array", {"sklearn", "json"})) == RUNTIME | {
        "cloudpickle",
        "scikit-learn",
    }
    assert "pandas" in pin(Engine.NATIVE, "dataframe")


def test_requirements_are_exact() -> None:
    assert lines({"a": "1.0", "b": "2"}) == ["a==1.0", "b==2"]


def test_a_missing_requirement_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requirements, "RUNTIME", ("no-such-thing",))
    with pytest.raises(PackagingError, match="no-such-thing is needed by every packed model"):
        pin(Engine.ONNX, "array")


def test_owners() -> None:
    assert distributions_of("sklearn") == ("scikit-learn",)
    assert is_installed("json")
    assert is_installed("sys")
    assert not is_installed("tests")
