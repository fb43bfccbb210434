"""Measuring whole processes: CPU time of a process tree, and plain ``bentoml serve``."""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil

from tests.waiting import wait_for


def cpu_seconds(processes: list[psutil.Process]) -> float:
    """User and system time of `processes` so far."""
    return sum(p.cpu_times().user + p.cpu_times().system for p in processes)


def tree(pid: int) -> list[psutil.Process]:
    root = psutil.Process(pid)
    return [root, *root.children(recursive=True)]


def child_cpu_seconds(command: list[str]) -> float:
    """User and system time of one run of `command`."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


@contextmanager
def bentoml_serve(
    target: str | Path, ready: str = "/readyz", log: Path | None = None
) -> Iterator[tuple[str, int, float]]:
    """Run ``bentoml serve``; yield its URL, its pid and the seconds until `ready` said 200."""
    port = free_port()
    sink = log.open("wb") if log else subprocess.DEVNULL
    start = time.monotonic()
    server = subprocess.Popen(
        [sys.executable, "-m", "bentoml", "serve", str(target), "--port", str(port)],
        stdout=sink,
        stderr=subprocess.STDOUT,
        env=os.environ | {"BENTOML_DO_NOT_TRACK": "true"},
        start_new_session=True,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for(lambda: answers(url + ready), 60, f"bentoml serve {target}", every=0.01)
        yield url, server.pid, time.monotonic() - start
    finally:
        processes = tree(server.pid)
        server.terminate()
        server.wait(20)
        for process in psutil.wait_procs(processes, timeout=5)[1]:
            process.kill()
        if not isinstance(sink, int):
            sink.close()


def answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).status_code == 200
    except httpx.TransportError:
        return False
