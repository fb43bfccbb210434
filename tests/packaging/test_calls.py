"""A model that raises on the sample: the user's own part of the traceback, cells included."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from IPython.core.interactiveshell import InteractiveShell
from sklearn.linear_model import LinearRegression

from jupyter_deploy.exceptions import SampleError
from jupyter_deploy.packaging import inspect_model
from jupyter_deploy.packaging.diagnosis.calls import call_on_sample, name_of
from tests.packaging import cases


def refused(model: Any, sample: Any) -> SampleError:
    with pytest.raises(SampleError) as caught:
        inspect_model(model, sample)
    return caught.value


def inner(rows: Any) -> Any:
    return rows["no such column"]


def outer(rows: Any) -> Any:
    return inner(rows)


def test_the_traceback_has_the_users_frames_only() -> None:
    error = refused(outer, cases.people()[0])
    line = inner.__code__.co_firstlineno + 1
    assert error.message == (
        f"outer() raised KeyError on the sample, line {line} of inner: 'no such column'"
    )
    trace = error.detail["traceback"]
    assert trace.count("File") == 2
    assert "in outer\n    return inner(rows)" in trace
    assert 'in inner\n    return rows["no such column"]' in trace
    assert trace in error.hint


def test_an_error_inside_a_library_has_no_frames_to_show() -> None:
    model = LinearRegression().fit(np.ones((3, 2)), [1, 2, 3])
    error = refused(model, np.array([["a", "b"]]))
    assert error.detail["traceback"] == ""
    assert "raised ValueError on the sample: " in error.message
    assert "\n\n" not in error.hint


@pytest.fixture
def shell() -> Iterator[InteractiveShell]:
    InteractiveShell.clear_instance()
    yield InteractiveShell.instance()
    InteractiveShell.clear_instance()


def test_the_code_of_a_notebooks_cell_is_shown_with_its_number(shell: InteractiveShell) -> None:
    shell.run_cell("import math", store_history=True)
    shell.run_cell("def ratio(row):\n    return row['a'] / row['b']\n", store_history=True)
    shell.run_cell(
        "class Model:\n"
        "    def predict(self, df):\n"
        "        return [ratio(r) for r in df.to_dict('records')]",
        store_history=True,
    )
    error = refused(shell.user_ns["Model"](), pd.DataFrame({"a": [1], "b": [0]}))
    assert error.message == (
        "Model.predict raised ZeroDivisionError on the sample, Cell In[2], line 2 of ratio: "
        "division by zero"
    )
    trace = error.detail["traceback"]
    assert "Cell In[3], line 3, in predict\n    return [ratio(r) for r in df.to_dict(" in trace
    assert "Cell In[2], line 2, in ratio\n    return row['a'] / row['b']" in trace
    assert "ipython-input" not in trace


def test_files_are_shown_as_files_beside_a_notebook(shell: InteractiveShell) -> None:
    error = refused(outer, cases.people()[0])
    assert f'File "{Path(__file__)}"' in error.detail["traceback"]


def test_exit_does_not_end_the_session() -> None:
    def leave(rows: Any) -> Any:
        raise SystemExit("bye")

    assert "leave() raised SystemExit on the sample" in refused(leave, np.ones((2, 1))).message


def test_an_interrupt_is_no_error_of_the_model() -> None:
    def interrupt(rows: Any) -> Any:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        inspect_model(interrupt, np.ones((2, 1)))


def test_only_the_first_line_of_an_error_is_quoted() -> None:
    def fails(rows: Any) -> Any:
        raise ValueError("first\nsecond")

    with pytest.raises(SampleError) as caught:
        call_on_sample(fails, None, "it")
    assert caught.value.message.endswith("of fails: first")
    assert isinstance(caught.value.__cause__, ValueError)


def test_columns_that_an_error_lists_are_quoted() -> None:
    def fails(rows: Any) -> Any:
        raise ValueError("The names should match.\nSeen at fit time, yet now missing:\n- c\n- d\n")

    with pytest.raises(SampleError, match=r"match\. Seen at fit time, yet now missing: c, d\n"):
        call_on_sample(fails, None, "it")


def test_functions_have_names_for_sentences() -> None:
    assert name_of(outer) == "outer()"
    assert name_of(lambda x: x) == "a lambda"
    assert name_of(np.exp) == "exp()"
