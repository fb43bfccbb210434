"""Commands with a real controller, whose workers behave as a test needs it."""

from __future__ import annotations

import os
import signal

import pytest

from jupyter_deploy import cli
from tests.controller.conftest import controller, versions
from tests.controller.parts import Controller, Versions

__all__ = ["controller", "versions"]


def test_up_is_done_when_only_the_newest_version_failed(
    controller: Controller, versions: Versions, capsys: pytest.CaptureFixture[str]
) -> None:
    controller.deploy(versions.spec("churn", "1.0.0", workers=2))
    failed = controller.submit(versions.spec("churn", "1.1.0", dies="start"))
    assert controller.finished(failed.id).state == "failed"
    assert cli.main(["up", "--timeout", "5"]) == cli.OK
    shown = capsys.readouterr()
    assert "churn 1.0.0 is degraded: Version 1.1.0 failed, 1.0.0 still serves: " in shown.err
    assert "the model is broken" in shown.out
    # it is brought back from nothing as well
    assert cli.main(["down"]) == cli.OK
    capsys.readouterr()
    assert cli.main(["up", "--timeout", "20"]) == cli.OK
    assert "1.0.0 still serves" in capsys.readouterr().err
    assert controller.predict("churn").status_code == 200
    # the user's own stop and start settle it
    assert cli.main(["stop", "churn"]) == cli.OK
    assert cli.main(["start", "churn"]) == cli.OK
    assert capsys.readouterr().out.endswith("churn 1.0.0 is running\n")


def test_up_waits_for_a_worker_that_is_missing(
    controller: Controller, versions: Versions, capsys: pytest.CaptureFixture[str]
) -> None:
    controller.deploy(versions.spec("churn", "1.0.0", workers=2))
    versions.behave("1.0.0", dies="start")
    (first, _) = controller.pids("churn", "1.0.0")
    assert first
    os.kill(first, signal.SIGKILL)
    controller.until_state("churn", "degraded")
    assert cli.main(["up", "--timeout", "0.5"]) == cli.FAILED
    assert "Not running after 0.5 s: churn." in capsys.readouterr().err


def test_bentos_that_are_not_there_are_not_spoken_of(
    controller: Controller, versions: Versions, capsys: pytest.CaptureFixture[str]
) -> None:
    operation = controller.submit(versions.spec("never-live", "1.0.0", dies="start"))
    assert controller.finished(operation.id).state == "failed"
    assert cli.main(["remove", "never-live", "--yes"]) == cli.OK
    assert capsys.readouterr().out == "never-live is removed.\n"
