"""A package index of a test's own: one distribution, behind a password."""

from __future__ import annotations

import base64
import hashlib
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO

USER, PASSWORD = "reader", "sesame-open"


def wheel(name: str, version: str) -> bytes:
    """A wheel with one empty module."""
    buffer = BytesIO()
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(f"{name}.py", "")
        archive.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        )
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return buffer.getvalue()


@contextmanager
def index(name: str, version: str) -> Iterator[tuple[str, str, list[str]]]:
    """Serve it; yields the address without a password, the wheel's sha256, and what was asked."""
    data = wheel(name, version)
    sha256 = hashlib.sha256(data).hexdigest()
    file = f"{name}-{version}-py3-none-any.whl"
    word = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            if self.headers.get("authorization") != f"Basic {word}":
                self.answer(401, b"", "text/plain")
            elif self.path.strip("/") == f"simple/{name}":
                link = f'<a href="/files/{file}#sha256={sha256}">{file}</a>'
                self.answer(200, f"<html><body>{link}</body></html>".encode(), "text/html")
            elif self.path == f"/files/{file}":
                self.answer(200, data, "application/octet-stream")
            else:
                self.answer(404, b"", "text/plain")

        def do_HEAD(self) -> None:
            self.do_GET()

        def answer(self, status: int, body: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            if status == 401:
                self.send_header("www-authenticate", 'Basic realm="index"')
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}/simple", sha256, asked
        finally:
            server.shutdown()
            thread.join()
