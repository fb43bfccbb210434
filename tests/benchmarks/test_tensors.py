"""A thousand rows through the Open Inference Protocol, beside the ONNX session's own run on them.

The whole request as the server's process has it: the ASGI call with the body as it came, to the
answer's last byte. Model and rows are those of the other figures, StandardScaler +
RandomForest(100) on 30 floats. Both run in one process, turn by turn; what counts is the CPU time
of all its threads, which is steady on a shared machine, and not how long it took.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import orjson
import pytest

from jupyter_deploy.serving.http.fallthrough import Message, Scope
from tests.serving.asgi import Served
from tests.serving.oip_client import INFER, json_tensor, request, tensor
from tests.serving.packs import forest_onnx

ROWS = 1000
WARM_UP = 20
TURNS = 100

Call = Callable[[], Awaitable[bytes]]


def caller(served: Served, body: bytes, header_length: int | None = None) -> Call:
    """The ASGI call of one request, as the server makes it."""
    headers = [(b"content-type", b"application/octet-stream")]
    if header_length is not None:
        headers.append((b"inference-header-content-length", str(header_length).encode()))
    scope: Scope = {"type": "http", "method": "POST", "path": INFER, "headers": headers}

    async def call() -> bytes:
        sent: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            sent.append(message)

        await served.lane(scope, receive, send)
        assert sent[0]["status"] == 200, sent[1]["body"]
        answer: bytes = sent[1]["body"]
        return answer

    return call


async def medians(calls: dict[str, Call]) -> dict[str, tuple[float, float]]:
    """Median CPU time and time of each call, in ms."""
    spent: dict[str, list[tuple[float, float]]] = {name: [] for name in calls}
    for turn in range(WARM_UP + TURNS):
        for name, call in calls.items():
            cpu, clock = time.process_time(), time.perf_counter()
            await call()
            taken = time.process_time() - cpu, time.perf_counter() - clock
            if turn >= WARM_UP:
                spent[name].append(taken)
    return {
        name: (
            statistics.median(cpu for cpu, _ in turns) * 1e3,
            statistics.median(clock for _, clock in turns) * 1e3,
        )
        for name, turns in spent.items()
    }


@pytest.mark.long
def test_a_thousand_rows(tmp_path: Path) -> None:
    sig, onnx, rows = forest_onnx()
    served = Served(tmp_path, (sig, onnx, rows))
    names = list(rows[0])
    table = np.array([[row[name] for name in names] for row in rows], dtype=np.float32)
    matrix = np.ascontiguousarray(np.tile(table, (ROWS // len(table), 1)))
    columns = [tensor(name, matrix[:, i], "FP32") for i, name in enumerate(names)]

    options = ort.SessionOptions()
    options.intra_op_num_threads = 1  # as the engine has it
    session = ort.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
    (feed,) = session.get_inputs()

    async def own() -> bytes:
        found = session.run(None, {feed.name: matrix})
        return bytes(len(found))

    as_json: dict[str, Any] = {
        "inputs": [json_tensor("input", "FP32", matrix.ravel().tolist(), ROWS, len(names))]
    }
    binary = request([tensor("input", matrix, "FP32")])
    took = asyncio.run(
        medians(
            {
                "session.run": own,
                "binary, one tensor": caller(served, *binary),
                "binary, a tensor per column": caller(served, *request(columns)),
                "JSON, one tensor": caller(served, orjson.dumps(as_json)),
            }
        )
    )
    base, wall = took["session.run"]
    print(f"\n{ROWS} rows of {len(names)} FP32, medians of {TURNS} turns, beside session.run:")
    for name, (cpu, clock) in took.items():
        print(f"  {name:28} {cpu:7.3f} ms of CPU {cpu / base:5.2f}", end="")
        print(f"   {clock:7.3f} ms {clock / wall:5.2f}")
    assert took["binary, one tensor"][0] <= 1.3 * base
