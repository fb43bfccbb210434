"""A controller may be killed at any moment: the next one goes on, and nothing runs twice."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time

import psutil
import pytest

from jupyter_deploy.config import Paths
from jupyter_deploy.controller.store import Store
from jupyter_deploy.controller.worker_command import WORKER_MARK
from tests.conftest import reap
from tests.controller.parts import Controller, Versions, workers_of
from tests.waiting import wait_for


def gateway_pid(controller: Controller) -> int:
    return int(controller.get("/controller")["gateway"]["pid"])


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_the_next_controller_adopts_the_same_processes(
    controller: Controller, versions: Versions, paths: Paths, how: signal.Signals
) -> None:
    controller.deploy(versions.spec("churn", "1.0.0", 2))
    before = controller.pids("churn", "1.0.0"), gateway_pid(controller)
    url = controller.info("churn")["endpoint"]
    code = controller.end(how)
    assert code == (-9 if how is signal.SIGKILL else 0)
    assert workers_of(paths) == set(before[0])
    controller.start()
    controller.until_state("churn", "running")
    assert (controller.pids("churn", "1.0.0"), gateway_pid(controller)) == before
    info = controller.info("churn")
    assert (info["restarts"], info["endpoint"]) == (0, url)
    assert controller.predict("churn").status_code == 200
    # an adopted worker is watched like a child
    os.kill(before[0][0], signal.SIGKILL)
    wait_for(lambda: controller.info("churn")["restarts"] == 1, 5, "the death to be seen")
    controller.until_state("churn", "running")


@pytest.mark.parametrize("step", [3, pytest.param(1, marks=pytest.mark.long)])
def test_killed_after_any_event_of_a_deploy_it_converges(
    controller: Controller, versions: Versions, paths: Paths, step: int
) -> None:
    controller.deploy(versions.spec("churn", "1.0.0"))
    head = controller.get("/controller")["head"]
    controller.deploy(versions.spec("churn", "1.1.0"))
    last = next(e for e in controller.events(head) if e.kind == "operation.done").seq
    for count in range(1, last - head, step):
        version = f"1.{count + 1}.0"
        before = controller.get("/controller")["head"]
        operation = controller.submit(versions.spec("churn", version))
        seen = before
        while seen < before + count:
            seen = controller.get("/events", after=seen, wait=10)["head"]
        controller.end(signal.SIGKILL)
        controller.start()
        finished = controller.finished(operation.id)
        assert finished.state == "done", (count, finished.error)
        assert controller.predict("churn").status_code == 200
        wait_for(lambda: len(workers_of(paths)) == 1, 20, f"one worker after {count} events")
        assert workers_of(paths) == set(controller.pids("churn", version))


def test_a_worker_started_but_not_yet_written_down_is_adopted(
    controller: Controller, versions: Versions, paths: Paths
) -> None:
    controller.deploy(versions.spec("churn", "1.0.0"))
    (pid,) = controller.pids("churn", "1.0.0")
    controller.end(signal.SIGKILL)
    store = Store(paths.database)
    store.intend("churn", "1.0.0", 0, "as before a start")
    store.close()
    controller.start()
    controller.until_state("churn", "running")
    assert controller.pids("churn", "1.0.0") == [pid]
    assert workers_of(paths) == {pid}


def test_a_worker_that_belongs_to_nothing_is_ended(
    stopped_controller: Controller, paths: Paths
) -> None:
    stray = subprocess.Popen(
        [sys.executable, "-c", "import threading; threading.Event().wait()"],
        env={**os.environ, WORKER_MARK: "ghost@1.0.0#0"},
        start_new_session=True,
    )
    wait_for(lambda: workers_of(paths) == {stray.pid}, 10, "the stray to run")
    stopped_controller.start()
    assert stray.wait(15) == -signal.SIGTERM


def test_after_everything_was_killed_all_comes_back(
    controller: Controller, versions: Versions, paths: Paths
) -> None:
    controller.deploy(versions.spec("churn", "1.0.0", 2))
    controller.deploy(versions.spec("other", "1.0.0"))
    controller.http.put("/deployments/other/state", json={"running": False})
    reap(paths)
    controller.wait()
    assert workers_of(paths) == set()
    controller.start()
    assert controller.until_state("churn", "running")["ready"] == 2
    wait_for(lambda: controller.predict("churn").status_code == 200, 10, "an answer")
    assert controller.info("other")["state"] == "stopped"


def test_shutdown_with_services_ends_them_and_the_next_start_brings_them_back(
    controller: Controller, versions: Versions, paths: Paths
) -> None:
    controller.deploy(versions.spec("churn", "1.0.0"))
    envoy = gateway_pid(controller)
    answer = controller.http.post("/shutdown", params={"services": True})
    assert answer.status_code == 202
    assert controller.wait() == 0
    assert workers_of(paths) == set()
    assert not psutil.pid_exists(envoy)
    controller.start()
    info = controller.until_state("churn", "running")
    assert info["restarts"] == 0
    wait_for(lambda: controller.predict("churn").status_code == 200, 10, "an answer")


def test_shutdown_alone_leaves_the_services(
    controller: Controller, versions: Versions, paths: Paths
) -> None:
    controller.deploy(versions.spec("churn", "1.0.0"))
    running = workers_of(paths)
    assert controller.http.post("/shutdown").status_code == 202
    assert controller.wait() == 0
    assert not paths.controller_socket.exists()
    assert workers_of(paths) == running


def test_a_gateway_killed_in_a_deploy_does_not_fail_it(
    controller: Controller, versions: Versions
) -> None:
    controller.deploy(versions.spec("churn", "1.0.0"))
    operation = controller.submit(versions.spec("churn", "1.1.0", ready=False))
    wait_for(lambda: controller.pids("churn", "1.1.0") not in ([], [None]), 10, "its worker")
    versions.behave("1.1.0")
    os.kill(gateway_pid(controller), signal.SIGKILL)
    assert controller.finished(operation.id).state == "done"
    wait_for(lambda: controller.predict("churn").status_code == 200, 10, "an answer")


def test_a_gateway_whose_port_was_taken_moves(
    controller: Controller, versions: Versions, paths: Paths
) -> None:
    controller.deploy(versions.spec("churn", "1.0.0"))
    port = int(controller.info("churn")["endpoint"].split(":")[2].split("/")[0])
    controller.http.post("/shutdown", params={"services": True})
    controller.wait()
    with socket.create_server(("127.0.0.1", port)):
        controller.start()
        controller.until_state("churn", "running")
        wait_for(lambda: controller.get("/controller")["gateway"]["running"], 10, "the gateway")
        wait_for(lambda: controller.predict("churn").status_code == 200, 10, "an answer")
    moved = [event for event in controller.events() if event.kind == "gateway.moved"]
    assert [event.data["before"] for event in moved] == [port]


def test_a_second_controller_leaves_at_once(controller: Controller, paths: Paths) -> None:
    second = subprocess.run(
        [sys.executable, "-m", "jupyter_deploy.controller"],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
        cwd=paths.home,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert second.returncode == 0
    assert "already runs" in second.stdout
    assert controller.answers()


def test_a_store_of_a_newer_version_keeps_the_controller_out(paths: Paths) -> None:
    Store(paths.database).close()
    connection = sqlite3.connect(paths.database)
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    controller = subprocess.run(
        [sys.executable, "-m", "jupyter_deploy.controller"],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert controller.returncode == 1
    assert "newer version" in controller.stderr
    assert "pip install -U" in controller.stderr


@pytest.mark.long
def test_an_idle_controller_costs_next_to_nothing(
    controller: Controller, versions: Versions
) -> None:
    controller.deploy(versions.spec("churn", "1.0.0", 4))
    process = psutil.Process(controller.pid())
    wait_for(lambda: len(controller.pids("churn", "1.0.0")) == 4, 10, "the workers")
    before, began = process.cpu_times(), time.monotonic()
    wait_for(lambda: time.monotonic() - began > 30, 40, "half a minute to pass", every=1)
    after = process.cpu_times()
    used = after.user + after.system - before.user - before.system
    assert used / (time.monotonic() - began) < 0.005
