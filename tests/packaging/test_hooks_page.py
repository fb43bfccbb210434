"""``docs/how-to/add-pre-and-postprocessing.md``, run as a reader would run it."""

from __future__ import annotations

import ast
import io
import re
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell

from jupyter_deploy.config import Paths

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "add-pre-and-postprocessing.md"
BLOCK = re.compile(r"```python\n(.*?)```(?:\n\n```text\n(.*?)```)?", re.DOTALL)


@pytest.fixture
def shell(paths: Paths) -> Iterator[InteractiveShell]:
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance()
    shell.history_manager.enabled = False
    shell.run_line_magic("load_ext", "jupyter_deploy")
    yield shell
    shell.history_manager.end_session()
    InteractiveShell.clear_instance()


def test_the_page_does_what_it_says(shell: InteractiveShell) -> None:
    blocks = BLOCK.findall(PAGE.read_text())
    assert len(blocks) == 6
    for code, expected in blocks:
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            result = shell.run_cell(code, store_history=True)
            result.raise_error()
        if expected.startswith("["):
            # libraries of other versions may round otherwise
            assert result.result == pytest.approx(ast.literal_eval(expected), abs=1)
        elif expected:
            assert out.getvalue() == expected
