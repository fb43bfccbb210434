"""What is shipped to the browser, and how it is built."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from jupyter_deploy import __version__
from tests.ui.conftest import LABEXTENSION, ROOT


def test_the_bundle_is_small() -> None:
    scripts = list((LABEXTENSION / "static").glob("*.js"))
    assert len(scripts) >= 3
    size = sum(script.stat().st_size for script in scripts)
    assert size <= 100_000, "of a development bundle? `pip install .` or `jlpm build:prod` mends it"


def test_panel_and_package_are_of_one_version() -> None:
    for package in (ROOT / "labextension" / "package.json", LABEXTENSION / "package.json"):
        assert json.loads(package.read_text())["version"] == __version__, package


def test_the_lock_names_no_registry() -> None:
    assert "http" not in (ROOT / "labextension" / "yarn.lock").read_text()


class Builder:
    """Stands in for jlpm: leaves a bundle, and counts."""

    def __init__(self, root: Path) -> None:
        self.commands: list[str] = []
        self._bundle = root / "jupyter_deploy" / "labextension"

    def __call__(self, *_: Any, build_cmd: str, **__: Any) -> None:
        self.commands.append(build_cmd)
        (self._bundle / "static").mkdir(parents=True)
        (self._bundle / "static" / "remoteEntry.js").write_text("for production")


@pytest.fixture
def builder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Builder:
    (tmp_path / "labextension" / "src").mkdir(parents=True)
    for name in ("src/index.ts", "package.json", "yarn.lock", "tsconfig.json"):
        (tmp_path / "labextension" / name).write_text(name)
    builder = Builder(tmp_path)
    # hatchling is there while pip builds, not while tests run
    interface = ModuleType("interface")
    interface.BuildHookInterface = object  # type: ignore[attr-defined]
    tool = ModuleType("hatch_jupyter_builder")
    tool.npm_builder = builder  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "hatchling.builders.hooks.plugin.interface", interface)
    monkeypatch.setitem(sys.modules, "hatch_jupyter_builder", tool)
    monkeypatch.setenv("PATH", "")  # no Node, and restored after the hook has changed it
    monkeypatch.delenv("SKIP_JUPYTER_BUILDER", raising=False)
    return builder


@pytest.fixture
def hook(builder: Builder, tmp_path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(
        "hatch_build", ROOT / "labextension" / "hatch_build.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    hook = module.CustomBuildHook()
    hook.root, hook.target_name = str(tmp_path), "wheel"
    return hook


def test_a_fresh_bundle_is_not_built_again(hook: Any, builder: Builder) -> None:
    assert any("nodejs" in needed for needed in hook.dependencies())
    hook.initialize("standard", {})
    hook.initialize("standard", {})
    hook.initialize("editable", {})
    assert builder.commands == ["build:prod"]
    assert not any("nodejs" in needed for needed in hook.dependencies())


def test_an_edited_source_is_built_again(hook: Any, builder: Builder, tmp_path: Path) -> None:
    hook.initialize("standard", {})
    (tmp_path / "labextension" / "src" / "index.ts").write_text("edited")
    hook.initialize("standard", {})
    assert builder.commands == ["build:prod", "build:prod"]


def test_a_development_bundle_does_not_get_into_a_wheel(
    hook: Any, builder: Builder, tmp_path: Path
) -> None:
    hook.initialize("editable", {})
    script = tmp_path / "jupyter_deploy" / "labextension" / "static" / "remoteEntry.js"
    script.write_text("for development")  # as `jlpm watch` does
    hook.initialize("standard", {})
    assert builder.commands == ["build:prod", "build:prod"]
    assert script.read_text() == "for production"
