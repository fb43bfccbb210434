"""An httpx transport over a Unix socket that closes what it opens.

httpcore's own leaves the socket of a refused connection unclosed, and a controller that dies or
isn't there yet is nothing unusual here. One connection a request: locally that costs nothing.
"""

from __future__ import annotations

import http.client
import socket
from pathlib import Path

import httpx


class UnixTransport(httpx.BaseTransport):
    """Sends every request to the socket at `path`, whatever host its URL names."""

    def __init__(self, path: Path) -> None:
        self._path = str(path)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and return its whole answer.

        Raises
        ------
        httpx.ConnectError
            When nobody listens.
        httpx.TimeoutException, httpx.RemoteProtocolError, httpx.ReadError
            When the answer doesn't come, or not whole.
        """
        limits = request.extensions.get("timeout", {})
        connection = _Connection(self._path, limits.get("connect"), limits.get("read"))
        try:
            connection.connect()
        except OSError as error:
            connection.close()
            raise httpx.ConnectError(str(error), request=request) from error
        try:
            connection.request(
                request.method,
                request.url.raw_path.decode("ascii"),
                body=request.read(),
                headers={**request.headers, "connection": "close"},
            )
            answer = connection.getresponse()
            content = answer.read()
            return httpx.Response(
                answer.status, headers=answer.getheaders(), content=content, request=request
            )
        except TimeoutError as error:
            raise httpx.ReadTimeout("no answer", request=request) from error
        except http.client.HTTPException as error:
            raise httpx.RemoteProtocolError(str(error), request=request) from error
        except OSError as error:
            raise httpx.ReadError(str(error), request=request) from error
        finally:
            connection.close()


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: str, connect: float | None, read: float | None) -> None:
        super().__init__("controller", timeout=read)
        self._path, self._limit = path, connect

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self._limit)
        self.sock.connect(self._path)
        self.sock.settimeout(self.timeout)


def listens(path: Path) -> bool:
    """Whether somebody accepts connections on a Unix socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True
