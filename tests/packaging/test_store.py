from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from jupyter_deploy.config import Paths
from jupyter_deploy.exceptions import ConflictError, PackagingError
from jupyter_deploy.packaging.store import add_to_store, bento_home
from tests.waiting import wait_for

PACKER = """
import signal, sys
from pathlib import Path
import numpy
from jupyter_deploy.packaging import bento, build, convert, inspect_model, store

module, name, moment, marker = sys.argv[1:]
module = {"bento": bento, "store": store}[module]
step = getattr(module, name)

def hold(*args, **kwargs):
    if moment == "after":
        step(*args, **kwargs)
    Path(marker).touch()
    while True:
        signal.pause()

setattr(module, name, hold)
inspected = inspect_model(lambda rows: rows[:, 0], numpy.ones((3, 2)))
build(convert(inspected), name="m", version="1.0.0")
"""


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


@pytest.mark.parametrize(
    ("module", "step", "moment"),
    [
        ("bento", "_write_source", "after"),
        ("bento", "_write_model", "after"),
        ("bento", "_write_description", "after"),
        ("store", "_publish", "before"),
        ("store", "_publish", "after"),
    ],
)
def test_a_kill_leaves_all_or_nothing(
    paths: Paths, tmp_path: Path, module: str, step: str, moment: str
) -> None:
    marker = tmp_path / "reached"
    with subprocess.Popen(
        [sys.executable, "-c", PACKER, module, step, moment, str(marker)]
    ) as packer:
        try:
            wait_for(marker.exists, 60, f"the packer to reach {step}")
        finally:
            packer.kill()
    home = bento_home()
    complete = (step, moment) == ("_publish", "after")
    assert listed(home) == (["m:1.0.0"] if complete else [])
    assert leftovers(home)
    if complete:
        with pytest.raises(ConflictError):
            add_to_store(home, "m", "1.0.0", write)
    add_to_store(home, "m", "1.1.0" if complete else "1.0.0", write)
    assert not leftovers(home)


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_an_interrupt_leaves_nothing(paths: Paths, error: type[BaseException]) -> None:
    def interrupted(folder: Path) -> None:
        write(folder)
        raise error

    with pytest.raises(error):
        add_to_store(bento_home(), "m", "1.0.0", interrupted)
    assert not list((bento_home() / "bentos").iterdir())
    assert not leftovers(bento_home())


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
