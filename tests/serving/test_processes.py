"""Real workers: BentoML's worker module on Unix sockets, plain ``bentoml serve``, real clients."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tritonclient.http as triton
from prometheus_client.parser import text_string_to_metric_families

from jupyter_deploy.config import Paths
from tests.models import forest
from tests.serving.packs import (
    NAME,
    VERSION,
    column,
    forest_onnx,
    mixed_native,
    native,
    pack,
    project,
    signature,
)
from tests.serving.workers import bentoml_serve, predict_by_bentoml, worker
from tests.waiting import wait_for

TAG = f"{NAME}:{VERSION}"


@pytest.fixture(scope="module")
def bento(shared_paths: Paths, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A Bento of the forest, built as packaging builds it; in another process, since building
    imports ``service`` and ``model_runtime``."""
    folder = project(tmp_path_factory.mktemp("project"))
    sig, model, rows = forest_onnx()
    pack(folder / "model", sig, model, rows[:1])
    build = (
        "import bentoml;"
        f"bentoml.bentos.build('service:svc', name='{NAME}', version='{VERSION}', build_ctx='.',"
        " include=['service.py', 'model_runtime/**', 'model/**'],"
        " python={'packages': ['numpy'], 'lock_packages': False})"
    )
    subprocess.run([sys.executable, "-c", build], cwd=folder, check=True, timeout=60)
    return TAG


@pytest.fixture
def short(tmp_path_factory: pytest.TempPathFactory, shared_paths: Paths) -> Path:
    """A folder for sockets, of a short path."""
    folder = shared_paths.runtime / os.urandom(3).hex()
    folder.mkdir()
    return folder


def samples(text: str, name: str) -> dict[str, float]:
    """Samples of one metric by their labels."""
    found = re.findall(rf"^{name}{{(.*)}} (\S+)$", text, re.MULTILINE)
    return {labels: float(value) for labels, value in found}


def test_a_worker_on_a_unix_socket(bento: str, short: Path) -> None:
    rows = forest_onnx()[2]
    with worker(bento, short, short / "metrics") as (client, _, _):
        answer = client.post("/predict", json=rows[:2], headers={"x-request-id": "abc"})
        assert answer.status_code == 200
        assert answer.headers["x-request-id"] == "abc"
        assert answer.headers["x-model-version"] == VERSION
        assert answer.json()["predictions"] == forest()[0].predict(forest()[1].head(2)).tolist()
        assert client.get("/healthz").json() == {"status": "ok", "version": VERSION}
        # what the lane doesn't answer is BentoML's, with the headers every answer has
        for path, status in (("/readyz", 200), ("/livez", 200), ("/schema.json", 200), ("/x", 404)):
            answer = client.get(path)
            assert (answer.status_code, answer.headers["x-model-version"]) == (status, VERSION)
            assert answer.headers["x-request-id"]
        # and no page of it loads anything from elsewhere: BentoML's own do
        for path in ("/", "/docs.json", "/schema.json", "/livez", "/readyz", "/docs", "/x"):
            answer = client.get(path)
            html = "html" in answer.headers.get("content-type", "")
            assert html is (path == "/docs")
            assert "googletagmanager" not in answer.text
            assert "<script" not in answer.text
        [described] = client.get("/schema.json").json()["routes"]
        assert described["route"] == "/predict"
        columns = described["input"]["items"]["properties"]
        assert list(columns) == list(rows[0])
        assert {column["type"] for column in columns.values()} == {"number"}
        assert described["output"]["properties"]["predictions"]["items"]["enum"]
        text = client.get("/metrics").text
        assert sum(samples(text, "jupyter_deploy_rows_total").values()) == 2
        own = samples(text, "bentoml_service_request_total")
        assert sum(n for labels, n in own.items() if '"/readyz"' in labels) == 2
        assert sum(n for labels, n in own.items() if '"/predict"' in labels) == 1
        for name in ("duration_seconds_count", "in_progress"):
            series = samples(text, f"bentoml_service_request_{name}")
            assert any('"/predict"' in labels for labels in series)
            assert any('"/readyz"' in labels for labels in series)
        families = list(text_string_to_metric_families(text))
        assert len(families) == len({family.name for family in families})
    assert "Traceback" not in (short / "1.log").read_text()


def test_metrics_are_summed_over_workers_and_survive_one(bento: str, short: Path) -> None:
    rows = forest_onnx()[2]
    metrics = short / "metrics"
    with ExitStack() as stack:
        one, two = (
            stack.enter_context(worker(bento, short, metrics, number, workers=2))
            for number in (1, 2)
        )
        for _ in range(3):
            assert one[0].post("/predict", json=rows[:2]).status_code == 200
        for _ in range(4):
            assert two[0].post("/predict", json=[]).status_code == 422
        for client, *_ in (one, two):
            counts = samples(client.get("/metrics").text, "jupyter_deploy_requests_total")
            predictions = {k: n for k, n in counts.items() if 'route="/predict"' in k}
            assert sorted(predictions.values()) == [3, 4]
        # a worker killed in the middle of a request leaves nothing in flight, and its counts
        hang = socket.socket(socket.AF_UNIX)
        hang.connect(one[2])
        hang.sendall(
            b"POST /predict HTTP/1.1\r\nhost: it\r\ncontent-type: application/json\r\n"
            b"content-length: 100\r\n\r\n["
        )

        def in_flight() -> float:
            text = two[0].get("/metrics").text
            return sum(samples(text, "jupyter_deploy_requests_in_flight").values())

        wait_for(lambda: in_flight() == 1, 10, "the half request to be in flight")
        one[1].send_signal(signal.SIGKILL)
        one[1].wait(10)
        hang.close()
        assert in_flight() == 0
        rows_total = samples(two[0].get("/metrics").text, "jupyter_deploy_rows_total")
        assert sum(rows_total.values()) == 6


def test_plain_bentoml_serve(bento: str, short: Path) -> None:
    rows = forest_onnx()[2]
    with bentoml_serve(bento, short, workers=2) as client:
        for _ in range(10):
            assert client.post("/predict", json=rows[:1]).status_code == 200
        assert client.get("/readyz").status_code == 200
        total = samples(client.get("/metrics").text, "jupyter_deploy_rows_total")
        assert sum(total.values()) == 10
        assert client.post("/predict", json={"a": 1}).status_code == 422
        # BentoML's own clients
        answer = client.post("/predict", json=rows[:2]).json()
        assert predict_by_bentoml(str(client.base_url), rows[:2]) == [answer, answer]


def test_a_native_model_from_a_folder(short: Path, tmp_path: Path) -> None:
    sig, model, rows = mixed_native()
    folder = project(tmp_path / "project")
    pack(folder / "model", sig, model, rows[:1], "native")
    with worker(str(folder), short, short / "metrics") as (client, _, _):
        answer = client.post("/predict", json=rows)
        assert answer.status_code == 200
        assert len(answer.json()["predictions"]) == len(rows)


def test_a_slow_native_model_leaves_the_loop_free(short: Path, tmp_path: Path) -> None:
    gate = tmp_path / "gate"

    def model(array: Any) -> Any:
        import time

        # a model that computes until the test lets it go
        deadline = time.monotonic() + 30
        while array[0, 0] > 0 and not gate.exists() and time.monotonic() < deadline:
            pass
        return array[:, 0]

    folder = project(tmp_path / "project")
    sig = signature(column("x0"), layout="array")
    pack(folder / "model", sig, native(model), [[0.0]], "native")
    with worker(str(folder), short, short / "metrics") as (client, _, path):
        assert client.get("/healthz").status_code == 200
        with socket.socket(socket.AF_UNIX) as busy:
            busy.connect(path)
            body = b"[[1.0]]"
            busy.sendall(
                b"POST /predict HTTP/1.1\r\nhost: it\r\ncontent-type: application/json\r\n"
                b"content-length: %d\r\n\r\n%b" % (len(body), body)
            )
            assert client.get("/healthz").status_code == 200
            gate.touch()
            assert busy.recv(15).startswith(b"HTTP/1.1 200")


def test_a_model_that_does_not_load_ends_the_worker(short: Path, tmp_path: Path) -> None:
    sig, model, rows = forest_onnx()
    folder = project(tmp_path / "project")
    pack(folder / "model", sig, model, rows[:1])
    (folder / "model" / "model.onnx").write_bytes(b"something else")
    with worker(str(folder), short, short / "metrics") as (_, process, _):
        assert process.wait(30) != 0
    assert "is not the file that was packed" in (short / "1.log").read_text()


def test_a_truncated_body_is_nobodys_answer(bento: str, short: Path) -> None:
    with worker(bento, short, short / "metrics") as (client, _, path):
        assert client.get("/healthz").status_code == 200
        with socket.socket(socket.AF_UNIX) as cut:
            cut.connect(path)
            cut.sendall(
                b"POST /predict HTTP/1.1\r\nhost: it\r\ncontent-type: application/json\r\n"
                b'content-length: 1000\r\n\r\n[{"mean'
            )
            cut.shutdown(socket.SHUT_WR)
            assert cut.recv(100) in (b"", b"HTTP/1.1 400 Bad Request\r\n")
        assert client.post("/predict", json=forest_onnx()[2]).status_code == 200
    assert "Traceback" not in (short / "1.log").read_text()


def test_tritonclient(bento: str, short: Path) -> None:
    model, x = forest()
    rows = x.head(5)
    with worker(bento, short, short / "metrics", tcp=True) as (http, _, address):
        assert http.get("/healthz").status_code == 200
        client = triton.InferenceServerClient(address)
        try:
            assert client.is_server_live()
            assert client.is_server_ready()
            assert client.is_model_ready(NAME)
            assert client.is_model_ready(NAME, VERSION)
            assert not client.is_model_ready("other")
            metadata = client.get_model_metadata(NAME)
            assert [i["name"] for i in metadata["inputs"]] == list(x.columns)
            assert client.get_server_metadata()["name"]
            by_column = []
            for item in metadata["inputs"]:
                tensor = triton.InferInput(item["name"], [len(rows)], item["datatype"])
                tensor.set_data_from_numpy(rows[item["name"]].to_numpy(), binary_data=False)
                by_column.append(tensor)
            matrix = triton.InferInput("input", list(rows.shape), "FP32")
            matrix.set_data_from_numpy(rows.to_numpy(np.float32), binary_data=False)
            for inputs in (by_column, [matrix]):
                wanted = [
                    triton.InferRequestedOutput(o["name"], binary_data=False)
                    for o in metadata["outputs"]
                ]
                for outputs in (None, wanted):
                    result = client.infer(NAME, inputs, request_id="7", outputs=outputs)
                    assert result.get_response()["id"] == "7"
                    # without a wish for JSON the client asks for bytes
                    labels = [
                        v.decode() if isinstance(v, bytes) else v
                        for v in result.as_numpy("predictions")
                    ]
                    assert labels == model.predict(rows).tolist()
                    proba = result.as_numpy("probabilities")
                    assert proba.shape == (5, 2)
                    np.testing.assert_allclose(proba, model.predict_proba(rows), atol=0.011)
            with pytest.raises(triton.InferenceServerException, match="missing inputs") as caught:
                client.infer(NAME, by_column[1:])
            assert caught.value.status() == "400"
        finally:
            client.close()
