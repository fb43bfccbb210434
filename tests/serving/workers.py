"""BentoML's worker module on a Unix socket, as the controller starts it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.serving.packs import NAME
from tests.waiting import wait_for


@contextmanager
def worker(
    target: str,
    folder: Path,
    metrics: Path,
    number: int = 1,
    *,
    workers: int = 1,
    tcp: bool = False,
) -> Iterator[tuple[httpx.Client, subprocess.Popen[bytes], str]]:
    """Start one worker and yield a client of it, its process and its address."""
    metrics.mkdir(exist_ok=True)
    listener = socket.socket(socket.AF_INET if tcp else socket.AF_UNIX)
    path = str(folder / f"{number}.sock")
    listener.bind(("127.0.0.1", 0) if tcp else path)
    listener.listen(128)
    address = f"127.0.0.1:{listener.getsockname()[1]}" if tcp else path
    command = [
        *(sys.executable, "-m", "_bentoml_impl.worker.service", target),
        *("--fd", str(listener.fileno()), "--service-name", NAME),
        *("--worker-id", str(number), "--timeout-keep-alive", "3600"),
    ]
    environment = {
        **os.environ,
        "PROMETHEUS_MULTIPROC_DIR": str(metrics),
        "BENTOML_CONFIG_OPTIONS": f"services.{NAME}.workers={workers}",
        "BENTOML_DO_NOT_TRACK": "true",
    }
    with (folder / f"{number}.log").open("wb") as log:
        process = subprocess.Popen(
            command,
            env=environment,
            cwd=folder,
            pass_fds=[listener.fileno()],
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    transport = httpx.HTTPTransport(uds=None if tcp else path)
    client = httpx.Client(
        transport=transport, base_url=f"http://{address}" if tcp else "http://it", timeout=30
    )
    try:
        with client:
            yield client, process, address
    finally:
        listener.close()
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise


@contextmanager
def bentoml_serve(
    target: str, folder: Path, workers: int, **variables: str
) -> Iterator[httpx.Client]:
    """Plain ``bentoml serve``, as any user of BentoML starts it, with `variables` set."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **os.environ,
        "BENTOML_CONFIG_OPTIONS": f"services.{NAME}.workers={workers}",
        "BENTOML_DO_NOT_TRACK": "true",
        **variables,
    }
    command = [sys.executable, "-m", "bentoml", "serve", target]
    with (folder / "serve.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", str(port)],
            env=environment,
            cwd=folder,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            wait_for(lambda: _answers(client), 60, "bentoml serve")
            yield client
    finally:
        process.terminate()
        process.wait(30)


_CLIENTS = """
import asyncio, bentoml, json, sys

url, token, rows = sys.argv[1], sys.argv[2] or None, json.loads(sys.argv[3])


async def later():
    async with bentoml.AsyncHTTPClient(url, token=token) as client:
        assert await client.is_ready()
        return await client.predict(rows)


with bentoml.SyncHTTPClient(url, token=token) as client:
    assert client.is_ready()
    print(json.dumps([client.predict(rows), asyncio.run(later())]))
"""


def predict_by_bentoml(url: str, rows: Any, token: str = "") -> list[Any]:
    """Answers of BentoML's two clients; they leave a folder to their process's end."""
    found = subprocess.run(
        [sys.executable, "-c", _CLIENTS, url, token, json.dumps(rows)],
        check=True,
        capture_output=True,
        timeout=60,
    )
    answers: list[Any] = json.loads(found.stdout)
    return answers


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/healthz").status_code == 200
    except httpx.TransportError:
        return False
