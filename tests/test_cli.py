"""``jupyter model-deploy`` as a process: what it prints where, and how it leaves."""

from __future__ import annotations

import json
import os
import pty
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import pytest

import jupyter_deploy as jd
from jupyter_deploy import cli
from jupyter_deploy.client.http import ControllerClient
from jupyter_deploy.client.launch import something_runs
from jupyter_deploy.config import Paths
from jupyter_deploy.types import DeploymentState
from tests import models
from tests.waiting import wait_for

ROOT = Path(__file__).parents[1]
COMMAND = [sys.executable, "-W", "error::ResourceWarning", "-m", "jupyter_deploy"]


def run(*words: str, stdin: str = "", cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *words],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=120,
    )


def answer(*words: str, stdin: str = "") -> Any:
    done = run(*words, "--json", stdin=stdin)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working folder with a model and a sample, as a user has them."""
    folder = tmp_path_factory.mktemp("work")
    (folder / "train.py").write_text(
        "from tests import models\nchurn_model, X_test = models.logistic()\n"
    )
    models.logistic()[1].to_csv(folder / "X_test.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def deployed(shared_paths: Paths, work: Path) -> subprocess.CompletedProcess[str]:
    done = run("deploy", "train:churn_model", "--name", "churn", "--sample", "X_test.csv", cwd=work)
    assert done.returncode == 0, done.stderr
    return done


def test_deploy_shows_stages_on_stderr_and_the_card_on_stdout(
    deployed: subprocess.CompletedProcess[str], shared_paths: Paths
) -> None:
    for stage in ("inspect", "convert", "package", "start", "verify", "route"):
        assert f"✓ {stage}" in deployed.stderr
    assert "churn 1.0.0 is running" in deployed.stdout
    assert "curl" in deployed.stdout
    for stream in (deployed.stdout, deployed.stderr):
        assert "\x1b" not in stream
        assert "\r" not in stream
        assert shared_paths.key_header.read_text().split()[-1] not in stream


def test_the_curl_line_works_when_pasted(deployed: subprocess.CompletedProcess[str]) -> None:
    (line,) = [row for row in deployed.stdout.splitlines() if row.strip().startswith("curl ")]
    done = subprocess.run(shlex.split(line), capture_output=True, text=True, check=True, timeout=30)
    assert json.loads(done.stdout)["predictions"]


def test_list_and_status(deployed: subprocess.CompletedProcess[str]) -> None:
    (row,) = answer("list")
    assert (row["name"], row["version"], row["state"]) == ("churn", "1.0.0", "running")
    assert row["endpoint"].endswith("/churn")
    header, line = run("list").stdout.splitlines()
    assert header.split() == ["NAME", "VERSION", "STATE", "READY", "ENGINE", "ENDPOINT"]
    assert line.split()[:3] == ["churn", "1.0.0", "running"]
    overview = answer("status")
    assert overview["controller"]["gateway"]["running"]
    assert overview["deployments"] == [row]
    detail = answer("status", "churn")
    assert detail["deployment"] == row
    assert "churn 1.0.0 is running" in run("status", "churn").stdout


def test_the_signature(deployed: subprocess.CompletedProcess[str]) -> None:
    lines = run("signature", "churn").stdout.splitlines()
    assert lines[0] == "churn 1.0.0"
    (row,) = [line for line in lines if line.startswith("mean radius ")]
    assert row.split()[2:4] == ["float64", "number"]
    found = answer("signature", "churn", "--version", "1.0.0")
    assert (found["name"], found["version"]) == ("churn", "1.0.0")
    assert len(found["signature"]["inputs"]) == 30


def test_a_changed_signature_takes_the_word_for_it(
    deployed: subprocess.CompletedProcess[str], work: Path
) -> None:
    (work / "hooks.py").write_text(
        "def area(rows):\n    return rows['mean area'].to_numpy()\n\n"
        "def big(sizes):\n    return ['big' if size > 500 else 'small' for size in sizes]\n"
    )
    rows = pd.DataFrame({"mean area": [100.0, 900.0], "mean texture": [1.0, 2.0]})
    rows.to_csv(work / "sizes.csv", index=False)
    common = ["hooks.py:area", "--name", "sizes", "--sample"]
    assert run(*common, "sizes.csv", "--version", "0.3.0", cwd=work).returncode == 0
    rows[["mean area"]].to_json(work / "areas.json", orient="records")
    done = run(*common, "areas.json", cwd=work)
    assert done.returncode == 1
    assert "has changed since 0.3.0: column 'mean texture' is gone" in done.stderr
    assert "convert" not in done.stderr
    done = run(*common, "areas.json", "--breaking", "--postprocess", "hooks.py:big", cwd=work)
    assert done.returncode == 0, done.stderr
    assert "breaking  since 0.3.0: column 'mean texture' is gone" in done.stdout
    assert "functions postprocess: big" in done.stdout
    assert "sizes 1.0.0 is running" in done.stdout
    assert run("predict", "sizes", '[{"mean area": 900}]').stdout == "big\n"
    assert answer("remove", "sizes", "--yes")["removed"]


def test_predict_by_every_way_in(
    deployed: subprocess.CompletedProcess[str], work: Path, tmp_path: Path
) -> None:
    model, sample = models.logistic()
    expected = list(model.predict(sample))
    done = run("predict", "churn", str(work / "X_test.csv"))
    assert done.stdout.splitlines() == expected
    rows = sample.head(2).to_json(orient="records")
    assert answer("predict", "churn", rows)["predictions"] == expected[:2]
    assert answer("predict", "churn", "-", stdin=rows)["predictions"] == expected[:2]
    (tmp_path / "rows.json").write_text(rows)
    assert run("predict", "churn", f"@{tmp_path}/rows.json").stdout.splitlines() == expected[:2]
    table = run("predict", "churn", rows, "--proba").stdout.splitlines()
    assert table[0].split() == ["benign", "malignant"]
    assert len(table) == 3


def test_logs(deployed: subprocess.CompletedProcess[str]) -> None:
    assert "worker 0" in run("logs", "churn").stdout
    assert len(answer("logs", "churn", "--tail", "1")["lines"]) == 1


def test_logs_are_followed_until_interrupted(deployed: subprocess.CompletedProcess[str]) -> None:
    with subprocess.Popen(
        [*COMMAND, "logs", "churn", "-f", "--tail", "1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("worker 0")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (0, "")


def test_stop_start(deployed: subprocess.CompletedProcess[str]) -> None:
    assert answer("stop", "churn")["name"] == "churn"
    wait_for(lambda: jd.Deployment("churn").state is DeploymentState.STOPPED, 20, "it is stopped")
    assert run("start", "churn").stdout == "churn 1.0.0 is running\n"


def test_down_and_up_bring_all_back(
    deployed: subprocess.CompletedProcess[str], shared_paths: Paths
) -> None:
    before = answer("list")
    assert answer("down") == {"stopped": True}
    assert not something_runs(shared_paths)
    assert run("down").stdout == "Nothing was running.\n"
    done = run("up")
    assert done.returncode == 0, done.stderr
    assert "churn 1.0.0 is running" in done.stderr
    (row,) = answer("list")
    assert row["endpoint"] == before[0]["endpoint"]


def test_up_after_everything_was_killed(
    deployed: subprocess.CompletedProcess[str], shared_paths: Paths
) -> None:
    detail = jd.Deployment("churn").status()
    with ControllerClient(shared_paths) as client:
        info = client.info()
    pids = [info.pid, info.gateway.pid, *(p.pid for p in detail.versions[0].processes)]
    processes = [psutil.Process(pid) for pid in pids if pid]
    for process in processes:
        process.send_signal(signal.SIGKILL)
    psutil.wait_procs(processes, timeout=10)
    assert run("up").returncode == 0
    assert len(jd.Deployment("churn").predict(models.logistic()[1][:1])) == 1


def test_colour_only_on_a_terminal(deployed: subprocess.CompletedProcess[str]) -> None:
    ours, theirs = pty.openpty()
    try:
        done = subprocess.run(
            [*COMMAND, "list"],
            stdout=theirs,
            check=False,
            cwd=ROOT,
            env={
                **{k: v for k, v in os.environ.items() if k != "NO_COLOR"},
                "PYTHONPATH": str(ROOT),
                "TERM": "xterm",
            },
        )
        shown = os.read(ours, 10_000).decode()
    finally:
        os.close(ours)
        os.close(theirs)
    assert done.returncode == 0
    assert "\x1b[32mrunning\x1b[0m" in shown


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["lst"], 64, "jupyter model-deploy list"),
        (["frobnicate"], 64, "The commands are"),
        (["stop"], 64, "NAME"),
        (["status", "--nmae"], 64, "no option --nmae"),
        (["deploy", "gone:model", "--sample", "x.csv"], 64, "no module 'gone'"),
        (["deploy", "m.onnx", "--sample", "x.csv"], 64, "no file m.onnx"),
        (["signature", "chrun"], 1, "Did you mean 'churn'?"),
        (["signature", "churn", "--version", "1"], 1, "'churn' has no version 1."),
        (["stop", "chrun"], 1, "Did you mean 'churn'?"),
        (["predict", "churn", '[{"mean area": 1}]'], 1, "row 0, column 'mean radius'"),
        (["predict", "churn", '[{"mean area": 1}]'], 1, "jupyter model-deploy signature churn"),
        (["logs", "churn", "--version", "9.9.9"], 1, "See: jupyter model-deploy status churn"),
        (["remove", "churn"], 64, "--yes"),
        (["list", "extra"], 64, "takes no 'extra'"),
    ],
)
def test_exit_codes(
    deployed: subprocess.CompletedProcess[str],
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    code: int,
    said: str,
) -> None:
    assert cli.main(words) == code
    shown = capsys.readouterr()
    assert said in shown.err
    assert shown.err.startswith("Error: ")
    assert "Traceback" not in shown.err
    assert "%deploy" not in shown.err
    assert shown.out == ""


def test_help_and_version(shared_paths: Paths) -> None:
    assert run("--version").stdout == f"{jd.__version__}\n"
    for words in ((), ("--help",), ("help",)):
        done = run(*words)
        assert done.returncode == 0
        assert "jupyter model-deploy COMMAND" in done.stdout
    assert "--proba" in run("help", "predict").stdout


def test_a_reader_that_leaves_is_no_error(shared_paths: Paths) -> None:
    read, write = os.pipe()
    os.close(read)
    try:
        done = subprocess.run(
            [*COMMAND, "--help"], stdout=write, stderr=subprocess.PIPE, check=False, cwd=ROOT
        )
    finally:
        os.close(write)
    assert (done.returncode, done.stderr) == (0, b"")


def test_remove(deployed: subprocess.CompletedProcess[str]) -> None:
    assert answer("remove", "churn", "--yes") == {"name": "churn", "removed": True}
    assert answer("list") == []
    assert "No deployments yet" in run("list").stdout
