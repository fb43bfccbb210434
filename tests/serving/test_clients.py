"""Other people's clients and plain HTTP, through the gateway with its key."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from jupyter_deploy.config import Paths
from jupyter_deploy.gateway.envoy import Gateway, free_port
from jupyter_deploy.gateway.plan import Backend, Route, TrafficPlan
from jupyter_deploy.serving.threads import VARIABLES
from tests.serving.packs import NAME, VERSION, column, native, pack, project, signature
from tests.serving.workers import predict_by_bentoml, worker
from tests.waiting import wait_for

KEY = "a-key-for-these-tests"
ID, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
ROWS = [{"age": 30, "city": "Bern"}, {"age": 41, "city": "Oslo"}]


def model(table: Any) -> Any:
    """Answers the ages; in the city of Trace the trace it is called in, in that of Threads how
    many threads BLAS and OpenMP would use."""
    import numpy as np
    import sklearn.ensemble  # noqa: F401  brings OpenMP
    from model_runtime import trace
    from threadpoolctl import threadpool_info

    if (table["city"] == "Threads").any():
        pools = {pool["user_api"]: str(pool["num_threads"]) for pool in threadpool_info()}
        return np.full(len(table), pools["blas"] + pools["openmp"], dtype=object)
    current = trace.current()
    named = "" if current is None else f"{current.trace_id} {current.tracestate}"
    traced = (table["city"] == "Trace").to_numpy()
    return np.where(traced, named, table["age"].astype(str).to_numpy()).astype(object)


@dataclass
class Service:
    """A worker behind a gateway.

    Attributes
    ----------
    behind
        Address through the gateway.
    """

    behind: str
    key: dict[str, str]


@pytest.fixture(scope="module")
def unbounded() -> Iterator[None]:
    """None of the variables is set, as in a plain shell."""
    with pytest.MonkeyPatch.context() as patch:
        for name in VARIABLES:
            patch.delenv(name, raising=False)
        yield


@pytest.fixture(scope="module")
def service(
    unbounded: None, shared_paths: Paths, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    folder = project(tmp_path_factory.mktemp("project"))
    sig = signature(column("age", "int64"), column("city", "object"))
    packed = native(model)
    pack(folder / "model", sig, packed, ROWS[:1], "native")
    run = shared_paths.runtime / os.urandom(3).hex()
    run.mkdir()
    with asyncio.Runner() as runner, worker(str(folder), run, run / "metrics") as (uds, _, path):
        wait_for(lambda: uds.get("/healthz").status_code == 200, 30, "the worker")
        gateway = Gateway(shared_paths.gateway, shared_paths.logs)
        port = free_port()
        backend = Backend(NAME, VERSION, (path,))
        plan = TrafficPlan(1, port, KEY, (backend,), (Route(NAME, ((VERSION, 100),)),))
        try:
            runner.run(gateway.ensure(plan))
            behind = f"http://127.0.0.1:{port}/{NAME}"
            wait_for(
                lambda: httpx.get(f"{behind}/healthz", headers={"x-api-key": KEY}).is_success,
                20,
                "the gateway",
            )
            yield Service(behind, {"x-api-key": KEY})
        finally:
            runner.run(gateway.stop(timeout=0))


def test_bentomls_clients(service: Service) -> None:
    """Their token is the gateway's key."""
    answer = {"predictions": ["30", "41"]}
    assert predict_by_bentoml(service.behind, ROWS, KEY) == [answer, answer]


def test_one_thread_each(service: Service) -> None:
    rows = [{"age": 1, "city": "Threads"}]
    answer = httpx.post(f"{service.behind}/predict", json=rows, headers=service.key)
    assert answer.json() == {"predictions": ["11"]}


def test_the_trace_reaches_the_model_through_the_gateway(service: Service) -> None:
    traced = {"traceparent": f"00-{ID}-{PARENT}-01", "tracestate": "congo=t61,rojo=00f0"}
    rows = [{"age": 1, "city": "Trace"}]
    url = f"{service.behind}/predict"
    answer = httpx.post(url, json=rows, headers=service.key | traced)
    assert answer.json() == {"predictions": [f"{ID} congo=t61,rojo=00f0"]}
    assert answer.headers["traceparent"] == traced["traceparent"]
    answer = httpx.post(url, json=rows, headers=service.key)
    assert answer.json() == {"predictions": [""]}
    assert "traceparent" not in answer.headers


def test_mlflows_protocol_through_the_gateway(service: Service) -> None:
    url, text = f"{service.behind}/invocations", "age,city\n30,Bern\n41,Oslo\n"
    for more in ({"json": {"dataframe_records": ROWS}}, {"json": {"inputs": ROWS}}):
        answer = httpx.post(url, headers=service.key, **more)  # type: ignore[arg-type]
        assert answer.json() == {"predictions": ["30", "41"]}
    headers = {**service.key, "content-type": "text/csv"}
    answer = httpx.post(url, content=text, headers=headers)
    assert answer.json() == {"predictions": ["30", "41"]}
    assert httpx.get(f"{service.behind}/ping", headers=service.key).status_code == 200
    # the key is asked for here too
    assert httpx.post(url, content=text, headers={"content-type": "text/csv"}).status_code == 401


def test_the_documents_are_right_where_they_are_served(service: Service) -> None:
    page = httpx.get(f"{service.behind}/docs", headers=service.key)
    assert page.status_code == 200
    assert 'href="openapi.json"' in page.text
    url = httpx.URL(f"{service.behind}/openapi.json")
    found = httpx.get(url, headers=service.key).json()
    # tools join the path to the server's address, which is relative to the document's
    server = str(url.join(found["servers"][0]["url"])).rstrip("/")
    assert server == service.behind
    for path, item in found["paths"].items():
        if "get" in item:
            assert httpx.get(f"{server}{path}", headers=service.key).status_code == 200, path
    example = found["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]
    for value in example["examples"].values():
        answer = httpx.post(f"{server}/predict", json=value["value"], headers=service.key)
        assert answer.json() == {"predictions": ["30"]}


def test_errors_keep_their_form_through_the_gateway(service: Service) -> None:
    for path, key in (("/predict", "errors"), ("/invocations", "error_code")):
        body = {"instances": [{"age": "old"}]} if path == "/invocations" else [{"age": "old"}]
        answer = httpx.post(f"{service.behind}{path}", json=body, headers=service.key)
        assert answer.status_code == (400 if path == "/invocations" else 422)
        assert answer.headers["content-type"] == "application/problem+json"
        assert key in answer.json()


def test_nothing_of_it_is_in_the_log_as_a_traceback(service: Service, shared_paths: Paths) -> None:
    logs = list(Path(shared_paths.runtime).rglob("?.log"))
    assert logs
    assert not [path for path in logs if "Traceback" in path.read_text()]
