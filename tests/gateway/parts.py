"""Workers, plans and load for the gateway's tests."""

from __future__ import annotations

import contextlib
import http.client
import json
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from jupyter_deploy.config import Paths
from jupyter_deploy.gateway.plan import Backend, Route, TrafficPlan
from tests.waiting import wait_for

PROGRAM = Path(__file__).with_name("worker.py")
KEY = "correct-horse-battery-staple-42"


class Workers:
    """Worker processes of one test."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def socket(self, deployment: str, version: str, worker: int = 0) -> str:
        return str(self._paths.sockets / f"{deployment}-{version}-{worker}")

    def start(self, deployment: str, version: str, count: int = 1) -> Backend:
        """Start `count` workers of a version, wait until they listen."""
        sockets = tuple(self.socket(deployment, version, n) for n in range(count))
        for socket in sockets:
            self.start_one(socket, deployment, version)
        for socket in sockets:
            wait_for(lambda path=socket: Path(path).exists(), 20, f"worker on {socket}")
        return Backend(deployment, version, sockets)

    def start_one(self, socket: str, deployment: str, version: str) -> None:
        Path(socket).unlink(missing_ok=True)
        self._running[socket] = subprocess.Popen(
            [sys.executable, str(PROGRAM), socket, deployment, version]
        )

    def kill(self, socket: str) -> None:
        worker = self._running.pop(socket)
        worker.kill()
        worker.wait()

    def stop(self) -> None:
        for socket in list(self._running):
            self.kill(socket)


def plan(
    port: int,
    *backends: Backend,
    live: dict[str, str] | None = None,
    revision: int = 1,
    key: str | None = KEY,
    **route: Any,
) -> TrafficPlan:
    """Return a plan in which each deployment's `live` version (default: its last) serves."""
    chosen = {backend.deployment: backend.version for backend in backends} | (live or {})
    return TrafficPlan(
        revision=revision,
        port=port,
        key=key,
        backends=backends,
        routes=tuple(Route(name, ((version, 100),), **route) for name, version in chosen.items()),
    )


class Answer:
    """One answer of the gateway."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.text = response.read().decode()

    @property
    def json(self) -> Any:
        return json.loads(self.text)


def call(
    port: int,
    path: str,
    body: Any = None,
    *,
    method: str | None = None,
    key: str | None = KEY,
    headers: dict[str, str | None] | None = None,
) -> Answer:
    """Send one request: POST JSON when there is a `body`; a header of None isn't sent."""
    sent: dict[str, str | None] = {"x-api-key": key}
    if body is not None:
        sent["content-type"] = "application/json"
    sent |= headers or {}
    data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    with contextlib.closing(connection):
        connection.putrequest(
            method or ("GET" if body is None else "POST"),
            path,
            skip_host=bool(sent.get("host")),
            skip_accept_encoding=True,
        )
        for name, value in sent.items():
            if value is not None:
                connection.putheader(name, value)
        if data is not None:
            connection.putheader("content-length", str(len(data)))
        # a refused body: the gateway answers and closes before it has read all of it
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.endheaders(data)
        return Answer(connection.getresponse())


class Load:
    """Steady predictions from `threads` clients; counts what they saw."""

    def __init__(self, port: int, path: str, threads: int = 4) -> None:
        self.seen: Counter[str] = Counter()
        self.failed: list[str] = []
        self._port, self._path = port, path
        self._done = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(threads)]

    @property
    def total(self) -> int:
        return sum(self.seen.values())

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join()

    def more(self, count: int = 50) -> None:
        """Wait until `count` more requests were answered."""
        target = self.total + count
        wait_for(lambda: self.total >= target or self.failed, 30, f"{count} answers", every=0.005)

    def _run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)
        headers = {"x-api-key": KEY, "content-type": "application/json"}
        with contextlib.closing(connection):
            while not self._done.is_set():
                try:
                    connection.request("POST", self._path, b"{}", headers)
                    response = connection.getresponse()
                    text = response.read().decode()
                    if response.status == 200:
                        self.seen[json.loads(text)["version"]] += 1
                    else:
                        self.failed.append(f"{response.status} {text}")
                except (OSError, http.client.HTTPException) as error:
                    self.failed.append(repr(error))
                    connection.close()


@contextlib.contextmanager
def stranger(port: int) -> Iterator[None]:
    """Another program that listens on `port`."""
    import socket

    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("127.0.0.1", port))
        server.listen()
        yield


def gone(pid: int) -> bool:
    """Tell whether a process ended (one that waits to be reaped has)."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
