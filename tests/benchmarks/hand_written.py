"""The endpoint people write by hand, and how long one client waits for an answer of it."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import joblib
import pandas as pd

from tests.benchmarks.measure import answers, free_port, tree
from tests.waiting import wait_for

#: As a tutorial has it; COLUMNS stands for the fields of a row.
APP = """
import joblib
import pandas as pd
from fastapi import FastAPI
from pydantic import BaseModel, Field

model = joblib.load("MODEL")
app = FastAPI()


class Row(BaseModel):
COLUMNS


@app.post("/predict")
def predict(rows: list[Row]):
    frame = pd.DataFrame([row.model_dump(by_alias=True) for row in rows])
    return {"probabilities": model.predict_proba(frame).tolist()}
"""


def _fields(sample: pd.DataFrame) -> str:
    kinds = {"f": "float", "i": "int", "b": "bool"}
    return "\n".join(
        f"    x{k}: {kinds.get(dtype.kind, 'str')} = Field(alias={name!r})"
        for k, (name, dtype) in enumerate(sample.dtypes.items())
    )


@contextmanager
def fastapi(folder: Path, model: object, sample: pd.DataFrame) -> Iterator[tuple[str, int]]:
    """Run uvicorn with one worker; yield the URL of the prediction, and the pid."""
    joblib.dump(model, folder / "model.joblib")
    source = APP.replace("MODEL", str(folder / "model.joblib"))
    source = source.replace("COLUMNS", _fields(sample))
    (folder / "app.py").write_text(source)
    port = free_port()
    command = ["-m", "uvicorn", "app:app", "--port", str(port), "--no-access-log"]
    server = subprocess.Popen(
        [sys.executable, *command, "--log-level", "warning"], cwd=folder, start_new_session=True
    )
    try:
        url = f"http://127.0.0.1:{port}"
        wait_for(lambda: answers(f"{url}/openapi.json"), 60, "the hand-written endpoint")
        yield f"{url}/predict", server.pid
    finally:
        for process in tree(server.pid):
            process.terminate()
        server.wait(20)


def median_latencies(urls: list[str], body: object, requests: int) -> list[float]:
    """Median milliseconds from request to answer of each URL, asked in turns by one client."""
    data = json.dumps(body).encode()
    parts = [urlsplit(url) for url in urls]
    connections = [HTTPConnection(p.hostname or "", p.port, timeout=30) for p in parts]
    taken: list[list[float]] = [[] for _ in urls]
    for _ in range(requests):
        for part, connection, times in zip(parts, connections, taken, strict=True):
            start = time.perf_counter()
            connection.request("POST", part.path, data, {"content-type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            times.append(time.perf_counter() - start)
            assert answer.status == 200
    for connection in connections:
        connection.close()
    return [1e3 * statistics.median(times) for times in taken]
