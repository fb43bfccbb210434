"""The lane behind a real server, in this process: real sockets, real bytes."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from tests.serving.asgi import Served
from tests.waiting import wait_for


class Wire:
    """One connection; bytes as they are."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), 10)

    def send(self, path: str, body: bytes, *headers: str, length: int | None = None) -> Wire:
        """Send a POST, or a part of one when `length` is more than there is."""
        lines = [
            f"POST {path} HTTP/1.1",
            "host: it",
            f"content-length: {len(body) if length is None else length}",
            *(headers or ("content-type: application/json",)),
        ]
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode() + body)
        return self

    def status(self) -> int:
        """Status of the answer; 0 when the connection was closed without one."""
        line = self.socket.makefile("rb").readline()
        return int(line.split()[1]) if line else 0

    def close(self) -> None:
        """Hang up."""
        self.socket.close()


@contextmanager
def live(served: Served) -> Iterator[int]:
    """Serve and yield the port."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(served.lane, log_config=None, lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        wait_for(lambda: server.started, 10, "the server")
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(20)
        listener.close()
        served.runtime.close()
