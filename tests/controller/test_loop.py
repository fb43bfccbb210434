"""The whole controller with real processes: deploy, replace, fail, stop, start, remove."""

from __future__ import annotations

import os
import signal

import psutil

from jupyter_deploy.config import Paths
from tests.controller.parts import Controller, Versions, workers_of
from tests.waiting import wait_for


def test_a_deploy_goes_through_its_stages_and_answers(
    controller: Controller, versions: Versions
) -> None:
    operation = controller.finished(controller.submit(versions.spec("churn", "1.0.0", 2)).id)
    assert operation.state == "done", operation.error
    assert [s.stage for s in operation.stages] == ["package", "start", "verify", "route"]
    assert all(s.state == "done" for s in operation.stages)
    info = controller.info("churn")
    assert (info["state"], info["version"]) == ("running", "1.0.0")
    assert (info["ready"], info["workers"], info["restarts"]) == (2, 2, 0)
    answer = controller.predict("churn")
    assert answer.json()["predictions"] == [1.0, 2.0], answer.text
    kinds = [event.kind for event in controller.events()]
    assert kinds.index("version.started") < kinds.index("worker.started")
    assert kinds.index("worker.started") < kinds.index("deployment.live")
    assert kinds[-1] == "operation.done"


def test_a_version_without_golden_requests_says_that_nothing_was_replayed(
    controller: Controller, versions: Versions
) -> None:
    spec = versions.spec("churn", "1.0.0").model_copy(update={"golden": []})
    operation = controller.finished(controller.submit(spec).id)
    (verify,) = (s for s in operation.stages if s.stage == "verify")
    assert verify.detail == "no golden requests: the model's answers vary"
    assert (operation.state, verify.state) == ("done", "done")


def test_a_deploy_that_cannot_be_recorded_says_so_and_goes_on_when_it_can(
    controller: Controller, versions: Versions
) -> None:
    operation = controller.submit(versions.spec("churn", "1.0.0", ready=False))
    wait_for(lambda: controller.pids("churn", "1.0.0") not in ([], [None]), 20, "the worker")
    process = psutil.Process(controller.pid())
    free = process.rlimit(psutil.RLIMIT_FSIZE)
    journal = controller.paths.home / "state.db-wal"
    # what a full disk is to one process; there is room for the log
    process.rlimit(psutil.RLIMIT_FSIZE, (journal.stat().st_size, free[1]))
    versions.behave("1.0.0")

    def told() -> dict[str, str] | None:
        answer = controller.http.get(f"/operations/{operation.id}")
        return None if answer.status_code == 200 else answer.json()

    problem = wait_for(told, 20, "the trouble to be told")
    assert problem["code"] == "controller"
    assert f"can't keep its state in {controller.paths.home}" in problem["detail"]
    process.rlimit(psutil.RLIMIT_FSIZE, free)
    wait_for(lambda: controller.info("churn")["state"] == "running", 30, "churn to run")
    assert controller.finished(operation.id).state == "done"
    assert controller.predict("churn").json()["predictions"] == [1.0, 2.0]


def test_a_second_version_replaces_the_first(controller: Controller, versions: Versions) -> None:
    controller.deploy(versions.spec("churn", "1.0.0"))
    (old,) = controller.pids("churn", "1.0.0")
    controller.deploy(versions.spec("churn", "1.1.0", answers=(3, 4), golden=(3, 4)))
    assert controller.predict("churn").json()["predictions"] == [3, 4]
    wait_for(lambda: controller.pids("churn", "1.0.0") == [], 20, "the old version's end")
    assert old
    assert not psutil.pid_exists(old)
    states = [v["state"] for v in controller.get("/deployments/churn")["versions"]]
    assert states == ["live", "stopped"]


def test_a_version_that_dies_at_once_fails_and_the_old_one_serves(
    controller: Controller, versions: Versions, paths: Paths
) -> None:
    controller.deploy(versions.spec("churn", "1.0.0"))
    operation = controller.finished(
        controller.submit(versions.spec("churn", "1.1.0", dies="start")).id
    )
    assert operation.state == "failed"
    assert operation.stages[-1].stage == "start"
    assert operation.error
    assert operation.error["code"] == "service"
    assert "ValueError: the model is broken" in operation.error["detail"]
    assert any("the model is broken" in line for line in operation.error["facts"]["log"])
    assert "hunter2" not in str(operation.error)
    info = controller.info("churn")
    assert (info["state"], info["version"]) == ("degraded", "1.0.0")
    assert "1.1.0" in info["error"]
    assert controller.predict("churn").json()["predictions"] == [1.0, 2.0]
    wait_for(lambda: len(workers_of(paths)) == 1, 10, "the failed version's workers to end")


def test_a_version_that_answers_otherwise_never_takes_traffic(
    controller: Controller, versions: Versions
) -> None:
    controller.deploy(versions.spec("churn", "1.0.0"))
    operation = controller.finished(
        controller.submit(versions.spec("churn", "1.1.0", answers=(1.0, 2.5))).id
    )
    assert operation.state == "failed"
    assert operation.stages[-1].stage == "verify"
    assert operation.error
    assert "predictions[1] is 2.5, expected 2.0" in operation.error["detail"]
    assert controller.predict("churn").json()["predictions"] == [1.0, 2.0]


def test_a_version_that_dies_of_its_golden_request_fails(
    controller: Controller, versions: Versions
) -> None:
    operation = controller.finished(
        controller.submit(versions.spec("churn", "1.0.0", dies="predict")).id
    )
    assert operation.state == "failed"
    assert operation.stages[-1].stage == "verify"
    info = controller.info("churn")
    assert (info["state"], info["version"]) == ("failed", None)


def test_a_newer_deploy_supersedes_one_that_is_on_its_way(
    controller: Controller, versions: Versions, paths: Paths
) -> None:
    older = controller.submit(versions.spec("churn", "1.0.0", ready=False))
    wait_for(lambda: controller.pids("churn", "1.0.0") not in ([], [None]), 10, "its worker")
    controller.deploy(versions.spec("churn", "1.1.0"))
    operation = controller.operation(older.id)
    assert operation.state == "failed"
    assert operation.error
    assert operation.error["code"] == "conflict"
    assert "superseded by 1.1.0" in operation.error["detail"]
    wait_for(lambda: len(workers_of(paths)) == 1, 10, "the superseded workers to end")


def test_a_slow_start_delays_no_other_deployment(
    controller: Controller, versions: Versions
) -> None:
    slow = controller.submit(versions.spec("slow", "1.0.0", ready=False))
    controller.deploy(versions.spec("quick", "2.0.0"))
    assert controller.operation(slow.id).state == "running"
    versions.behave("1.0.0")
    assert controller.finished(slow.id).state == "done"


def test_a_killed_worker_comes_back(controller: Controller, versions: Versions) -> None:
    controller.deploy(versions.spec("churn", "1.0.0", 2))
    first, second = controller.pids("churn", "1.0.0")
    assert first
    assert second
    os.kill(first, signal.SIGKILL)
    wait_for(lambda: controller.info("churn")["restarts"] == 1, 10, "the death to be seen")
    info = controller.until_state("churn", "running")
    assert (info["ready"], info["restarts"]) == (2, 1)
    after = controller.pids("churn", "1.0.0")
    assert after[1] == second
    assert after[0] not in (None, first)
    died = [event for event in controller.events() if event.kind == "worker.died"]
    assert died[-1].data["exit_code"] == -9
    assert controller.predict("churn").status_code == 200


def test_a_killed_gateway_is_back_within_two_seconds(
    controller: Controller, versions: Versions
) -> None:
    controller.deploy(versions.spec("churn", "1.0.0"))
    pid = controller.get("/controller")["gateway"]["pid"]
    os.kill(pid, signal.SIGKILL)

    def back() -> bool:
        gateway = controller.get("/controller")["gateway"]
        return gateway["running"] and gateway["pid"] not in (None, pid)

    wait_for(back, 2, "the gateway to be back")
    wait_for(lambda: controller.predict("churn").status_code == 200, 2, "an answer")
    kinds = [event.kind for event in controller.events()]
    assert kinds.count("gateway.died") == 1
    assert kinds.count("gateway.started") == 2


def test_stop_start_and_remove(controller: Controller, versions: Versions, paths: Paths) -> None:
    controller.deploy(versions.spec("churn", "1.0.0"))
    answer = controller.http.put("/deployments/churn/state", json={"running": False})
    assert answer.json()["state"] == "stopped", answer.text
    assert workers_of(paths) == set()
    assert controller.predict("churn").status_code == 404
    controller.http.put("/deployments/churn/state", json={"running": True})
    controller.until_state("churn", "running")
    assert controller.predict("churn").status_code == 200
    assert controller.http.delete("/deployments/churn").status_code == 204
    assert workers_of(paths) == set()
    assert controller.get("/deployments") == []
    assert controller.http.get("/deployments/churn").status_code == 404
    kinds = [event.kind for event in controller.events()]
    assert kinds.count("deployment.removed") == 1
    again = controller.http.post("/deployments/churn/reservations", json={})
    assert again.json() == {"version": "1.1.0"}


def test_a_missing_interpreter_is_named(controller: Controller, versions: Versions) -> None:
    spec = versions.spec("churn", "1.0.0").model_copy(update={"interpreter": "/nowhere/python"})
    operation = controller.finished(controller.submit(spec).id)
    assert operation.state == "failed"
    assert operation.error
    assert "/nowhere/python" in operation.error["detail"]
    assert "deploy the model again" in operation.error["hint"]
