from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from jupyter_deploy.serving import engines
from jupyter_deploy.serving.packed import MODULES, SCHEMA_VERSION, Packed
from tests.serving import packs

SIGNATURE = packs.signature(packs.column("x"))


def read(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "manifest.json").read_text()))


def write(folder: Path, **changes: Any) -> None:
    (folder / "manifest.json").write_text(json.dumps({**read(folder), **changes}))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    model = packs.native(lambda rows: rows[:, 0])
    return packs.pack(tmp_path / "model", SIGNATURE, model, [{"x": 1.0}], "native")


@pytest.fixture
def hooked(folder: Path) -> Path:
    data = packs.native({"preprocess": None, "postprocess": None})
    (folder / "hooks.pkl").write_bytes(data)
    inner = packs.signature(packs.column("y"), layout="array")
    (folder / "model_signature.json").write_text(json.dumps(inner.to_json()))
    hooks = {"file": "hooks.pkl", "sha256": hashlib.sha256(data).hexdigest()}
    write(folder, schema_version=2, hooks=hooks)
    return folder


def test_a_manifest_of_the_first_version_has_no_hooks(folder: Path) -> None:
    write(folder, schema_version=1)
    packed = Packed.read(folder)
    packed.verify()
    assert (packed.hooks, packed.modules) == (None, None)
    assert packed.model_signature is packed.signature


def test_a_manifest_of_a_newer_version_is_refused(folder: Path) -> None:
    write(folder, schema_version=SCHEMA_VERSION + 1)
    with pytest.raises(ValueError, match="manifest has schema version 3"):
        Packed.read(folder)


def test_the_model_between_functions_has_a_signature_of_its_own(hooked: Path) -> None:
    packed = Packed.read(hooked)
    packed.verify()
    assert packed.hooks == hooked / "hooks.pkl"
    assert [c.name for c in packed.signature.inputs] == ["x"]
    assert [c.name for c in packed.model_signature.inputs] == ["y"]


@pytest.mark.parametrize("name", ["model.pkl", "hooks.pkl"])
def test_a_file_that_was_changed_is_never_loaded(hooked: Path, name: str) -> None:
    with (hooked / name).open("ab") as file:
        file.write(b" ")
    with pytest.raises(ValueError, match=f"{name} of churn .* is not the file that was packed"):
        engines.load(Packed.read(hooked))


def test_the_users_modules_are_found_before_all_others(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modules = folder.parent / MODULES
    modules.mkdir()
    packed = Packed.read(folder)
    assert packed.modules == modules
    monkeypatch.setattr(sys, "path", list(sys.path))
    for _ in range(2):
        engines.load(packed)
        assert sys.path[0] == str(modules)
    assert sys.path.count(str(modules)) == 1
