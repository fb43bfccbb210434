"""The lane: an ASGI function in front of BentoML's own application.

It answers predictions, health, metadata and metrics itself, and hands everything else on.
BentoML's stack of middlewares costs a millisecond of CPU a request and more; this, a tenth.
"""

from __future__ import annotations

import asyncio
import logging
from time import perf_counter

from ..problems import MethodNotAllowed, NotFound, Problem
from ..runtime import Runtime
from .admission import Limits
from .endpoints import NOWHERE, Endpoints, Route
from .exchange import DisconnectedError, Head, Reply
from .fallthrough import LazyApp, Message, Receive, Scope, Send
from .metrics import Metrics

__all__ = ["Lane", "Limits"]

logger = logging.getLogger("bentoml.model_runtime")


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
        self._version = (b"x-model-version", runtime.packed.version.encode())
        self._routes = Endpoints(runtime, metrics, limits or Limits()).table()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection event, as ASGI has it."""
        if scope["type"] == "http":
            path: str = scope["path"]
            route = self._routes.get(path)
            if route is not None:
                await self._answer(route, scope, receive, send)
            elif path.startswith("/v2/"):
                await self._answer(NOWHERE, scope, receive, send)
            else:
                await self._pass_on(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            await self._rest(scope, receive, send)

    async def _answer(self, route: Route, scope: Scope, receive: Receive, send: Send) -> None:
        start = perf_counter()
        head = Head.of(scope)
        method: str = scope["method"]
        try:
            handler = route.methods.get(method)
            if handler is None:
                raise _refusal(route, method)
            reply = await handler(head, receive)
        except DisconnectedError:
            self._metrics.observe(route.name, 499, perf_counter() - start, 0)
            return
        except Exception as error:  # noqa: BLE001  every request gets an answer
            reply = _fault(route, head, error)
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
        if head.trace is not None:
            # tells the caller that it was understood: an invalid one isn't repeated
            message["headers"].append((b"traceparent", head.trace.traceparent.encode()))
        await send(message)
        await send({"type": "http.response.body", "body": b"" if method == "HEAD" else body})
        self._metrics.observe(route.name, reply.status, perf_counter() - start, reply.rows)

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


def _refusal(route: Route, method: str) -> Problem:
    if not route.methods:
        return NotFound("There is no such model, version or path here.")
    return MethodNotAllowed(method, ", ".join(route.methods))


def _fault(route: Route, head: Head, error: Exception) -> Reply:
    """The answer to a request that failed; what is ours or the model's fault is logged."""
    request_id = head.request_id.decode()
    if not isinstance(error, Problem):
        logger.error("%s failed", _name(head), exc_info=error)
        error = Problem("The server failed on this request; see its log.")
    elif error.__cause__ is not None:
        logger.error("%s: %s", _name(head), error, exc_info=error.__cause__)
    return route.fault(error, request_id)


def _name(head: Head) -> str:
    """A request in the log, to be found by its id or by its trace's."""
    traced = f" of trace {head.trace.trace_id}" if head.trace is not None else ""
    return f"request {head.request_id.decode()}{traced}"
