from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from jupyter_deploy.config import Paths
from jupyter_deploy.exceptions import ConflictError, PackagingError
from jupyter_deploy.packaging import store
from jupyter_deploy.packaging.store import add_to_store, bento_home
from tests.waiting import wait_for

#: Packs a model with hooks and a module of the user's, and holds still at one step of it.
PACKER = """
import signal, sys
from importlib import import_module
from pathlib import Path
import numpy
from jupyter_deploy.packaging import build, convert, inspect_model

module, name, moment, marker, project = sys.argv[1:]
owner = import_module(f"jupyter_deploy.packaging.{module}")
*above, name = name.split(".")
for part in above:
    owner = getattr(owner, part)
step = getattr(owner, name)

def hold(*args, **kwargs):
    if moment == "after":
        step(*args, **kwargs)
    Path(marker).touch()
    while True:
        signal.pause()

setattr(owner, name, hold)
sys.path.insert(0, project)
import shop
inspected = inspect_model(shop.predict, numpy.ones((3, 2)), preprocess=lambda rows: rows * 2)
build(convert(inspected), name="m", version="1.0.0")
"""

#: Every step of packing that leaves something, with the module that calls it.
STEPS = [
    ("dependencies.resolver", "Run.wait", "before"),
    ("bento", "_write_source", "after"),
    ("bento", "_write_modules", "after"),
    ("bento", "_write_hooks", "after"),
    ("bento", "write_description", "after"),
    ("bento", "_write_json", "after"),
    ("store", "_publish", "before"),
    ("store", "_publish", "after"),
]


def listed(home: Path) -> list[str]:
    """What the user's own ``bentoml list`` shows."""
    done = subprocess.run(
        [sys.executable, "-m", "bentoml", "list", "-o", "json"],
        env={**os.environ, "BENTOML_HOME": str(home)},
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return [bento["tag"] for bento in json.loads(done.stdout or "[]")]


def leftovers(home: Path) -> list[str]:
    return [p.name for p in (home / "tmp").iterdir() if not p.name.startswith(".")]


def write(folder: Path) -> None:
    (folder / "bento.yaml").write_text("name: m")


@contextmanager
def held(folder: Path, module: str, step: str, moment: str) -> Iterator[subprocess.Popen[bytes]]:
    """A packer that has come to a step and stays there."""
    project = folder / "project"
    project.mkdir()
    (project / "shop.py").write_text("def predict(rows):\n    return rows[:, 0]\n")
    marker = folder / "reached"
    arguments = [module, step, moment, str(marker), str(project)]
    temporary = folder / "tmp"
    temporary.mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", PACKER, *arguments],
        env={**os.environ, "TMPDIR": str(temporary)},
        stderr=subprocess.PIPE,
    ) as packer:
        try:
            wait_for(lambda: marker.exists() or packer.poll() is not None, 60, step)
            assert packer.poll() is None, packer.stderr and packer.stderr.read().decode()
            yield packer
        finally:
            packer.kill()
    assert not list(temporary.iterdir())


@pytest.mark.parametrize(("module", "step", "moment"), STEPS)
def test_a_kill_leaves_all_or_nothing(
    paths: Paths, tmp_path: Path, module: str, step: str, moment: str
) -> None:
    with held(tmp_path, module, step, moment):
        pass
    home = bento_home()
    complete = (step, moment) == ("_publish", "after")
    assert listed(home) == (["m:1.0.0"] if complete else [])
    if module != "dependencies.resolver":
        assert leftovers(home)
    if complete:
        with pytest.raises(ConflictError):
            add_to_store(home, "m", "1.0.0", write)
    add_to_store(home, "m", "1.1.0" if complete else "1.0.0", write)
    assert not leftovers(home)


@pytest.mark.parametrize(("module", "step", "moment"), STEPS[::3])
def test_an_interrupt_leaves_nothing_at_once(
    paths: Paths, tmp_path: Path, module: str, step: str, moment: str
) -> None:
    with held(tmp_path, module, step, moment) as packer:
        children = psutil.Process(packer.pid).children()
        packer.send_signal(signal.SIGINT)
        packer.wait(30)
        assert packer.stderr is not None
        assert b"KeyboardInterrupt" in packer.stderr.read()
    assert not any(child.is_running() for child in children)
    home = bento_home()
    assert not list(home.glob("bentos/*"))
    assert not home.exists() or not leftovers(home)


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_an_interrupt_leaves_nothing(paths: Paths, error: type[BaseException]) -> None:
    def interrupted(folder: Path) -> None:
        write(folder)
        raise error

    with pytest.raises(error):
        add_to_store(bento_home(), "m", "1.0.0", interrupted)
    assert not list((bento_home() / "bentos").iterdir())
    assert not leftovers(bento_home())


@pytest.mark.parametrize("step", ["rename", "replace", "done"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_a_name_is_given_with_latest_or_not_at_all(
    paths: Paths, monkeypatch: pytest.MonkeyPatch, error: type[BaseException], step: str
) -> None:
    bentos = bento_home() / "bentos" / "m"
    publish = store._publish

    def fails(*_: object) -> None:
        raise error

    def too_late(staging: Path, target: Path) -> None:
        publish(staging, target)
        raise error

    for before in (None, "1.0.0"):
        with monkeypatch.context() as patch:
            if step == "done":
                patch.setattr(store, "_publish", too_late)
            else:
                # the second one is the way back
                calls = iter([fails, getattr(os, step)])

                def in_turn(*names: Path, calls: Any = calls) -> None:
                    next(calls)(*names)

                patch.setattr(os, step, in_turn)
            with pytest.raises((KeyboardInterrupt, PackagingError)):
                add_to_store(bento_home(), "m", "1.1.0", write)
        found = sorted(p.name for p in bentos.iterdir()) if bentos.exists() else None
        assert found == ([before, "latest"] if before else None)
        assert before is None or (bentos / "latest").read_text() == before
        assert not leftovers(bento_home())
        add_to_store(bento_home(), "m", "1.0.0", write) if before is None else None
    assert (add_to_store(bento_home(), "m", "1.1.0", write) / "bento.yaml").exists()
    assert (bentos / "latest").read_text() == "1.1.0"


def test_a_version_never_changes(paths: Paths) -> None:
    add_to_store(bento_home(), "m", "1.0.0", write)
    with pytest.raises(ConflictError, match=r"has m:1\.0\.0 already"):
        add_to_store(bento_home(), "m", "1.0.0", lambda folder: pytest.fail("was written"))


def test_two_builders_of_one_version_at_once(paths: Paths) -> None:
    def overtaken(folder: Path) -> None:
        write(folder)
        add_to_store(bento_home(), "m", "1.0.0", write)

    with pytest.raises(ConflictError):
        add_to_store(bento_home(), "m", "1.0.0", overtaken)
    assert (bento_home() / "bentos" / "m" / "1.0.0" / "bento.yaml").exists()
    assert not leftovers(bento_home())


def test_a_builder_at_work_is_not_swept_away(paths: Paths) -> None:
    def slow(folder: Path) -> None:
        add_to_store(bento_home(), "other", "1.0.0", write)
        write(folder)

    assert (add_to_store(bento_home(), "m", "1.0.0", slow) / "bento.yaml").exists()


def test_the_empty_folder_of_an_interrupted_bentoml_is_no_version(paths: Paths) -> None:
    (bento_home() / "bentos" / "m" / "1.0.0").mkdir(parents=True)
    assert (add_to_store(bento_home(), "m", "1.0.0", write) / "bento.yaml").exists()


def test_files_are_private_and_latest_points_to_the_newest(paths: Paths) -> None:
    for version in ("1.0.0", "1.1.0"):
        bento = add_to_store(bento_home(), "m", version, write)
    assert bento.stat().st_mode & 0o777 == 0o700
    assert (bento / "bento.yaml").stat().st_mode & 0o777 == 0o600
    assert (bento.parent / "latest").read_text() == "1.1.0"


def test_a_store_that_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PackagingError, match="could not be written") as caught:
        add_to_store(tmp_path / "file", "m", "1.0.0", write)
    assert "BENTOML_HOME" in caught.value.hint


def test_the_store_is_where_bentoml_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/somewhere")
    monkeypatch.delenv("BENTOML_HOME", raising=False)
    assert bento_home() == Path("/somewhere/bentoml")
    monkeypatch.setenv("BENTOML_HOME", "$HOME/else")
    assert bento_home() == Path("/somewhere/else")
