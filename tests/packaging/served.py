"""A real ``bentoml serve`` of a packed Bento, by any interpreter."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

import psutil

from jupyter_deploy.types import VersionSpec
from tests.waiting import wait_for


@contextmanager
def serve(
    spec: VersionSpec, folder: Path, python: str = sys.executable, path: str | None = None
) -> Iterator[str]:
    """Run ``bentoml serve TAG`` away from the repository; yields its URL when it is ready."""
    port = _free_port()
    # only what a stranger's shell has: no PYTHONPATH, no settings of ours
    environ = {
        "PATH": path or os.environ["PATH"],
        "HOME": str(folder),
        "BENTOML_HOME": spec.bento_home,
        "BENTOML_DO_NOT_TRACK": "true",
        "JUPYTER_DEPLOY_HOME": os.environ["JUPYTER_DEPLOY_HOME"],
    }
    log = folder / "serve.log"
    command = [python, "-m", "bentoml", "serve", spec.bento, "-p", str(port), "--host", "127.0.0.1"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environ,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for(lambda: _ready(url, process, log), 90, f"{spec.bento} at {url}", every=0.2)
        yield url
    finally:
        family = [process.pid, *(p.pid for p in psutil.Process(process.pid).children(True))]
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        finally:
            for pid in family:
                if psutil.pid_exists(pid):
                    psutil.Process(pid).kill()


def post(url: str, body: Any) -> dict[str, Any]:
    """POST rows to ``/predict``."""
    request = Request(
        f"{url}/predict", json.dumps(body).encode(), {"content-type": "application/json"}
    )
    with urlopen(request, timeout=30) as answer:
        return dict(json.load(answer))


def assert_golden(url: str, spec: VersionSpec) -> None:
    """Replay the golden requests of a version."""
    import numpy as np

    assert spec.golden
    for golden in spec.golden:
        answer = post(url, golden.request)
        assert set(answer) == set(golden.response)
        for key, expected in golden.response.items():
            if np.asarray(expected).dtype.kind == "f":
                np.testing.assert_allclose(
                    answer[key], expected, atol=golden.atol, rtol=golden.rtol
                )
            else:
                assert answer[key] == expected


def _ready(url: str, process: subprocess.Popen[bytes], log: Path) -> Mapping[str, Any] | None:
    if process.poll() is not None:
        raise AssertionError(f"bentoml serve ended with {process.returncode}:\n{log.read_text()}")
    try:
        with urlopen(f"{url}/healthz", timeout=5) as answer:
            return dict(json.load(answer)) if answer.status == 200 else None
    except (URLError, OSError):
        return None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
