"""The controller comes up on demand, once, and says what is wrong when it can't."""

from __future__ import annotations

import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from jupyter_deploy.client.http import ControllerClient, check_api
from jupyter_deploy.client.launch import (
    connect,
    end_controller,
    ensure_controller,
    something_runs,
)
from jupyter_deploy.config import Paths
from jupyter_deploy.exceptions import ControllerError, NotFoundError
from jupyter_deploy.types import API_VERSION
from tests.waiting import wait_for


def test_it_is_started_found_again_and_ended(paths: Paths) -> None:
    assert connect(paths) is None
    assert not something_runs(paths)
    with ensure_controller(paths) as first, ensure_controller(paths) as second:
        pid = first.info().pid
        assert second.info().pid == pid
        assert psutil.Process(pid).environ()["BENTOML_DO_NOT_TRACK"] == "true"
        assert first.deployments() == []
        with pytest.raises(NotFoundError, match="nobody"):
            first.deployment("nobody")
    assert something_runs(paths)
    end_controller(paths, services=True)
    wait_for(lambda: not psutil.pid_exists(pid), 10, "no zombie of the controller")
    assert connect(paths) is None
    assert not something_runs(paths)


def test_a_folder_that_cannot_be_made_is_told_with_the_variables(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    away = Paths(home=tmp_path / "file" / "deploy", runtime=tmp_path / "r")
    with pytest.raises(ControllerError, match=r"file/deploy can't be made: Not a dir") as raised:
        ensure_controller(away)
    assert "JUPYTER_DEPLOY_HOME" in raised.value.hint
    assert "JUPYTER_DEPLOY_RUNTIME" in raised.value.hint


def test_two_faces_at_once_share_one(paths: Paths) -> None:
    with ThreadPoolExecutor(3) as pool:
        clients = list(pool.map(lambda _: ensure_controller(paths), range(3)))
    assert len({client.info().pid for client in clients}) == 1
    for client in clients:
        client.close()


def test_it_leaves_the_callers_session(shared_paths: Paths) -> None:
    with ensure_controller(shared_paths) as client:
        process = psutil.Process(client.info().pid)
        with pytest.raises(psutil.TimeoutExpired):
            process.wait(0)
        assert Path(f"/proc/{process.pid}/stat").read_text().split()[5] == str(process.pid)


def test_a_dead_controller_is_told_and_brought_back(shared_paths: Paths) -> None:
    with ensure_controller(shared_paths) as client:
        pid = client.info().pid
        psutil.Process(pid).send_signal(signal.SIGKILL)
        wait_for(lambda: not psutil.pid_exists(pid), 10, "the controller's death")
        with pytest.raises(ControllerError, match="not running") as told:
            client.deployments()
        assert "jupyter model-deploy up" in told.value.hint
        ensure_controller(shared_paths).close()
        assert client.info().pid != pid


def test_one_that_cannot_start_shows_the_end_of_its_log(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths.database.write_text("this is no database, and long enough not to be taken for one")
    with pytest.raises(ControllerError, match="ended with exit code") as told:
        ensure_controller(paths)
    assert str(paths.controller_log) in told.value.hint
    assert "database" in told.value.hint


def test_one_that_says_nothing_is_given_up(
    paths: Paths, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    silent = tmp_path / "python"
    silent.write_text(f'#!/bin/sh\nexec {sys.executable} -c "input()" < /dev/zero\n')
    silent.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(silent))
    with pytest.raises(ControllerError, match=r"did not answer within 0.3 s"):
        ensure_controller(paths, deadline=0.3)


def test_the_log_is_private(shared_paths: Paths) -> None:
    ensure_controller(shared_paths).close()
    assert shared_paths.controller_log.stat().st_mode & 0o077 == 0


def test_another_api_version_says_which_side_is_older() -> None:
    check_api({"api": API_VERSION, "version": "9"})
    with pytest.raises(ControllerError, match="running controller is older") as told:
        check_api({"api": API_VERSION - 1, "version": "0.0.1"})
    assert "jupyter model-deploy up" in told.value.hint
    with pytest.raises(ControllerError, match="This environment is older") as told:
        check_api({"api": API_VERSION + 1, "version": "9.0", "new field": 1})
    assert "pip install --upgrade" in told.value.hint


def test_an_older_controller_is_replaced_when_asked(
    shared_paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ensure_controller(shared_paths) as client:
        old = client.info().pid

        def one_older(raw: dict[str, object]) -> None:
            if raw["pid"] == old:
                check_api({**raw, "api": API_VERSION - 1})

        monkeypatch.setattr("jupyter_deploy.client.http.check_api", one_older)
        with pytest.raises(ControllerError, match="older"):
            ensure_controller(shared_paths)
        with ensure_controller(shared_paths, replace_older=True) as newer:
            assert newer.info().pid != old


def test_a_client_without_a_controller(paths: Paths) -> None:
    with ControllerClient(paths) as client, pytest.raises(ControllerError, match="not running"):
        client.info()
