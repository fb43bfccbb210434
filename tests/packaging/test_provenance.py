from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import start_new_kernel

from jupyter_deploy.config import Paths
from jupyter_deploy.packaging import build, convert, inspect_model, provenance
from jupyter_deploy.packaging.provenance import Steps, git_state, notebook
from jupyter_deploy.types import GitState, Notebook
from tests import models


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=a", "-c", "user.email=a@b")
    return subprocess.run(
        ["git", *identity, "-C", str(folder), *arguments],
        check=True,
        capture_output=True,
        text=True,
        timeout=30,
    ).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "--quiet", "--initial-branch=trunk")
    return tmp_path


def test_a_repository_from_its_first_day(repository: Path) -> None:
    assert git_state(str(repository)) == GitState(commit=None, branch="trunk", dirty=False)
    (repository / "below").mkdir()
    (repository / "below" / "train.py").write_text("a")
    below = str(repository / "below")
    # a file that was not added is not in any commit
    assert git_state(below) == GitState(commit=None, branch="trunk", dirty=True)
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "first")
    commit = git(repository, "rev-parse", "HEAD")
    assert git_state(below) == GitState(commit=commit, branch="trunk", dirty=False)
    (repository / "below" / "train.py").write_text("b")
    assert git_state(below) == GitState(commit=commit, branch="trunk", dirty=True)
    git(repository, "checkout", "-q", "--detach", "--force", "HEAD")
    assert git_state(below) == GitState(commit=commit, branch=None, dirty=False)


def test_no_repository_no_git_and_no_folder(
    tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert git_state("/") is None
    assert git_state(str(tmp_path / "gone")) is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git_state(str(repository)) is None


def test_a_slow_git_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, repository: Path
) -> None:
    slow = tmp_path / "bin" / "git"
    slow.parent.mkdir()
    slow.write_text("#!/bin/sh\nexec cat /dev/zero >/dev/null\n")
    slow.chmod(0o700)
    monkeypatch.setenv("PATH", f"{slow.parent}:{os.environ['PATH']}")
    monkeypatch.setattr(provenance, "GIT_SECONDS", 0.2)
    assert git_state(str(repository)) is None


def test_the_users_repository_is_left_alone(repository: Path) -> None:
    """No lock file that would stop a commit elsewhere, and no program of its settings is run."""
    marker = repository / "ran"
    git(repository, "config", "core.fsmonitor", f"touch {marker}")
    (repository / ".git" / "index.lock").touch()
    assert git_state(str(repository)) is not None
    assert not marker.exists()


def test_outside_of_a_kernel_there_is_no_notebook() -> None:
    assert notebook() is None


CELL = """
from jupyter_deploy.packaging.provenance import notebook
print(notebook().model_dump_json())
"""


@pytest.fixture(scope="module")
def client(shared_paths: Paths) -> Iterator[BlockingKernelClient]:
    root = Path(__file__).parents[2]
    environ = {**os.environ, "PYTHONPATH": str(root)}
    environ.pop("JPY_SESSION_NAME", None)
    manager, client = start_new_kernel(kernel_name="python3", env=environ)
    yield client
    client.stop_channels()
    manager.shutdown_kernel(now=True)
    manager.cleanup_resources()


def run(client: BlockingKernelClient, code: str, metadata: dict[str, Any] | None = None) -> str:
    """Execute as a front end does, with the metadata that it sends along."""
    content = {"code": code, "silent": False, "store_history": True, "allow_stdin": False}
    message = client.session.msg("execute_request", content, metadata=metadata)
    client.shell_channel.send(message)
    text = ""
    while True:
        said = client.get_iopub_msg(timeout=60)
        if said["parent_header"].get("msg_id") != message["header"]["msg_id"]:
            continue
        assert said["msg_type"] != "error", said["content"]
        text += said["content"].get("text", "")
        if said["content"].get("execution_state") == "idle":
            return text


def test_the_cell_that_packs(client: BlockingKernelClient) -> None:
    # papermill and nbclient name neither the notebook nor the cell
    first = Notebook.model_validate_json(run(client, CELL))
    assert first == Notebook(path=None, cell=None, execution=first.execution)
    run(client, "import os; os.environ['JPY_SESSION_NAME'] = 'work/churn.ipynb'")
    found = Notebook.model_validate_json(run(client, CELL, {"cellId": "ab12"}))
    assert found.path == "work/churn.ipynb"
    assert found.cell == "ab12"
    assert first.execution is not None
    assert found.execution == first.execution + 2
    run(client, "del os.environ['JPY_SESSION_NAME']; __vsc_ipynb_file__ = '/home/me/churn.ipynb'")
    assert Notebook.model_validate_json(run(client, CELL)).path == "/home/me/churn.ipynb"


def test_all_of_a_versions_origin(
    paths: Paths, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(repository)
    model, sample = models.ridge()
    converted = convert(inspect_model(model, sample))
    spec = build(converted, name="m", version="1.0.0", seconds={"inspect": 1.5, "convert": 0.5})
    found = spec.provenance
    file = Path(spec.bento_home, "bentos", "m", "1.0.0", "src", "model")
    assert json.loads((file / "provenance.json").read_text()) == found.model_dump(mode="json")
    data = (file / "model.onnx").read_bytes()
    assert (found.model_sha256, found.model_bytes) == (hashlib.sha256(data).hexdigest(), len(data))
    assert (found.sample_rows, found.sample_columns) == (100, 10)
    assert found.source == GitState(commit=None, branch="trunk", dirty=False)
    assert found.notebook is None
    assert (found.python, found.platform) == (platform.python_version(), platform.platform())
    assert (found.modules, found.notes, found.lock) == ([], [], "")
    steps = ["pickle", "requirements", "lock", "golden", "provenance", "describe", "write"]
    assert list(found.seconds) == ["inspect", "convert", *steps]
    assert found.seconds["inspect"] == 1.5
    assert all(0 <= found.seconds[step] < 60 for step in steps)


def test_the_hash_of_a_sample_is_of_its_values(paths: Paths) -> None:
    hashes = set()
    for version, sample in enumerate([np.ones((2, 2)), np.ones((2, 2)), np.zeros((2, 2))]):
        inspected = inspect_model(lambda rows: rows[:, 0], sample)
        spec = build(convert(inspected), name="m", version=f"1.{version}.0")
        hashes.add(spec.provenance.sample_sha256)
    assert len(hashes) == 2


def test_steps_add_up_and_count_what_fails() -> None:
    steps = Steps({"before": 1.0})
    with steps("a"):
        pass
    with pytest.raises(ZeroDivisionError), steps("a"):
        1 / 0  # noqa: B018
    assert set(steps.seconds) == {"before", "a"}
    assert 0 <= steps.seconds["a"] < 1
