"""Fixtures shared by all tests: an installation of its own, and nothing left running after it."""

from __future__ import annotations

import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from jupyter_deploy.config import Paths
from jupyter_deploy.config import paths as current_paths
from tests.waiting import wait_for


def _owned_by(paths: Paths) -> list[psutil.Process]:
    """Processes whose environment names this installation (workers, gateway, controller)."""
    mark = f"JUPYTER_DEPLOY_HOME={paths.home}"
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            environ = Path(f"/proc/{process.pid}/environ").read_bytes().split(b"\0")
            if process.pid != psutil.Process().pid and mark.encode() in environ:
                found.append(process)
    return found


def reap(paths: Paths) -> None:
    """Kill every process of an installation and wait until none is left.

    More than once round: what brings others back (the controller, its guard) may have started
    one after the list was made.
    """

    def none_left() -> bool:
        processes = _owned_by(paths)
        for process in processes:
            with suppress(psutil.Error):
                process.send_signal(signal.SIGKILL)
        psutil.wait_procs(processes, timeout=10)
        return not processes

    wait_for(none_left, 30, "every process of the installation to end")


@pytest.fixture(scope="session")
def _environment() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENTOML_DO_NOT_TRACK", "true")
        patch.delenv("JUPYTER_TOKEN", raising=False)
        yield patch


def _install(patch: pytest.MonkeyPatch) -> tuple[Path, Paths]:
    # short, since a Unix socket's path has 108 bytes at most
    root = Path(tempfile.mkdtemp(prefix="jd"))
    for variable, folder in {
        "JUPYTER_DEPLOY_HOME": "home",
        "JUPYTER_DEPLOY_RUNTIME": "run",
        "BENTOML_HOME": "bento",
        "JUPYTER_CONFIG_DIR": "jconfig",
        "JUPYTER_DATA_DIR": "jdata",
        "JUPYTER_RUNTIME_DIR": "jrun",
        "IPYTHONDIR": "ipython",
    }.items():
        patch.setenv(variable, str(root / folder))
    return root, current_paths().ensure()


@pytest.fixture
def paths(_environment: pytest.MonkeyPatch) -> Iterator[Paths]:
    """An installation of the test's own; every process of it is killed at the end."""
    with pytest.MonkeyPatch.context() as patch:
        root, paths = _install(patch)
        yield paths
        reap(paths)
        shutil.rmtree(root, ignore_errors=True)


@pytest.fixture(scope="module")
def shared_paths(_environment: pytest.MonkeyPatch) -> Iterator[Paths]:
    """One installation for all tests of a module."""
    with pytest.MonkeyPatch.context() as patch:
        root, paths = _install(patch)
        yield paths
        reap(paths)
        shutil.rmtree(root, ignore_errors=True)
