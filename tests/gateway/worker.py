"""A small model server on a Unix socket, for the gateway's tests (run as a program).

    python worker.py SOCKET DEPLOYMENT VERSION

``POST /predict`` tells what arrived; ``{"wait": seconds}`` answers later, ``{"status": n}`` with
that status, ``{"die": true}`` never. ``/healthz`` is 503 while ``SOCKET.sick`` exists, and
silent while ``SOCKET.stuck`` does.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import uvicorn

SOCKET, DEPLOYMENT, VERSION = sys.argv[1:4]


async def _body(receive: Any) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            return body


async def app(scope: Any, receive: Any, send: Any) -> None:
    headers = {name.decode(): value.decode() for name, value in scope["headers"]}
    status = 200
    body = await _body(receive)
    if scope["path"] == "/healthz":
        while Path(f"{SOCKET}.stuck").exists():
            await asyncio.sleep(0.05)
        status = 503 if Path(f"{SOCKET}.sick").exists() else 200
    elif scope["method"] == "POST" and body.startswith(b"{"):
        asked = json.loads(body)
        if asked.get("die"):
            os._exit(9)
        await asyncio.sleep(asked.get("wait", 0.002))
        status = asked.get("status", 200)
    answer = {
        "deployment": DEPLOYMENT,
        "version": VERSION,
        "pid": os.getpid(),
        "path": scope["path"],
        "query": scope["query_string"].decode(),
        "headers": headers,
        "bytes": len(body),
    }
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [
                (b"content-type", b"application/json"),
                (b"x-request-id", headers.get("x-request-id", "none").encode()),
            ],
        }
    )
    await send({"type": "http.response.body", "body": json.dumps(answer).encode()})


if __name__ == "__main__":
    uvicorn.run(
        app, uds=SOCKET, lifespan="off", log_level="error", timeout_keep_alive=3600, ws="none"
    )
