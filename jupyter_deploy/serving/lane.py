"""The lane: an ASGI function in front of BentoML's own application.

It answers predictions, health, metadata and metrics itself, and hands everything else on.
BentoML's stack of middlewares costs a millisecond of CPU a request and more; this, a tenth.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import Any, TypeVar

import orjson

from . import oip
from .exchange import OCTETS, DisconnectedError, Head, Reply, read_body
from .fallthrough import LazyApp, Message, Receive, Scope, Send
from .metrics import CONTENT_TYPE, Metrics
from .packed import Packed
from .problems import Busy, MethodNotAllowed, NotFound, NotReady, Problem
from .runtime import INLINE_BYTES, Runtime

logger = logging.getLogger("bentoml.model_runtime")

PROBLEM_JSON = b"application/problem+json"
Handler = Callable[[Head, Receive], Awaitable[Reply]]
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Limits:
    """What one worker takes on.

    Attributes
    ----------
    body
        Bytes of a body; by default what the gateway in front takes.
    in_flight
        Predictions being read, queued or answered; one more is refused with 503.
    """

    body: int = 10 * 1024 * 1024
    in_flight: int = 128


def _about(packed: Packed) -> dict[str, Any]:
    """Body of ``GET /``; the links are relative, since a gateway may have put a name in front."""
    return {
        "name": packed.name,
        "version": packed.version,
        "engine": packed.engine,
        "links": {
            "predict": "predict",
            "healthz": "healthz",
            "metrics": "metrics",
            "openapi": "docs.json",
            "v2": f"v2/models/{packed.name}",
        },
    }


@dataclass(frozen=True, slots=True)
class _Route:
    """One path: its name in the metrics, and a handler for each method."""

    name: str
    methods: dict[str, Handler]
    oip: bool = False


class Lane:
    """Answers for one packed model.

    Parameters
    ----------
    runtime
        The model; loaded when the server starts.
    rest
        Gets every request that is not the lane's.
    metrics
        Counts what the lane answers.
    """

    def __init__(
        self, runtime: Runtime, rest: LazyApp, metrics: Metrics, limits: Limits | None = None
    ) -> None:
        self._runtime = runtime
        self._rest = rest
        self._metrics = metrics
        self._limits = limits or Limits()
        self._protocol = oip.Protocol(runtime)
        self._in_flight = 0
        packed = runtime.packed
        self._version = (b"x-model-version", packed.version.encode())
        self._about = orjson.dumps(_about(runtime.packed))
        self._health = orjson.dumps({"status": "ok", "version": packed.version})
        self._routes = self._table(packed.name, packed.version)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection event, as ASGI has it."""
        if scope["type"] == "http":
            path: str = scope["path"]
            route = self._routes.get(path)
            if route is not None:
                await self._answer(route, scope, receive, send)
            elif path.startswith("/v2/"):
                await self._answer(self._nowhere, scope, receive, send)
            else:
                await self._pass_on(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            await self._rest(scope, receive, send)

    def _table(self, name: str, version: str) -> dict[str, _Route]:
        def get(route: str, handler: Handler, oip: bool = False) -> _Route:
            return _Route(route, {"GET": handler, "HEAD": handler}, oip)

        model, at = "/v2/models/{name}", f"/v2/models/{name}"
        table = {
            "/predict": _Route("/predict", {"POST": self._predict}),
            # BentoML's page there loads a tag manager from elsewhere
            "/": get("/", self._index),
            "/healthz": get("/healthz", self._healthz),
            "/metrics": get("/metrics", self._exposition),
            "/v2": get("/v2", self._server, oip=True),
            "/v2/": get("/v2", self._server, oip=True),
            "/v2/health/live": get("/v2/health/live", self._server_live, oip=True),
            "/v2/health/ready": get("/v2/health/ready", self._server_ready, oip=True),
        }
        for path in (at, f"{at}/versions/{version}"):
            table[path] = get(model, self._model, oip=True)
            table[f"{path}/ready"] = get(f"{model}/ready", self._server_ready, oip=True)
            table[f"{path}/infer"] = _Route(f"{model}/infer", {"POST": self._infer}, oip=True)
        self._nowhere = _Route("/v2/{unknown}", {}, oip=True)
        return table

    async def _answer(self, route: _Route, scope: Scope, receive: Receive, send: Send) -> None:
        start = perf_counter()
        head = Head.of(scope)
        method: str = scope["method"]
        try:
            handler = route.methods.get(method)
            if handler is None:
                raise self._refusal(route, method)
            reply = await handler(head, receive)
        except DisconnectedError:
            self._metrics.observe(route.name, 499, perf_counter() - start, 0)
            return
        except Exception as error:  # noqa: BLE001  every request gets an answer
            reply = self._problem(route, head, error)
        body = reply.body
        message: Message = {
            "type": "http.response.start",
            "status": reply.status,
            "headers": [
                (b"content-type", reply.content_type),
                (b"content-length", str(len(body)).encode()),
                (b"x-request-id", head.request_id),
                self._version,
                *reply.headers,
            ],
        }
        await send(message)
        await send({"type": "http.response.body", "body": b"" if method == "HEAD" else body})
        self._metrics.observe(route.name, reply.status, perf_counter() - start, reply.rows)

    @staticmethod
    def _refusal(route: _Route, method: str) -> Problem:
        if not route.methods:
            return NotFound("There is no such model, version or path here.")
        return MethodNotAllowed(method, ", ".join(route.methods))

    def _problem(self, route: _Route, head: Head, error: Exception) -> Reply:
        request_id = head.request_id.decode()
        if not isinstance(error, Problem):
            logger.error("request %s failed", request_id, exc_info=error)
            error = Problem("The server failed on this request; see its log.")
        elif error.__cause__ is not None:
            logger.error("request %s: %s", request_id, error, exc_info=error.__cause__)
        headers: list[tuple[bytes, bytes]] = []
        if error.retry_after is not None:
            headers.append((b"retry-after", str(error.retry_after).encode()))
        if isinstance(error, MethodNotAllowed):
            headers.append((b"allow", error.allowed.encode()))
        if not route.oip:
            body = orjson.dumps(error.document(request_id))
            return Reply(error.status, body, PROBLEM_JSON, headers=headers)
        # this protocol's clients know 400 for anything wrong with the input
        status = 400 if error.status == 422 else error.status
        return Reply(status, orjson.dumps({"error": oip.message(error)}), headers=headers)

    async def _predict(self, head: Head, receive: Receive) -> Reply:
        head.require_json()
        answer, rows = await self._taken_on(self._runtime.predict, head, receive)
        return Reply(200, answer, rows=rows)

    async def _infer(self, head: Head, receive: Receive) -> Reply:
        head.require_tensors()
        infer = partial(self._protocol.infer, header_length=head.header_length)
        answer = await self._taken_on(infer, head, receive)
        if answer.header_length is None:
            return Reply(200, answer.body, rows=answer.rows)
        length = (b"inference-header-content-length", str(answer.header_length).encode())
        return Reply(200, answer.body, OCTETS, answer.rows, [length])

    async def _taken_on(
        self, infer: Callable[[bytes], Answer], head: Head, receive: Receive
    ) -> Answer:
        """Read the body and answer it, if there is room for one more."""
        runtime = self._runtime
        if not runtime.ready:
            raise NotReady("The model is still being loaded.")
        if self._in_flight >= self._limits.in_flight:
            raise Busy(f"{self._in_flight} predictions are waiting; try again shortly.")
        self._in_flight += 1
        self._metrics.in_flight.inc()
        try:
            body = await read_body(receive, head, self._limits.body)
            if runtime.inline and len(body) <= INLINE_BYTES:
                return infer(body)
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(runtime.pool, infer, body)
        finally:
            self._in_flight -= 1
            self._metrics.in_flight.dec()

    async def _index(self, head: Head, receive: Receive) -> Reply:
        return Reply(200, self._about)

    async def _healthz(self, head: Head, receive: Receive) -> Reply:
        if not self._runtime.ready:
            raise NotReady("The model is still being loaded.")
        return Reply(200, self._health)

    async def _exposition(self, head: Head, receive: Receive) -> Reply:
        text = await asyncio.to_thread(self._metrics.render)
        return Reply(200, text, CONTENT_TYPE)

    async def _server(self, head: Head, receive: Receive) -> Reply:
        return Reply(200, self._protocol.server_metadata())

    async def _server_live(self, head: Head, receive: Receive) -> Reply:
        return Reply(200, b'{"live":true}')

    async def _server_ready(self, head: Head, receive: Receive) -> Reply:
        ready = self._runtime.ready
        return Reply(200 if ready else 503, b'{"ready":true}' if ready else b'{"ready":false}')

    async def _model(self, head: Head, receive: Receive) -> Reply:
        if not self._runtime.ready:
            raise NotReady("The model is still being loaded.")
        return Reply(200, self._protocol.model_metadata())

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request to BentoML, with the headers every answer has."""
        request_id = Head.of(scope).request_id
        ours = [(b"x-request-id", request_id), self._version]

        async def sign(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *ours]
            await send(message)

        await self._rest(scope, receive, sign)

    async def _live(self, receive: Receive, send: Send) -> None:
        """Load the model before the server takes its first request."""
        await receive()
        try:
            await asyncio.to_thread(self._runtime.load)
        except BaseException as error:
            logger.exception("the model can't be served")
            await send({"type": "lifespan.startup.failed", "message": f"{error!r}"})
            if not isinstance(error, Exception):
                raise
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._rest.stop()
        self._runtime.close()
        await send({"type": "lifespan.shutdown.complete"})
