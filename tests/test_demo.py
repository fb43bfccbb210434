"""The demo, as the README has it: the notebook runs, and what is printed works when pasted."""

from __future__ import annotations

import io
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

import jupyter_deploy as jd
from jupyter_deploy import demo
from jupyter_deploy.config import Paths
from jupyter_deploy.types import DeploymentState

ROOT = Path(__file__).parents[1]


def test_the_demo(paths: Paths) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "jupyter_deploy", "demo"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=180,
    )
    assert done.returncode == 0, done.stderr
    stages = [line for line in done.stdout.splitlines() if line.startswith("✓ ")]
    assert len(stages) >= 4
    assert all(line.endswith(" s") for line in stages)
    (info,) = jd_list(paths)
    assert info["state"] == "running"
    assert f"jupyter model-deploy stop {info['name']}" in done.stdout
    (line,) = [row for row in done.stdout.splitlines() if row.strip().startswith("curl ")]
    pasted = subprocess.run(
        shlex.split(line), capture_output=True, text=True, check=True, timeout=30
    )
    assert json.loads(pasted.stdout)["predictions"]

    executed = paths.home / "demo" / "quickstart.ipynb"
    assert str(executed) in done.stdout
    notebook = nbformat.read(executed, as_version=4)
    nbformat.validate(notebook)
    assert set(notebook.metadata) == {"kernelspec", "language_info", "papermill"}
    assert all(c.outputs or c.execution_count for c in notebook.cells if c.cell_type == "code")
    key = paths.key_header.read_bytes().split()[-1]
    assert key not in executed.read_bytes()
    assert key.decode() not in done.stdout + done.stderr
    assert jd.Deployment(info["name"]).state is DeploymentState.RUNNING


def jd_list(paths: Paths) -> list[dict[str, str]]:
    from jupyter_deploy.client.http import ControllerClient

    with ControllerClient(paths) as client:
        return [info.model_dump(mode="json") for info in client.deployments()]


def test_a_failing_cell_is_told_shortly(
    paths: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_markdown_cell("## Break it"),
            nbformat.v4.new_code_cell("%load_ext jupyter_deploy\n%deploy nothing --sample X"),
        ],
        metadata={"kernelspec": {"name": "python3", "display_name": "", "language": "python"}},
    )
    nbformat.write(broken, tmp_path / "broken.ipynb")
    monkeypatch.setattr(demo, "quickstart", lambda: tmp_path / "broken.ipynb")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    out = io.StringIO()
    with pytest.raises(demo.DemoError) as told:
        demo.demo(out=out)
    assert "There is no variable 'nothing'" in told.value.message
    assert "\x1b" not in told.value.message
    assert "✗ Break it" in out.getvalue()


def test_the_notebook_is_found() -> None:
    assert demo.quickstart().name == "quickstart.ipynb"


def test_it_runs_in_this_very_interpreter() -> None:
    assert demo._this_interpreter()().kernel_spec.argv[0] == sys.executable
