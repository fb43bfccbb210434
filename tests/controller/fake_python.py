"""Stands in for a version's Python at the outermost edge: a real process on the real socket.

It takes the worker's command line and serves /healthz and /predict as ``BENTOML_HOME/VERSION.json``
says, read anew for each request: ``ready`` (bool), ``dies`` ("start", "predict" or null),
``answers`` (the predictions).
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

command = dict(zip(sys.argv[4::2], sys.argv[5::2], strict=True))
tag = sys.argv[3]
behaviour = Path(os.environ["BENTOML_HOME"]) / f"{tag.partition(':')[2]}.json"


def behave() -> dict[str, Any]:
    return json.loads(behaviour.read_text())


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def address_string(self) -> str:
        return "unix"

    def do_GET(self) -> None:
        ready = behave()["ready"]
        self.answer(200 if ready else 503, {"status": "ok" if ready else "loading"})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        if behave()["dies"] == "predict":
            os.kill(os.getpid(), signal.SIGKILL)
        self.answer(200, {"predictions": behave()["answers"], "pid": os.getpid()})

    def answer(self, status: int, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


class Server(ThreadingHTTPServer):
    daemon_threads = True


def main() -> None:
    print("2026-11-21T12:00:00+0000 loading", tag, command["--service-name"], flush=True)
    if behave()["dies"] == "start":
        print("password=hunter2", flush=True)
        sys.exit("ValueError: the model is broken")
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    server = Server(("", 0), Handler, bind_and_activate=False)
    server.socket.close()
    server.socket = socket.socket(fileno=int(command["--fd"]))
    server.server_activate()
    server.serve_forever()


main()
