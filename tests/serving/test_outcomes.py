"""Each thing that can go wrong with a request, over real HTTP, and the status it ends in."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from jupyter_deploy.serving.http.lane import Limits
from tests.serving.asgi import Served
from tests.serving.live import Wire, live
from tests.serving.packs import column, mixed_onnx, native, ridge_onnx, signature
from tests.waiting import wait_for

PROBLEM = "application/problem+json"
LIMIT = 10_000
ROW = {"income": 1.5, "age": 30, "city": "Bern", "member": True}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service of mixed columns that takes at most five rows."""
    sig, model, rows = mixed_onnx()
    limited = replace(sig, max_rows=5)
    folder = tmp_path_factory.mktemp("mixed")
    with live(Served(folder, (limited, model, rows), limits=Limits(body=LIMIT))) as port:
        yield f"http://127.0.0.1:{port}"


def row(**values: str) -> bytes:
    """One record as text; values are JSON."""
    text = {"income": "1.5", "age": "30", "city": '"Bern"', "member": "true", **values}
    return ("{" + ",".join(f'"{k}":{v}' for k, v in text.items()) + "}").encode()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"[" + row() + b"]", 200),
        (b"[" + b",".join([row()] * 5) + b"]", 200),
        (b"[" + b",".join([row()] * 6) + b"]", 422),
        (b"[]", 422),
        (b'{"income":[],"age":[],"city":[],"member":[]}', 422),
        (b"", 400),
        (b"   ", 400),
        (b"income=1.5", 400),
        (b"[" + row(), 400),
        (row()[:-7], 400),
        (row() + row(), 400),
        (b"[" * 1000 + b"]" * 1000, 422),
        (b"[" * 4000 + b"]" * 4000, 400),
        (b'{"a":' * 1500 + b"1" + b"}" * 1500, 400),
        (row(city="[" * 900 + "]" * 900), 422),
        (row(income='1.5,"income":2'), 400),
        (row(income='1.5,"inc\\u006fme":2'), 400),
        (row(age="1" * 19), 200),
        (row(age="1" * 20), 422),
        (row(age="9" * 3000), 400),
        (row(age="30.0"), 200),
        (row(age="30.5"), 422),
        (row(income="1e39"), 422),
        (row(income="1" + "0" * 400), 400),
        (row(income="1e400"), 400),
        (row(income="-1e400"), 400),
        (row(income="1e-400"), 200),
        (row(income="NaN"), 400),
        (row(income="Infinity"), 400),
        (row(income="null"), 200),
        (row(age="null"), 422),
        (row(city='"\xff"').decode().encode("latin-1"), 400),
        (row(city='"\\ud800"'), 400),
        (row(city='"Paris"'), 200),
        (row(member="1"), 422),
        (row(income='"1.5"'), 422),
        (row(extra="1"), 422),
        (b'{"income":1.5}', 422),
        (b"3", 422),
        (b'"text"', 422),
        (b"null", 422),
        (b"[1,2,3,4]", 422),
        (b'[[1.5,30,"Bern",true]]', 200),
        (b'[[1.5,30,"Bern"]]', 422),
        (b"[[1.5,30,[[]],true]]", 422),
        (b"[" + row() + b",[1]]", 422),
        (b'{"income":[1,2],"age":[1],"city":["Bern"],"member":[true]}', 422),
    ],
)
def test_bodies(url: str, body: bytes, status: int) -> None:
    answer = httpx.post(
        f"{url}/predict", content=body, headers={"content-type": "application/json"}
    )
    assert answer.status_code == status, answer.text
    if status != 200:
        document = answer.json()
        assert answer.headers["content-type"] == PROBLEM
        assert document["status"] == status
        assert document["request_id"] == answer.headers["x-request-id"]
        assert len(answer.content) < 20_000


def test_depth_in_a_column_that_is_left_out(tmp_path: Path) -> None:
    """The codec goes deeper than what looks for repeated keys."""
    sig, model, rows = mixed_onnx()
    served = Served(tmp_path, (replace(sig, policies={"extra": "pass"}), model, rows))
    with live(served) as port:
        for depth, status in ((10, 200), (1000, 400), (2000, 400)):
            # a colon in a text has every key looked at
            record = row(city='"a:b"', extra="[" * depth + "]" * depth)
            for path, body in (
                ("/predict", b"[" + record + b"]"),
                ("/invocations", b'{"instances":[' + record + b"]}"),
            ):
                headers = {"content-type": "application/json"}
                answer = httpx.post(f"http://127.0.0.1:{port}{path}", content=body, headers=headers)
                assert (path, depth, answer.status_code) == (path, depth, status)


@pytest.mark.parametrize("path", ["/predict", "/invocations", "/v2/models/churn/infer"])
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content-type": "text/plain"}, 415),
        ({"content-type": "application/x-www-form-urlencoded"}, 415),
        ({"content-type": "application/json", "content-encoding": "gzip"}, 415),
        ({"content-type": "application/json"}, 400),
    ],
)
def test_content_types(url: str, path: str, headers: dict[str, str], status: int) -> None:
    answer = httpx.post(f"{url}{path}", content=b"{", headers=headers)
    assert answer.status_code == status


def test_a_body_over_the_limit_is_refused_before_it_is_read(url: str) -> None:
    answer = httpx.post(f"{url}/predict", json=[ROW] * 1000)
    assert (answer.status_code, answer.json()["code"]) == (413, "body-too-large")
    port = httpx.URL(url).port
    assert port is not None
    # its length is known from the head; nothing of it was sent
    wire = Wire(port).send("/predict", b"", length=LIMIT + 1)
    assert wire.status() == 413
    wire.close()


def test_a_body_in_chunks_is_refused_once_it_is_over_the_limit(url: str) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(LIMIT // 100 + 2):
            yield b" " * 100

    headers = {"content-type": "application/json"}
    assert httpx.post(f"{url}/predict", content=chunks(), headers=headers).status_code == 413
    # BentoML's client sends all of its bodies in chunks
    whole = httpx.post(f"{url}/predict", content=iter([b"[", row(), b"]"]), headers=headers)
    assert whole.status_code == 200


def test_a_body_that_breaks_off_is_nobodys_answer(url: str) -> None:
    port = httpx.URL(url).port
    assert port is not None
    wire = Wire(port).send("/predict", b"[" + row(), length=500)
    wire.close()
    text = httpx.get(f"{url}/metrics").text
    wait_for(
        lambda: 'code="499"' in httpx.get(f"{url}/metrics").text,
        10,
        f"the broken request in {text}",
    )
    assert httpx.post(f"{url}/predict", json=ROW).status_code == 200


def test_output_that_is_no_number_is_null(tmp_path: Path) -> None:
    def model(array: Any) -> Any:
        import numpy as np

        with np.errstate(all="ignore"):
            return np.array([np.nan, np.inf, -np.inf, 1.0])[: len(array)]

    packed = (signature(column("x0"), layout="array"), native(model), [[1.0]])
    with live(Served(tmp_path, packed, "native")) as port:
        base = f"http://127.0.0.1:{port}"
        for path, body in (
            ("/predict", [[0.0]] * 4),
            ("/invocations", {"instances": [[0.0]] * 4}),
        ):
            answer = httpx.post(f"{base}{path}", json=body)
            assert answer.json() == {"predictions": [None, None, None, 1.0]}


def test_a_model_that_raises(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def model(array: Any) -> Any:
        return [1 / value for value in array[:, 0].tolist()]

    logging.getLogger("bentoml").propagate = True
    packed = (signature(column("x0"), layout="array"), native(model), [[1.0]])
    with live(Served(tmp_path, packed, "native")) as port:
        base = f"http://127.0.0.1:{port}"
        for path, body in (("/predict", [[0.0]]), ("/invocations", {"instances": [[0.0]]})):
            name = f"find-{path[1:]}"
            answer = httpx.post(f"{base}{path}", json=body, headers={"x-request-id": name})
            assert answer.status_code == 500
            assert answer.headers["content-type"] == PROBLEM
            assert answer.json()["request_id"] == name
            assert "ZeroDivision" not in answer.text
            assert "Traceback" not in answer.text
            assert name in caplog.text
        assert "ZeroDivisionError" in caplog.text
        assert httpx.post(f"{base}/predict", json=[[2.0]]).json() == {"predictions": [0.5]}


class Gate:
    """A native model that works until it is let go, one request after another."""

    def __init__(self, folder: Path, in_flight: int) -> None:
        self.open = threading.Event()
        self.seen: list[float] = []
        sig = signature(column("x0"), layout="array")
        packed = (sig, native(lambda array: array[:, 0]), [[0.0]])
        limits = Limits(in_flight=in_flight)
        self.served = Served(folder, packed, "native", limits=limits)
        engine = self.served.runtime.engine
        assert engine is not None
        run = engine.run

        def gated(batch: Any) -> Any:
            self.seen.extend(batch[:, 0].tolist())
            assert self.open.wait(30)
            return run(batch)

        engine.run = gated  # type: ignore[method-assign]


def in_flight(port: int) -> float:
    text = httpx.get(f"http://127.0.0.1:{port}/metrics").text
    lines = [line for line in text.splitlines() if line.startswith("jupyter_deploy_requests_in_f")]
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines)


def under_way(port: int, number: int) -> bool:
    return in_flight(port) == number


def test_overload_and_a_client_that_hangs_up(tmp_path: Path) -> None:
    gate = Gate(tmp_path, in_flight=3)
    with live(gate.served) as port:
        base = f"http://127.0.0.1:{port}"
        wires = {}
        for number, name in enumerate(("runs", "leaves", "waits"), 1):
            wires[name] = Wire(port).send("/predict", b"[[%d]]" % number)
            wait_for(partial(under_way, port, number), 10, f"{name} to be in flight")
        refused = httpx.post(f"{base}/predict", json=[[4]])
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        assert refused.json()["code"] == "busy"
        # the event loop is free all the while
        assert httpx.get(f"{base}/healthz").status_code == 200
        # one that waits for its turn and goes away makes room, and the model never sees it
        wires["leaves"].close()
        wait_for(partial(under_way, port, 2), 10, "the place to be free")
        # so does one whose body is still to come
        wires["half"] = Wire(port).send("/predict", b"[[", length=100)
        wait_for(partial(under_way, port, 3), 10, "the half body to be in flight")
        wires["half"].close()
        wait_for(partial(under_way, port, 2), 10, "its place to be free")
        wires["next"] = Wire(port).send("/predict", b"[[5]]")
        wait_for(partial(under_way, port, 3), 10, "the next one to be in flight")
        gate.open.set()
        assert [wires[name].status() for name in ("runs", "waits", "next")] == [200] * 3
        assert gate.seen == [1.0, 3.0, 5.0]
        wait_for(partial(under_way, port, 0), 10, "the end of all")
        text = httpx.get(f"{base}/metrics").text
        assert 'code="499"' in text
        assert 'code="503"' in text
        for wire in wires.values():
            wire.close()


def test_an_array_model_takes_numbers_only(tmp_path: Path) -> None:
    with live(Served(tmp_path, ridge_onnx())) as port:
        url = f"http://127.0.0.1:{port}/predict"
        good = ridge_onnx()[2][:1]
        for value, status in ((1, 200), (1e39, 422), ("1", 422), (None, 422), (True, 422)):
            answer = httpx.post(url, json=[[value, *good[0][1:]]])
            assert (value, answer.status_code) == (value, status)
