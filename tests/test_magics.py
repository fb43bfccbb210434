"""``%deploy`` in a real IPython shell, and in a real kernel run by papermill's own client."""

from __future__ import annotations

import io
import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from html import unescape
from pathlib import Path
from typing import Any

import nbformat
import pytest
from IPython.core.displaypub import CapturingDisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from jupyter_client.manager import start_new_kernel
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat.v4 import new_code_cell, new_notebook

import jupyter_deploy as jd
from jupyter_deploy.client.launch import ensure_controller
from jupyter_deploy.config import Paths
from jupyter_deploy.exceptions import DeployError, SignatureChangedError, UsageError
from jupyter_deploy.types import DeploymentState
from tests import models
from tests.waiting import wait_for

ROOT = Path(__file__).parents[1]


class Shell:
    """A shell with the extension loaded; runs cells and keeps what they show."""

    def __init__(self) -> None:
        InteractiveShell.clear_instance()
        self.ipython = InteractiveShell.instance()
        self.ipython.history_manager.enabled = False
        self.published = CapturingDisplayPublisher()
        self.ipython.display_pub = self.published
        self.ipython.run_line_magic("load_ext", "jupyter_deploy")
        self.text = ""

    def run(self, cell: str) -> Any:
        self.published.clear_output()
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            result = self.ipython.run_cell(cell)
        self.text = out.getvalue() + err.getvalue()
        return result

    def close(self) -> None:
        self.ipython.history_manager.end_session()
        InteractiveShell.clear_instance()


@pytest.fixture(scope="module")
def shell(shared_paths: Paths) -> Iterator[Shell]:
    shell = Shell()
    model, sample = models.logistic()
    shell.ipython.push({"model": model, "X_test": sample, "status": model})
    yield shell
    shell.close()


@pytest.fixture(scope="module")
def deployed(shell: Shell) -> Any:
    result = shell.run("d = %deploy model --name churn --sample X_test")
    result.raise_error()
    return shell.ipython.user_ns["d"]


def test_deploy_ends_in_a_card_and_answers_a_deployment(shell: Shell, deployed: Any) -> None:
    assert isinstance(deployed, jd.Deployment)
    assert deployed.state is DeploymentState.RUNNING
    (card,) = [o for o in shell.published.outputs if "text/html" in o["data"]]
    for form in ("text/html", "text/plain"):
        said = card["data"][form]
        for word in ("churn", "1.0.0", "onnxruntime", "no label differs", "curl", "convert"):
            assert word in said
        assert deployed.endpoint in said
    for stage in ("inspect", "convert", "package", "start", "verify", "route"):
        assert f"✓ {stage}" in shell.text


def test_it_is_shown_once(shell: Shell, deployed: Any) -> None:
    shell.run("%deploy model --name churn --sample X_test[:50]").raise_error()
    assert len(shell.published.outputs) == 1
    shell.run("d").raise_error()
    (card,) = shell.published.outputs
    assert "curl" in card["data"]["text/html"]


def test_commands_that_show(shell: Shell, deployed: Any) -> None:
    for line, word in {
        "list": "churn",
        "status": "gateway",
        "status churn": "live",
    }.items():
        assert shell.run(f"%deploy {line}").result is None
        (output,) = shell.published.outputs
        assert word in output["data"]["text/html"]
        assert word in output["data"]["text/plain"]
    shell.run("%deploy logs churn --tail 5").raise_error()
    assert "worker 0" in shell.text


def test_json_answers_data(shell: Shell, deployed: Any) -> None:
    (row,) = shell.run("rows = %deploy list --json\nrows").result
    assert {"name", "version", "state", "endpoint"} <= set(row)
    assert row["name"] == "churn"
    detail = shell.run("%deploy status churn --json").result
    assert detail["deployment"]["endpoint"] == deployed.endpoint
    answer = shell.run("%deploy predict churn X_test[:2] --json").result
    assert answer["classes"] == ["benign", "malignant"]
    assert shell.run("%deploy status --json").result["controller"]["pid"]
    assert shell.run("%deploy logs churn --json").result["lines"]
    json.dumps([row, detail, answer])


def test_the_signature_in_all_its_forms(shell: Shell, deployed: Any) -> None:
    assert shell.run("%deploy signature churn").result is None
    (output,) = shell.published.outputs
    for form in ("text/html", "text/plain"):
        for word in ("30 columns", "mean radius", "float64", "probabilities", "benign"):
            assert word in unescape(output["data"][form])
    found = shell.run("%deploy signature churn --version 1.0.0 --json").result
    assert (found["name"], found["version"]) == ("churn", "1.0.0")
    assert [column["name"] for column in found["signature"]["inputs"]] == list(
        models.logistic()[1].columns
    )
    # as the value of a cell: what the formatters of a notebook make of it
    signature = shell.run("d.signature").result
    formats, _ = shell.ipython.display_formatter.format(signature)
    assert formats["text/plain"] == repr(signature)
    assert formats["text/html"].startswith("<div")
    assert "mean radius" in formats["text/html"]


def test_predict_answers_what_the_model_does(shell: Shell, deployed: Any) -> None:
    model, sample = models.logistic()
    answer = shell.run("%deploy predict churn X_test.head( 3 )").result
    assert (answer == model.predict(sample[:3])).all()
    assert shell.run("%deploy predict churn X_test[:2] --proba").result.shape == (2, 2)
    shell.run("name = 'churn'")
    assert len(shell.run("%deploy predict {name} X_test[:1]").result) == 1
    assert len(shell.run("%deploy predict $name X_test[:1]").result) == 1


def test_hints_of_the_controller_and_of_an_endpoint_name_the_magic(
    shell: Shell, deployed: Any
) -> None:
    for line, said in {
        "logs churn --version 9.9.9": "See: %deploy status churn",
        "predict churn X_test[['mean area']]": "What it takes: %deploy signature churn",
    }.items():
        shell.run(f"%deploy {line}")
        assert said in shell.text
        assert "model-deploy" not in shell.text


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("modle --name churn --sample X_test", "There is no variable 'modle' in this notebook."),
        ("model --name churn", "--sample is missing"),
        ("lst", "Did you mean '%deploy list'?"),
        ("status --sample X_test", "%deploy -- status"),
        ("stop chrun", "Did you mean 'churn'?"),
        ("signature chrun", "Did you mean 'churn'?"),
        ("signature churn --version 9.9.9", "'churn' has no version 9.9.9."),
        ("model --name churn --sample X_test --preprocess claen", "There is no variable 'claen'"),
        ("model --name churn --sample X_test --postprocess X_test", "is no function but a"),
        ("model --name churn --sample X_test --validate rnage=reject", "Did you mean 'range'?"),
        ("model --name churn --sample X_test --validate rdius.range=reject", "rdius"),
        ("model --name churn --sample X_test --max-rows 0", "is not a number from 1"),
        ("model --name churn --sample X_test --version 2", "'2' is not a version."),
        ("model --name churn --sample X_test --version 1.0.0", "can't get the version 1.0.0"),
        ("model.onnx --name churn --sample X_test", "There is no file model.onnx."),
        ("predict churn X_test[['mean area']]", "column 'mean radius'"),
    ],
)
def test_errors_are_short(shell: Shell, deployed: Any, line: str, said: str) -> None:
    result = shell.run(f"%deploy {line}")
    assert isinstance(result.error_in_exec, DeployError)
    assert said in shell.text
    assert "Traceback" not in shell.text
    assert "jupyter_deploy/" not in shell.text
    assert len(shell.text.strip().splitlines()) <= 3


def test_a_changed_signature_is_refused_by_both_ways_in(shell: Shell, deployed: Any) -> None:
    shell.run("few = lambda rows: rows['mean area'].to_numpy() > 500")
    before = shell.run("%deploy list --json").result
    for line in (
        "%deploy few --name churn --sample X_test[['mean area']]",
        "import jupyter_deploy as jd\njd.deploy(few, name='churn', sample=X_test[['mean area']])",
    ):
        result = shell.run(line)
        assert isinstance(result.error_in_exec, SignatureChangedError)
        assert "column 'mean radius' is gone" in shell.text
        assert "%deploy signature churn" in shell.text
        assert "model-deploy" not in shell.text
    assert shell.run("%deploy list --json").result == before


def test_a_reserved_name_is_deployed_after_two_dashes(shell: Shell, deployed: Any) -> None:
    shell.run("%deploy -- status --name reserved --sample X_test").raise_error()
    assert {"churn", "reserved"} == {r["name"] for r in shell.run("%deploy list --json").result}
    shell.run("%deploy remove reserved").raise_error()
    assert "bentoml list reserved" in shell.text


def test_stop_and_start(shell: Shell, deployed: Any) -> None:
    shell.run("%deploy stop churn").raise_error()
    assert shell.run("%deploy start churn --json").result["state"] == "running"


def test_help(shell: Shell) -> None:
    shell.run("%deploy --help").raise_error()
    assert "Commands:" in shell.text
    shell.run("%deploy predict --help").raise_error()
    assert "--proba" in shell.text
    assert "%deploy list" in shell.ipython.magics_manager.magics["line"]["deploy"].__doc__


def _notebook(*cells: str) -> nbformat.NotebookNode:
    train = "from tests import models\nmodel, X_test = models.logistic()\n%load_ext jupyter_deploy"
    return new_notebook(
        cells=[new_code_cell(source) for source in (train, *cells)],
        metadata={"kernelspec": {"name": "python3", "display_name": "", "language": "python"}},
    )


def _execute(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    client = NotebookClient(notebook, timeout=120, extra_arguments=["--IPKernelApp.log_level=40"])
    return client.execute(cwd=str(ROOT), env={**os.environ, "PYTHONPATH": str(ROOT)})


def test_a_saved_notebook_tells_it_all_and_holds_no_key(shared_paths: Paths) -> None:
    notebook = _notebook(
        "%deploy model --name saved --sample X_test",
        "%deploy status saved",
        "import jupyter_deploy as jd\nd = jd.deploy(model, name='saved', sample=X_test)",
        "d",
        "%deploy remove saved",
    )
    _execute(notebook)
    _, magic, status, call, shown, _ = (cell.outputs for cell in notebook.cells)
    # one output, whose last state is kept: not one for each update, and no second card
    for outputs in (magic, call):
        (card,) = outputs
        assert "✓" in card.data["text/html"]
        assert "saved" in card.data["text/plain"]
    assert len(status) == 1
    assert "curl" in shown[0].data["text/html"]
    key = shared_paths.key_header.read_text().split()[-1]
    saved = nbformat.writes(notebook)
    assert len(key) >= 16
    assert key not in saved
    assert "<script" not in saved
    assert str(shared_paths.key_header) in saved


FUNCTIONS = """
def clean(rows):
    return rows.abs()
def words(predictions, probabilities):
    return [f"{p}: {q.max():.0%}" for p, q in zip(predictions, probabilities)]
"""


def test_options_of_a_deploy_in_a_real_kernel(shared_paths: Paths) -> None:
    columns = "['mean area', 'mean texture']"
    notebook = _notebook(
        f"{FUNCTIONS}\nfrom sklearn.base import clone\n"
        f"small = clone(model).fit(X_test[{columns}], [1, 0] * 50)",
        "%deploy model --name opts --sample X_test --engine native",
        f"%deploy small --name opts --sample X_test[{columns}] --breaking --preprocess clean "
        "--postprocess words --validate range=reject,'mean area.range=pass' --max-rows 50",
        # below the range, which only this column lets pass
        f"rows = X_test[{columns}][:2].assign(**{{'mean area': -500.0}})\n"
        "answers = %deploy predict opts rows\nanswers.tolist()",
        "%deploy signature opts",
        "import jupyter_deploy as jd\njd.connect('opts').signature",
        "%deploy status opts",
        "%deploy remove opts",
    )
    _execute(notebook)
    _, _, _, deployed, answers, signature, value, status, _ = (c.outputs for c in notebook.cells)
    for form in ("text/html", "text/plain"):
        said = unescape(deployed[0].data[form])
        assert "2.0.0" in said
        assert "since 1.0.0: column 'mean radius' is gone" in said
        assert "preprocess: clean" in said
        for shown in (signature, value):
            said = unescape(shown[0].data[form])
            for word in ("mean texture", "range=reject", "range=pass", "50 rows a request"):
                assert word in said
        assert "postprocess: words" in unescape(status[0].data[form])
    assert re.search(r"'[01]: \d+%', '[01]: \d+%'", answers[0].data["text/plain"])


def test_an_error_fails_the_notebook_shortly(shared_paths: Paths) -> None:
    notebook = _notebook("%deploy model --name x --sample X_tset")
    with pytest.raises(CellExecutionError) as told:
        _execute(notebook)
    assert "There is no variable 'X_tset'" in str(told.value)
    (error,) = notebook.cells[1].outputs
    assert error.ename == "UsageError"
    assert len(error.traceback) == 2
    assert not any("Traceback" in line for line in error.traceback)


def test_a_failed_stage_stays_in_the_notebook(shared_paths: Paths) -> None:
    notebook = _notebook("%deploy object() --name x --sample X_test")
    with pytest.raises(CellExecutionError):
        _execute(notebook)
    progress, error = notebook.cells[1].outputs
    assert "✗" in progress.data["text/html"]
    assert "inspect" in progress.data["text/plain"]
    assert error.output_type == "error"


class Kernel:
    """A kernel with a model in it."""

    def __init__(self) -> None:
        self.manager, self.client = start_new_kernel(
            cwd=str(ROOT), extra_arguments=["--IPKernelApp.log_level=40"]
        )
        self.run(
            "from tests import models\nimport jupyter_deploy as jd\n"
            "model, X = models.logistic()\n%load_ext jupyter_deploy"
        )

    def run(self, cell: str, when: str = "", then: Callable[[], None] | None = None) -> Any:
        """Execute a cell and return its reply; do `then` when it prints `when`."""

        def watch(message: dict[str, Any]) -> None:
            if then is not None and when in str(message["content"].get("text", "")):
                then()

        reply = self.client.execute_interactive(cell, timeout=120, output_hook=watch)
        return reply["content"]

    def close(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)
        self.manager.cleanup_resources()


@pytest.fixture
def kernel(shared_paths: Paths) -> Iterator[Kernel]:
    kernel = Kernel()
    yield kernel
    kernel.close()


SLOW = """
import time
class Slow:
    def predict(self, rows):
        print("predicting", flush=True)
        time.sleep(60)
slow = Slow()
%deploy slow --name slow --sample X
"""


def test_the_stop_button_cancels_a_deploy_cleanly(kernel: Kernel, shared_paths: Paths) -> None:
    reply = kernel.run(SLOW, when="predicting", then=kernel.manager.interrupt_kernel)
    assert reply["status"] == "error"
    assert reply["ename"] == "DeployInterrupted"
    assert reply["traceback"] == [
        "DeployInterrupted: Deploying 'slow' was interrupted; nothing of it is left."
    ]
    assert kernel.run("1 + 1")["status"] == "ok"
    with ensure_controller(shared_paths) as controller:
        assert "slow" not in {info.name for info in controller.deployments()}


def test_the_kernels_end_leaves_the_service_alone(kernel: Kernel) -> None:
    assert kernel.run("jd.deploy(model, name='stays', sample=X)")["status"] == "ok"
    deployment = jd.Deployment("stays")
    pids = {p.pid for p in deployment.status().versions[0].processes}
    kernel.manager.interrupt_kernel()
    kernel.manager.restart_kernel(now=False)
    kernel.client.wait_for_ready(timeout=60)
    kernel.manager.shutdown_kernel(now=True)
    wait_for(lambda: not kernel.manager.is_alive(), 10, "the kernel's end")
    assert len(deployment.predict(models.logistic()[1][:1])) == 1
    assert {p.pid for p in deployment.status().versions[0].processes} == pids
    deployment.remove()


def test_usage_errors_can_be_caught_as_what_they_are(shell: Shell) -> None:
    shell.run(
        "from jupyter_deploy.exceptions import UsageError\n"
        "try:\n    get_ipython().run_line_magic('deploy', 'lst')\n"
        "except UsageError as error:\n    caught = error"
    ).raise_error()
    assert isinstance(shell.ipython.user_ns["caught"], UsageError)
