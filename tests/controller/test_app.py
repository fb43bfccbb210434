"""The API over its real socket: answers, problem documents, long polls, logs, permissions."""

from __future__ import annotations

import stat
import threading
import time

import pytest

from jupyter_deploy._version import __version__
from jupyter_deploy.config import LOG_LINES_MAX
from jupyter_deploy.exceptions import from_problem
from jupyter_deploy.types import (
    API_VERSION,
    ControllerInfo,
    DeploymentDetail,
    DeploymentInfo,
    EventPage,
    Problem,
)
from tests.controller.parts import Controller, Versions
from tests.waiting import wait_for


def test_controller_says_who_it_is(shared: Controller) -> None:
    info = ControllerInfo.model_validate(shared.get("/controller"))
    assert shared.process
    assert (info.version, info.api, info.pid) == (__version__, API_VERSION, shared.process.pid)
    assert info.home == str(shared.paths.home)
    assert info.gateway.running
    assert info.gateway.key_header == str(shared.paths.key_header)
    assert info.gateway.url == shared.info("churn")["endpoint"].removesuffix("/churn")


def test_deployments_are_listed_and_shown(shared: Controller) -> None:
    infos = [DeploymentInfo.model_validate(one) for one in shared.get("/deployments")]
    detail = DeploymentDetail.model_validate(shared.get("/deployments/churn"))
    assert infos == [detail.deployment]
    (version,) = detail.versions
    assert [process.worker for process in version.processes] == [0, 1]
    assert all(process.ready and process.pid for process in version.processes)


def test_everything_private_is_private(shared: Controller) -> None:
    paths = shared.paths
    files = [
        paths.database,
        paths.key_header,
        paths.controller_log,
        paths.controller_socket,
        paths.logs / "churn" / "1.0.0-worker0.log",
        *paths.sockets.iterdir(),
    ]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    folders = [paths.home, paths.runtime, paths.sockets, paths.logs / "churn", paths.metrics]
    assert {stat.S_IMODE(path.stat().st_mode) for path in folders} == {0o700}


def test_the_gateway_asks_for_the_key_in_the_file(shared: Controller) -> None:
    header, _, key = shared.paths.key_header.read_text().rstrip("\n").partition(": ")
    assert header == "x-api-key"
    assert len(key) >= 40
    assert shared.predict("churn").status_code == 200
    assert shared.predict("churn", **{"x-api-key": "wrong"}).status_code == 401


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/deployments/nobody", None, 404, "not-found"),
        ("DELETE", "/deployments/nobody", None, 404, "not-found"),
        ("PUT", "/deployments/nobody/state", {"running": True}, 404, "not-found"),
        ("GET", "/deployments/nobody/logs", None, 404, "not-found"),
        ("GET", "/deployments/churn/logs?version=9.9.9", None, 404, "not-found"),
        ("GET", "/operations/none", None, 404, "not-found"),
        ("GET", "/nothing", None, 404, "not-found"),
        ("POST", "/deployments/UPPER/reservations", {}, 400, "usage"),
        ("POST", "/deployments/v2/reservations", {}, 400, "usage"),
        ("POST", "/deployments/churn/versions", {"name": "churn"}, 422, "usage"),
        ("PUT", "/deployments/churn/state", {"runs": True}, 422, "usage"),
        ("GET", "/events?after=-1", None, 422, "usage"),
        ("GET", "/events?wait=31", None, 422, "usage"),
        ("GET", "/deployments/churn/logs?tail=-1", None, 422, "usage"),
        ("GET", f"/deployments/churn/logs?tail={LOG_LINES_MAX + 1}", None, 422, "usage"),
        ("POST", "/controller", {}, 405, "method-not-allowed"),
        ("PATCH", "/deployments/churn", {}, 405, "method-not-allowed"),
    ],
)
def test_errors_are_problem_documents(
    *, shared: Controller, method: str, path: str, body: object, status: int, code: str
) -> None:
    answer = shared.http.request(method, path, json=body)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["status"], problem["code"]) == (status, code)
    assert problem["detail"]
    assert Problem.model_validate(problem).code == from_problem(problem).code


def test_a_version_is_never_deployed_twice(shared: Controller, shared_versions: Versions) -> None:
    spec = shared_versions.spec("churn", "1.0.0")
    answer = shared.http.post("/deployments/churn/versions", json=spec.model_dump(mode="json"))
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    other = spec.model_copy(update={"version": "one"})
    answer = shared.http.post("/deployments/churn/versions", json=other.model_dump(mode="json"))
    assert (answer.status_code, answer.json()["code"]) == (400, "usage")
    answer = shared.http.post("/deployments/x/versions", json=spec.model_dump(mode="json"))
    assert (answer.status_code, answer.json()["code"]) == (400, "usage")


def test_reservations_grow_and_skip_what_is_taken(shared: Controller) -> None:
    def reserve(*taken: str) -> str:
        answer = shared.http.post("/deployments/fresh/reservations", json={"taken": taken})
        return str(answer.json()["version"])

    assert [reserve(), reserve(), reserve("1.7.3", "latest"), reserve("1.2.0")] == [
        "1.0.0",
        "1.1.0",
        "1.8.0",
        "1.9.0",
    ]
    # nothing to see of a name that was only reserved
    assert shared.http.get("/deployments/fresh").status_code == 404


def test_events_answer_at_once_when_there_are_some(shared: Controller) -> None:
    began = time.monotonic()
    page = EventPage.model_validate(shared.get("/events", after=0, wait=30))
    assert time.monotonic() - began < 5
    assert page.events[-1].seq == page.head
    assert [e.seq for e in page.events] == sorted({e.seq for e in page.events})
    page = EventPage.model_validate(shared.get("/events", after=0, deployment="churn"))
    assert {event.deployment for event in page.events} == {"churn"}


def test_a_waiting_reader_gets_the_next_event_and_blocks_nobody(
    shared: Controller, shared_versions: Versions
) -> None:
    head = shared.get("/controller")["head"]
    pages: list[EventPage] = []

    def read() -> None:
        pages.append(EventPage.model_validate(shared.get("/events", after=head, wait=30)))

    reader = threading.Thread(target=read)
    reader.start()
    assert shared.get("/controller")["head"] == head
    assert not pages
    shared.submit(shared_versions.spec("second", "1.0.0"))
    reader.join(10)
    assert pages[0].events[0].kind == "version.started"
    shared.until_state("second", "running")


def test_a_reader_with_nothing_to_read_gets_an_empty_page(shared: Controller) -> None:
    wait_for(lambda: shared.info("churn")["state"] == "running", 10, "churn")
    head = shared.get("/controller")["head"]
    page = EventPage.model_validate(
        shared.get("/events", after=head, wait=0.2, deployment="nobody")
    )
    assert page == EventPage(events=[], head=page.head)


def test_logs_are_read_and_followed(shared: Controller) -> None:
    page = shared.get("/deployments/churn/logs")
    assert any(line.startswith("worker 0 | ") and "loading" in line for line in page["lines"])
    assert any(line.startswith("worker 1 | ") for line in page["lines"])
    followed = shared.get("/deployments/churn/logs", after=page["position"])
    assert followed == {"lines": [], "position": page["position"]}
    with (shared.paths.logs / "churn" / "1.0.0-worker1.log").open("a") as log:
        log.write("one more\nhalf a li")
    followed = shared.get("/deployments/churn/logs", after=page["position"])
    assert followed["lines"] == ["worker 1 | one more"]
    assert len(shared.get("/deployments/churn/logs", tail=1)["lines"]) == 1
    assert shared.get("/deployments/churn/logs", tail=LOG_LINES_MAX)["lines"]
    nothing = shared.get("/deployments/churn/logs", tail=0)
    assert (nothing["lines"], nothing["position"] > 0) == ([], True)


def test_the_api_describes_itself(shared: Controller) -> None:
    document = shared.get("/openapi.json")
    assert "/v1/deployments/{name}/versions" in document["paths"]
    schemas = document["components"]["schemas"]
    assert "DeploymentInfo" in schemas
    assert set(schemas["Problem"]["required"]) >= {"type", "title", "status", "detail", "code"}
    assert "HTTPValidationError" not in schemas
    for path, methods in document["paths"].items():
        for method, told in methods.items():
            errors = {s: r for s, r in told["responses"].items() if not s.startswith("2")}
            assert list(errors) == ["default"], (method, path)
            assert errors["default"]["content"] == {
                "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
            }


def test_what_a_path_takes_is_said(shared: Controller) -> None:
    answer = shared.http.post("/controller", json={})
    assert answer.json()["detail"] == "/v1/controller takes no POST."
    assert answer.headers["allow"] == "GET"
    garbled = shared.http.put(
        "/deployments/churn/state", content=b"\xff", headers={"content-type": "application/json"}
    )
    assert garbled.status_code in (400, 422)
    assert garbled.json()["code"] == "usage"
