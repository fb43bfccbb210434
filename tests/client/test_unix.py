"""The transport, against real sockets that misbehave."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from jupyter_deploy.client.unix import UnixTransport, listens
from jupyter_deploy.config import Paths


def _serve(path: Path, answer: bytes | None) -> Callable[[], None]:
    """Answer one request with raw bytes, or with nothing until closed."""
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    server.bind(str(path))
    server.listen()
    done = threading.Event()

    def run() -> None:
        peer, _ = server.accept()
        with peer:
            peer.recv(65536)
            if answer is None:
                done.wait(10)
            else:
                peer.sendall(answer)

    thread = threading.Thread(target=run)
    thread.start()

    def close() -> None:
        done.set()
        thread.join()
        server.close()

    return close


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", None),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok", httpx.RemoteProtocolError),
        (b"nonsense\r\n", httpx.RemoteProtocolError),
        (b"", httpx.RemoteProtocolError),
        (None, httpx.ReadTimeout),
    ],
)
def test_answers(paths: Paths, answer: bytes | None, error: type[Exception] | None) -> None:
    close = _serve(paths.runtime / "x.sock", answer)
    transport = UnixTransport(paths.runtime / "x.sock")
    try:
        with httpx.Client(transport=transport, timeout=httpx.Timeout(5, read=0.2)) as client:
            if error is None:
                assert client.get("http://any/path?q=1").text == "ok"
            else:
                with pytest.raises(error):
                    client.get("http://any/path")
    finally:
        close()


def test_nobody_there(paths: Paths) -> None:
    path = paths.runtime / "x.sock"
    assert not listens(path)
    with (
        httpx.Client(transport=UnixTransport(path)) as client,
        pytest.raises(httpx.ConnectError),
    ):
        client.get("http://any")
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(str(path))
    stale.close()
    assert not listens(path)
    with (
        httpx.Client(transport=UnixTransport(path)) as client,
        pytest.raises(httpx.ConnectError),
    ):
        client.get("http://any")
