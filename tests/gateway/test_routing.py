"""The URL space of a running gateway: paths, key, host, bodies, and what is said about errors."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from jupyter_deploy._version import __version__
from jupyter_deploy.serving.oip import EXTENSIONS, SERVER
from tests.gateway.conftest import Bench
from tests.gateway.parts import KEY, Answer, call, plan
from tests.waiting import wait_for


@pytest.fixture(scope="module")
def gate(shared: Bench) -> Bench:
    """``churn`` with two versions of which 1.0.0 serves, and ``churn-eu``."""
    backends = (
        shared.workers.start("churn", "1.0.0"),
        shared.workers.start("churn-eu", "2.0.0"),
    )
    shared.run(shared.gateway.ensure(plan(shared.port, *backends)))
    return shared


def _problem(answer: Answer, status: int) -> Any:
    assert answer.status == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json
    assert problem["status"] == status
    assert problem["type"].startswith("urn:jupyter-deploy:gateway:")
    assert problem["title"]
    assert problem["detail"]
    assert problem["request_id"] == answer.headers.get("x-request-id")
    assert "x-model-version" not in answer.headers
    return problem


@pytest.mark.parametrize(
    ("path", "deployment", "arrives"),
    [
        ("/churn/predict", "churn", "/predict"),
        ("/churn/", "churn", "/"),
        ("/churn", "churn", "/"),
        ("/churn/v2/health/ready", "churn", "/v2/health/ready"),
        ("/churn/churn/predict", "churn", "/churn/predict"),
        ("/churn-eu/predict", "churn-eu", "/predict"),
        ("/v2/models/churn", "churn", "/v2/models/churn"),
        ("/v2/models/churn/infer", "churn", "/v2/models/churn/infer"),
        ("/v2/models/churn/ready", "churn", "/v2/models/churn/ready"),
        ("/v2/models/churn/versions/1.0.0/infer", "churn", "/v2/models/churn/versions/1.0.0/infer"),
        ("/v2/models/churn-eu/infer", "churn-eu", "/v2/models/churn-eu/infer"),
        ("//churn/./predict", "churn", "/predict"),
    ],
)
def test_paths(gate: Bench, path: str, deployment: str, arrives: str) -> None:
    answer = call(gate.port, path, {"wait": 0})
    assert answer.status == 200
    assert (answer.json["deployment"], answer.json["path"]) == (deployment, arrives)


def test_query_is_kept(gate: Bench) -> None:
    assert call(gate.port, "/churn?a=1&b=%2F").json["query"] == "a=1&b=%2F"
    assert call(gate.port, "/churn/predict?a=1").json["query"] == "a=1"


@pytest.mark.parametrize(
    "path", ["/", "/churnx/predict", "/chur", "/predict", "/v2/models", "/v2/models/churnx", "/v3"]
)
def test_nothing_there(gate: Bench, path: str) -> None:
    problem = _problem(call(gate.port, path), 404)
    assert "deployment" in problem["detail"]
    # the one member that clients of the Open Inference Protocol know
    assert problem["error"] == problem["detail"]


@pytest.mark.parametrize("path", ["/churn/../v2", "/churn/%2e%2e/v2"])
def test_dots_do_not_escape(gate: Bench, path: str) -> None:
    assert call(gate.port, path).json["name"] == "jupyter-model-deploy"


def test_encoded_slash(gate: Bench) -> None:
    assert "encoded slash" in _problem(call(gate.port, "/churn%2fpredict"), 400)["detail"]


def test_every_answer_says_who(gate: Bench) -> None:
    answer = call(gate.port, "/churn/predict", {}, headers={"x-request-id": "mine-1"})
    assert answer.headers["x-request-id"] == "mine-1"
    assert answer.json["headers"]["x-request-id"] == "mine-1"
    assert answer.headers["x-model-version"] == "1.0.0"
    made = call(gate.port, "/churn-eu/predict", {})
    assert len(made.headers["x-request-id"]) == 36
    assert made.headers["x-model-version"] == "2.0.0"


@pytest.mark.parametrize(
    "headers",
    [
        {"x-api-key": KEY},
        {"x-api-key": None, "authorization": f"Bearer {KEY}"},
        {"x-api-key": KEY, "authorization": "Bearer something-else"},
    ],
)
def test_key(gate: Bench, headers: dict[str, str | None]) -> None:
    answer = call(gate.port, "/churn/predict", {}, headers=headers)
    assert answer.status == 200
    assert not {"x-api-key", "authorization"} & set(answer.json["headers"])
    assert KEY not in answer.text


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-api-key": ""},
        {"x-api-key": "wrong"},
        {"x-api-key": KEY[:-1]},
        {"x-api-key": KEY.upper()},
        {"x-api-key": f"{KEY},{KEY}"},
        {"authorization": KEY},
        {"authorization": f"Basic {KEY}"},
        {"authorization": "Bearer"},
        {"cookie": f"x-api-key={KEY}"},
    ],
)
@pytest.mark.parametrize(
    "path", ["/churn/predict", "/v2", "/v2/health/ready", "/v2/models/churn/infer", "/nope"]
)
def test_no_key(gate: Bench, headers: dict[str, str | None], path: str) -> None:
    answer = call(gate.port, path, {}, key=None, headers=headers)
    assert "x-api-key: KEY" in _problem(answer, 401)["detail"]
    assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "LOCALHOST"])
@pytest.mark.parametrize("with_port", [True, False])
def test_own_hosts(gate: Bench, host: str, with_port: bool) -> None:
    name = f"{host}:{gate.port}" if with_port else host
    assert call(gate.port, "/churn/predict", {}, headers={"host": name}).status == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "localhost.evil.example", "127.0.0.1.nip.io", "localhost:1", "192.0.2.1"],
)
def test_other_hosts(gate: Bench, host: str) -> None:
    """Also with the right key: it would be a page that made its own name mean 127.0.0.1."""
    answer = call(gate.port, "/churn/predict", {}, headers={"host": host})
    assert "localhost" in _problem(answer, 421)["detail"]


@pytest.mark.parametrize(
    "kind",
    [
        "application/json",
        "application/json; charset=utf-8",
        "Application/JSON",
        "application/octet-stream",
        "application/vnd.kserve.v2+json",
        "application/problem+json",
        "text/csv",
        "text/csv; charset=utf-8; header=present",
    ],
)
def test_bodies_taken(gate: Bench, kind: str) -> None:
    assert call(gate.port, "/churn/predict", {}, headers={"content-type": kind}).status == 200


@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "text/plain; application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonp",
        "xapplication/json",
        "text/csvx",
        "text/plain; text/csv",
        "text/plain, text/csv",
        "",
    ],
)
@pytest.mark.parametrize("path", ["/churn/predict", "/v2/models/churn/infer", "/nope"])
def test_bodies_refused(gate: Bench, kind: str, path: str) -> None:
    answer = call(gate.port, path, {}, headers={"content-type": kind})
    assert "application/json" in _problem(answer, 415)["detail"]


def test_no_content_type_is_for_programs_only(gate: Bench) -> None:
    """Triton's client sends none; a page's request without one says where it comes from."""
    bare: dict[str, str | None] = {"content-type": None}
    assert call(gate.port, "/v2/models/churn/infer", {}, headers=bare).status == 200
    for origin in ("https://evil.example", "null"):
        answer = call(gate.port, "/churn/predict", {}, headers={**bare, "origin": origin})
        _problem(answer, 415)


def test_body_limit(gate: Bench) -> None:
    assert call(gate.port, "/churn/predict", b" " * (10 << 20)).json["bytes"] == 10 << 20
    assert "10 MiB" in _problem(call(gate.port, "/churn/predict", b" " * (11 << 20)), 413)["detail"]


def test_protocol_of_the_server(gate: Bench) -> None:
    for path in ("/v2", "/v2/"):
        answer = call(gate.port, path)
        assert answer.status == 200
        assert answer.headers["content-type"] == "application/json"
        # as a worker says of itself
        extensions = list(EXTENSIONS)
        assert answer.json == {"name": SERVER, "version": __version__, "extensions": extensions}
    assert call(gate.port, "/v2/health/live").json == {"live": True}
    index = call(gate.port, "/v2/repository/index", b"", headers={"content-type": None})
    assert index.json == [
        {"name": "churn", "version": "1.0.0"},
        {"name": "churn-eu", "version": "2.0.0"},
    ]


def test_ready(gate: Bench) -> None:
    answer = wait_for(lambda: _ready(gate), 5, "readiness")
    assert answer.json == {"ready": True}
    assert not [name for name in answer.headers if name.startswith("x-envoy")]


def _ready(gate: Bench) -> Answer | None:
    answer = call(gate.port, "/v2/health/ready")
    return answer if answer.status == 200 else None


def test_clients_do_not_steer_envoy(gate: Bench) -> None:
    answer = call(
        gate.port,
        "/churn/predict",
        {"wait": 0.2},
        headers={
            "x-envoy-upstream-rq-timeout-ms": "1",
            "x-envoy-retry-on": "5xx",
            "x-envoy-original-path": "/x",
            "x-envoy-decorator-operation": "x",
        },
    )
    assert answer.status == 200
    assert not [name for name in answer.headers if name.startswith("x-envoy")]


def test_errors_of_a_model_pass_unchanged(gate: Bench) -> None:
    for status in (400, 422, 500, 503):
        answer = call(gate.port, "/churn/predict", {"status": status})
        assert answer.status == status
        assert answer.json["deployment"] == "churn"
    # and don't get its worker ejected
    assert call(gate.port, "/churn/predict", {}).status == 200


def test_counts(gate: Bench) -> None:
    call(gate.port, "/churn/predict", {})
    before = wait_for(
        lambda: gate.run(gate.gateway.stats()).get(("churn", "1.0.0")), 5, "the first count"
    )
    for status in (200, 200, 418, 500):
        call(gate.port, "/churn/predict", {"status": status})

    def more(code: int) -> int:
        now = gate.run(gate.gateway.stats())["churn", "1.0.0"]
        return now.codes.get(code, 0) - before.codes.get(code, 0)

    wait_for(lambda: more(500) == 1, 5, "the counts")
    assert (more(200), more(418)) == (2, 1)
    found = gate.run(gate.gateway.stats())
    assert {name for name, _ in found} <= {"churn", "churn-eu"}
    assert found["churn", "1.0.0"].errors - before.errors == 1


def test_access_log_has_no_secrets(gate: Bench) -> None:
    mark = "find-me-7"
    call(gate.port, "/churn/predict?token=hush", {"body": "hush"}, headers={"x-request-id": mark})
    call(gate.port, "/churn/predict", {}, key="wrong-key-hush", headers={"x-request-id": "no"})
    log = gate.gateway.files.access_log
    text = wait_for(lambda: mark in log.read_text() and log.read_text(), 10, "the access log")
    (line,) = (json.loads(line) for line in text.splitlines() if mark in line)
    assert line["deployment"] == "churn"
    assert line["version"] == "1.0.0"
    assert line["revision"] == "1"
    assert line["status"] == 200
    assert line["worker"].endswith("churn-1.0.0-0")
    assert KEY not in text
    assert "hush" not in text
    assert KEY not in gate.gateway.files.log.read_text()
    assert log.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("path", "logged", "status"),
    [
        ("/churn/predict?token=hush", "/churn/predict", 200),
        ("/churn?token=hush", "/churn", 200),
        ("//churn-eu/./predict", "/churn-eu/predict", 200),
        ("/v2/models/churn/infer", "/v2/models/churn/infer", 200),
        ("/nobody/predict?token=hush", "/nobody/predict", 404),
        ("/churn%2fpredict?token=hush", "/churn/predict", 400),
        ("/churn/" + 300 * "x", ("/churn/" + 300 * "x")[:256], 200),
    ],
)
def test_access_log_has_the_clients_path(gate: Bench, path: str, logged: str, status: int) -> None:
    mark = f"path-{status}-{len(path)}"
    sent: dict[str, str | None] = {"x-request-id": mark, "x-envoy-original-path": "/forged"}
    answer = call(gate.port, path, {"wait": 0}, headers=sent)
    assert answer.status == status
    log = gate.gateway.files.access_log
    text = wait_for(lambda: mark in log.read_text() and log.read_text(), 10, "the access log")
    (line,) = (json.loads(line) for line in text.splitlines() if f'"{mark}"' in line)
    assert line["path"] == logged
    assert "hush" not in json.dumps(line)
    if status == 200:
        assert "x-envoy-original-path" not in answer.json["headers"]


def test_admin_answers_nothing_it_should_not(gate: Bench) -> None:
    transport = httpx.HTTPTransport(uds=str(gate.gateway.files.admin_socket))
    assert gate.gateway.files.admin_socket.stat().st_mode & 0o077 == 0
    with httpx.Client(transport=transport, base_url="http://admin") as client:
        for path in ("/config_dump", "/config_dump?resource=dynamic_route_configs", "/init_dump"):
            answer = client.get(path)
            assert answer.status_code == 403
            assert KEY not in answer.text
        for path in ("/quitquitquit", "/logging?level=debug", "/healthcheck/fail"):
            assert client.post(path).status_code == 403
        for path in ("/stats", "/clusters", "/listeners", "/server_info"):
            answer = client.get(path)
            assert answer.status_code == 200
            assert KEY not in answer.text
