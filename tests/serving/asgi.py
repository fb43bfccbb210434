"""Calling an ASGI application without a server."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx

from jupyter_deploy.serving.http.fallthrough import LazyApp, Receive, Scope, Send
from jupyter_deploy.serving.http.lane import Lane, Limits
from jupyter_deploy.serving.http.metrics import Metrics
from jupyter_deploy.serving.runtime import Runtime
from tests.serving.packs import NAME, VERSION, pack


async def behind(scope: Scope, receive: Receive, send: Send) -> None:
    """Stands where BentoML's application is."""
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 207, "headers": [(b"x", b"rest")]})
        await send({"type": "http.response.body", "body": b"the rest"})
        return
    for event in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{event}.complete"})


class Served:
    """A packed model behind the lane, without a process.

    Parameters
    ----------
    packed
        Signature, model bytes and rows, as :mod:`tests.serving.packs` makes them.
    """

    def __init__(
        self,
        folder: Path,
        packed: tuple[Any, bytes, Any],
        engine: str = "onnxruntime",
        load: bool = True,
        limits: Limits | None = None,
    ) -> None:
        sig, model, self.rows = packed
        self.runtime = Runtime(pack(folder, sig, model, self.rows[:1], engine))
        if load:
            self.runtime.load()
        metrics = Metrics(NAME, VERSION)
        self.lane = Lane(self.runtime, LazyApp(lambda: behind), metrics, limits)

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """One request; `body` may be bytes or anything JSON."""
        more: dict[str, Any] = {"content": body} if isinstance(body, bytes) else {"json": body}
        if body is None:
            more = {}
        send = {name.replace("_", "-"): value for name, value in headers.items()}
        return asyncio.run(self._call(method, path, send, more))

    def predict(self, body: Any, **headers: str) -> httpx.Response:
        """POST /predict as JSON."""
        return self.call("POST", "/predict", body, content_type="application/json", **headers)

    async def _call(
        self, method: str, path: str, headers: dict[str, str], more: dict[str, Any]
    ) -> httpx.Response:
        transport = httpx.ASGITransport(self.lane)
        async with httpx.AsyncClient(transport=transport, base_url="http://it") as client:
            return await client.request(method, path, headers=headers, **more)
