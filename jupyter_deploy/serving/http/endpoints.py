"""The lane's routes, and what each of them does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

import orjson

from .. import oip
from ..problems import NotReady, Problem
from ..runtime import Runtime
from .admission import Admission, Limits, Tally
from .exchange import OCTETS, Head, Reply
from .fallthrough import Receive
from .faults import mlflow_error, oip_error, problem_document
from .metrics import CONTENT_TYPE, Metrics
from .mlflow import Scoring
from .pages import POLICY, Pages

HTML = b"text/html; charset=utf-8"
TEXT = b"text/plain; charset=utf-8"

Handler = Callable[[Head, Receive], Awaitable[Reply]]
Fault = Callable[[Problem, str], Reply]


@dataclass(frozen=True, slots=True)
class Route:
    """One path: its name in the metrics, a handler for each method, and the form of its errors."""

    name: str
    methods: dict[str, Handler]
    fault: Fault = problem_document


#: Any other path of the inference protocol: an error in that protocol's own form.
NOWHERE = Route("/v2/{unknown}", {}, oip_error)


class Endpoints:
    """Handlers of one packed model."""

    def __init__(self, runtime: Runtime, metrics: Metrics, limits: Limits) -> None:
        packed = runtime.packed
        self._runtime = runtime
        self._metrics = metrics
        self._admission = Admission(runtime, limits)
        self._protocol = oip.Protocol(runtime)
        self._scoring = Scoring(runtime)
        self._pages = Pages(runtime, limits)
        self._health = orjson.dumps({"status": "ok", "version": packed.version})
        self._package_version = packed.package_version.encode()

    def table(self) -> dict[str, Route]:
        """Return the routes by path."""

        def get(route: str, handler: Handler, fault: Fault = problem_document) -> Route:
            return Route(route, {"GET": handler, "HEAD": handler}, fault)

        def post(route: str, predict: Callable[..., Awaitable[Reply]], fault: Fault) -> Route:
            return Route(route, {"POST": partial(predict, self._metrics.in_flight(route))}, fault)

        packed = self._runtime.packed
        model, at = "/v2/models/{name}", f"/v2/models/{packed.name}"
        ready = self._server_ready
        table = {
            "/predict": post("/predict", self._predict, problem_document),
            "/invocations": post("/invocations", self._invocations, mlflow_error),
            "/ping": get("/ping", self._ping),
            "/health": get("/health", self._ping),
            "/version": get("/version", self._package),
            # BentoML's pages at these two load scripts from elsewhere
            "/": get("/", self._index),
            "/docs": get("/docs", self._docs),
            "/openapi.json": get("/openapi.json", self._openapi),
            "/docs.json": get("/docs.json", self._openapi),
            "/healthz": get("/healthz", self._healthz),
            "/metrics": get("/metrics", self._exposition),
            "/v2": get("/v2", self._server, oip_error),
            "/v2/": get("/v2", self._server, oip_error),
            "/v2/health/live": get("/v2/health/live", self._server_live, oip_error),
            "/v2/health/ready": get("/v2/health/ready", ready, oip_error),
        }
        infer = post(f"{model}/infer", self._infer, oip_error)
        for path in (at, f"{at}/versions/{packed.version}"):
            table[path] = get(model, self._model, oip_error)
            table[f"{path}/ready"] = get(f"{model}/ready", ready, oip_error)
            table[f"{path}/infer"] = infer
        return table

    async def _predict(self, tally: Tally, head: Head, receive: Receive) -> Reply:
        head.require_json()
        answer, rows = await self._admission.answer(self._runtime.predict, head, receive, tally)
        return Reply(200, answer, rows=rows)

    async def _invocations(self, tally: Tally, head: Head, receive: Receive) -> Reply:
        scoring = self._scoring
        score = scoring.csv if head.require_table() else scoring.json
        answer, rows = await self._admission.answer(score, head, receive, tally)
        return Reply(200, answer, rows=rows)

    async def _infer(self, tally: Tally, head: Head, receive: Receive) -> Reply:
        head.require_tensors()
        infer = partial(self._protocol.infer, header_length=head.header_length)
        answer = await self._admission.answer(infer, head, receive, tally)
        if answer.header_length is None:
            return Reply(200, answer.body, rows=answer.rows)
        length = (b"inference-header-content-length", str(answer.header_length).encode())
        return Reply(200, answer.body, OCTETS, answer.rows, [length])

    async def _index(self, head: Head, receive: Receive) -> Reply:
        return Reply(200, self._pages.index)

    async def _docs(self, head: Head, receive: Receive) -> Reply:
        self._require_ready()
        policy = (b"content-security-policy", POLICY)
        return Reply(200, self._pages.html, HTML, headers=[policy])

    async def _openapi(self, head: Head, receive: Receive) -> Reply:
        self._require_ready()
        return Reply(200, self._pages.openapi)

    async def _healthz(self, head: Head, receive: Receive) -> Reply:
        self._require_ready()
        return Reply(200, self._health)

    async def _ping(self, head: Head, receive: Receive) -> Reply:
        self._require_ready()
        return Reply(200, b"\n", TEXT)

    async def _package(self, head: Head, receive: Receive) -> Reply:
        return Reply(200, self._package_version, TEXT)

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
        self._require_ready()
        return Reply(200, self._protocol.model_metadata())

    def _require_ready(self) -> None:
        if not self._runtime.ready:
            raise NotReady("The model is still being loaded.")
