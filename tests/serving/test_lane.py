"""The lane as a client of HTTP sees it."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest

from jupyter_deploy.gateway.plan import BODY_MAX
from jupyter_deploy.serving.http.lane import Limits
from tests.serving.asgi import Served
from tests.serving.packs import VERSION, column, forest_onnx, native, ridge_onnx, signature

PROBLEM = "application/problem+json"


@pytest.fixture
def served(tmp_path: Path) -> Served:
    return Served(tmp_path, forest_onnx())


@pytest.fixture
def slow(tmp_path: Path) -> Served:
    """A native model: answers 1/x, so that 0 makes it raise."""

    def model(array: Any) -> Any:
        return [1 / value for value in array[:, 0].tolist()]

    sig = signature(column("x0"), layout="array")
    return Served(tmp_path, (sig, native(model), [[1.0]]), "native", limits=Limits(in_flight=2))


def test_predict(served: Served) -> None:
    answer = served.predict(served.rows[:3])
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    document = answer.json()
    assert sorted(document) == ["classes", "predictions", "probabilities"]
    assert [len(document[key]) for key in ("predictions", "probabilities")] == [3, 3]
    one = served.predict(served.rows[0]).json()
    assert one["predictions"] == document["predictions"][:1]


def test_invalid_input_names_the_cell(served: Served) -> None:
    answer = served.predict([served.rows[0], {**served.rows[1], "mean radius": "wide"}])
    assert answer.status_code == 422
    assert answer.headers["content-type"] == PROBLEM
    document = answer.json()
    assert document["errors"] == [
        {
            "row": 1,
            "column": "mean radius",
            "got": "the string 'wide'",
            "expected": "a number",
        }
    ]
    assert document["status"] == 422
    assert document["type"] == "urn:jupyter-deploy:invalid-input"
    assert document["request_id"] == answer.headers["x-request-id"]


def test_malformed_body(served: Served) -> None:
    answer = served.predict(b'[{"mean radius": ')
    assert (answer.status_code, answer.headers["content-type"]) == (400, PROBLEM)


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 200),
        ("application/json; charset=utf-8", 200),
        ("Application/JSON ;charset=UTF-8", 200),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("application/jsonx", 415),
        ("multipart/form-data; boundary=application/json", 415),
        (None, 415),
    ],
)
def test_content_type(served: Served, content_type: str | None, status: int) -> None:
    import orjson

    body = orjson.dumps(served.rows)
    headers = {} if content_type is None else {"content_type": content_type}
    assert served.call("POST", "/predict", body, **headers).status_code == status


def test_content_encoding(served: Served) -> None:
    assert served.predict(served.rows, content_encoding="identity").status_code == 200
    assert served.predict(served.rows, content_encoding="gzip").status_code == 415


def test_a_worker_takes_the_bodies_that_the_gateway_takes() -> None:
    assert Limits().body == BODY_MAX


def test_body_limit(tmp_path: Path) -> None:
    served = Served(tmp_path, ridge_onnx(), limits=Limits(body=1000))
    assert served.predict(served.rows[:1]).status_code == 200
    answer = served.predict(b"[" + b" " * 1000)
    assert (answer.status_code, answer.headers["content-type"]) == (413, PROBLEM)

    async def in_chunks() -> list[Any]:
        sent: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": b" " * 400, "more_body": True}

        async def send(message: Any) -> None:
            sent.append(message)

        headers = [(b"content-type", b"application/json")]
        scope = {"type": "http", "method": "POST", "path": "/predict", "headers": headers}
        await served.lane(scope, receive, send)
        return sent

    assert asyncio.run(in_chunks())[0]["status"] == 413


def test_a_client_that_goes_away_is_not_answered(served: Served) -> None:
    async def leave() -> list[Any]:
        messages = [
            {"type": "http.request", "body": b"[", "more_body": True},
            {"type": "http.disconnect"},
        ]
        sent: list[Any] = []

        async def receive() -> Any:
            return messages.pop(0)

        async def send(message: Any) -> None:
            sent.append(message)

        headers = [(b"content-type", b"application/json")]
        scope = {"type": "http", "method": "POST", "path": "/predict", "headers": headers}
        await served.lane(scope, receive, send)
        return sent

    assert asyncio.run(leave()) == []
    assert 'code="499"' in served.call("GET", "/metrics").text


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("GET", "/predict", 405, "POST"),
        ("HEAD", "/predict", 405, "POST"),
        ("PUT", "/predict", 405, "POST"),
        ("OPTIONS", "/predict", 405, "POST"),
        ("POST", "/healthz", 405, "GET, HEAD"),
        ("DELETE", "/metrics", 405, "GET, HEAD"),
        ("POST", "/v2", 405, "GET, HEAD"),
        ("GET", "/v2/models/churn/infer", 405, "POST"),
        ("GET", "/v2/nothing", 404, None),
    ],
)
def test_methods(served: Served, method: str, path: str, status: int, allow: str | None) -> None:
    answer = served.call(method, path)
    assert (answer.status_code, answer.headers.get("allow")) == (status, allow)


@pytest.mark.parametrize("path", ["/healthz", "/v2", "/v2/models/churn", "/v2/health/ready"])
def test_head_is_get_without_the_body(served: Served, path: str) -> None:
    get, head = served.call("GET", path), served.call("HEAD", path)
    assert get.status_code == head.status_code == 200
    assert head.content == b""
    assert head.headers["content-length"] == str(len(get.content))


@pytest.mark.parametrize(
    ("given", "echoed"),
    [
        ("abc-123", True),
        ("x" * 128, True),
        ("x" * 129, False),
        ("two words", False),
        ("tab\there", False),
        ("", False),
    ],
)
def test_request_id(served: Served, given: str, echoed: bool) -> None:
    for answer in (
        served.predict(served.rows, x_request_id=given),
        served.predict([], x_request_id=given),
        served.call("GET", "/healthz", x_request_id=given),
        served.call("GET", "/somewhere", x_request_id=given),
    ):
        assert (answer.headers["x-request-id"] == given) is echoed
        assert answer.headers["x-request-id"]


def test_ids_differ_and_every_answer_names_the_version(served: Served) -> None:
    answers = [
        served.predict(served.rows),
        served.predict([]),
        served.predict(b"{"),
        served.call("GET", "/predict"),
        served.call("GET", "/healthz"),
        served.call("GET", "/metrics"),
        served.call("GET", "/v2/models/other"),
        served.call("GET", "/docs.json"),
    ]
    assert {a.headers["x-model-version"] for a in answers} == {VERSION}
    assert len({a.headers["x-request-id"] for a in answers}) == len(answers)


def test_the_root_says_what_is_here_and_where(served: Served) -> None:
    answer = served.call("GET", "/")
    assert answer.headers["content-type"] == "application/json"
    document = answer.json()
    links = document.pop("links")
    assert document == {"name": "churn", "version": VERSION, "engine": "onnxruntime"}
    assert sorted(links) == [
        *("docs", "healthz", "invocations", "metrics", "openapi", "predict", "v2"),
    ]
    for name, link in links.items():
        # relative: behind the gateway they are below /churn/
        assert not link.startswith("/")
        allowed = {"predict": 405, "invocations": 405}.get(name, 200)
        assert served.call("GET", f"/{link}").status_code == allowed
    assert served.call("POST", "/", {}).status_code == 405


def test_the_rest_goes_to_bentoml(served: Served) -> None:
    answer = served.call("GET", "/readyz")
    assert (answer.status_code, answer.text, answer.headers["x"]) == (207, "the rest", "rest")


def test_nothing_is_ready_before_the_model_is_loaded(tmp_path: Path) -> None:
    served = Served(tmp_path, ridge_onnx(), load=False)
    for path in ("/healthz", "/v2/health/ready", "/v2/models/churn/ready", "/v2/models/churn"):
        assert served.call("GET", path).status_code == 503
    answer = served.predict(served.rows)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert served.call("GET", "/v2/health/live").status_code == 200
    served.runtime.load()
    assert served.call("GET", "/healthz").json() == {"status": "ok", "version": VERSION}
    assert served.predict(served.rows).status_code == 200


def test_a_model_that_raises(slow: Served, caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("bentoml").propagate = True
    answer = slow.predict([[0]], x_request_id="find-me")
    assert (answer.status_code, answer.headers["content-type"]) == (500, PROBLEM)
    assert answer.json()["request_id"] == "find-me"
    assert "ZeroDivision" not in answer.text
    assert "find-me" in caplog.text
    assert "ZeroDivisionError" in caplog.text
    assert slow.predict([[2]]).json() == {"predictions": [0.5]}


def test_too_many_at_once(slow: Served) -> None:
    async def burst() -> list[tuple[int, str | None]]:
        import httpx

        transport = httpx.ASGITransport(slow.lane)
        async with httpx.AsyncClient(transport=transport, base_url="http://it") as client:
            answers = await asyncio.gather(*(client.post("/predict", json=[[2]]) for _ in range(6)))
        return [(a.status_code, a.headers.get("retry-after")) for a in answers]

    answers = asyncio.run(burst())
    assert answers.count((503, "1")) == 4
    assert answers.count((200, None)) == 2
    assert slow.predict([[2]]).status_code == 200


def test_a_large_body_is_answered_off_the_loop(served: Served) -> None:
    answer = served.predict(served.rows * 100)
    assert len(answer.json()["predictions"]) == len(served.rows) * 100


def test_metrics(served: Served) -> None:
    served.predict(served.rows[:3])
    served.predict(served.rows[:2])
    served.predict([])
    text = served.call("GET", "/metrics").text
    ours = f'deployment="churn",model_version="{VERSION}"'
    for line in (
        f'jupyter_deploy_requests_total{{code="200",{ours},route="/predict"}} 2.0',
        f'jupyter_deploy_requests_total{{code="422",{ours},route="/predict"}} 1.0',
        f"jupyter_deploy_rows_total{{{ours}}} 5.0",
        f'jupyter_deploy_request_duration_seconds_count{{code="200",{ours},route="/predict"}} 2.0',
        f'jupyter_deploy_requests_in_flight{{{ours},route="/predict"}} 0.0',
        'bentoml_service_request_total{endpoint="/predict",http_response_code="200",'
        f'runner_name="churn",service_name="churn",service_version="{VERSION}"}} 2.0',
    ):
        assert _sorted(line) in {_sorted(found) for found in text.splitlines()}


def _sorted(line: str) -> tuple[str, ...]:
    """A sample without the order of its labels."""
    return tuple(sorted(line.replace("{", ",").replace("}", ",").split(",")))
