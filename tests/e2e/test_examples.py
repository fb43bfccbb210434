"""The notebooks in examples/ run from top to bottom; the demo's test runs the quickstart."""

from __future__ import annotations

from pathlib import Path

import nbformat
import papermill
import pytest

from jupyter_deploy.config import Paths

EXAMPLES = Path(__file__).parents[2] / "examples"
NOTEBOOKS = sorted(p.name for p in EXAMPLES.glob("*.ipynb") if p.name != "quickstart.ipynb")


@pytest.mark.long
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_an_example_runs(paths: Paths, tmp_path: Path, name: str) -> None:
    # stops at the first cell that raises, and a magic that is refused does
    papermill.execute_notebook(
        str(EXAMPLES / name),
        str(tmp_path / name),
        kernel_name="python3",
        progress_bar=False,
        cwd=str(tmp_path),
    )


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_an_example_is_kept_executed(name: str) -> None:
    notebook = nbformat.read(EXAMPLES / name, as_version=4)
    cells = [c for c in notebook.cells if c.cell_type == "code"]
    assert [c.execution_count for c in cells] == list(range(1, len(cells) + 1))
