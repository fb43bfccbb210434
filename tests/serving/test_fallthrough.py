"""An application that starts with its first request."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from jupyter_deploy.serving.http.fallthrough import LazyApp, Receive, Scope, Send


class App:
    """Counts what happens to it."""

    def __init__(self, fails: bool = False) -> None:
        self.events: list[str] = []
        self._fails = fails

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self.events.append("request")
            return
        await receive()
        self.events.append("startup")
        if self._fails:
            await send({"type": "lifespan.startup.failed", "message": "no model"})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self.events.append("shutdown")
        await send({"type": "lifespan.shutdown.complete"})


def build_counting(app: App) -> LazyApp:
    def build() -> Any:
        app.events.append("build")
        return app

    return LazyApp(build)


async def nothing(*_: Any) -> Any:
    return {}


def test_it_is_built_once_and_shut_down() -> None:
    app = App()

    async def scenario() -> None:
        lazy = build_counting(app)
        assert app.events == []
        await asyncio.gather(*(lazy({"type": "http"}, nothing, nothing) for _ in range(3)))
        await lazy.stop()

    asyncio.run(scenario())
    assert app.events == ["build", "startup", "request", "request", "request", "shutdown"]


def test_one_that_was_never_asked_is_never_built() -> None:
    app = App()

    async def scenario() -> None:
        await build_counting(app).stop()

    asyncio.run(scenario())
    assert app.events == []


def test_one_that_fails_to_start_fails_its_requests() -> None:
    app = App(fails=True)

    async def scenario() -> None:
        lazy = build_counting(app)
        for _ in range(2):
            with pytest.raises(RuntimeError, match="no model"):
                await lazy({"type": "http"}, nothing, nothing)
        await lazy.stop()

    asyncio.run(scenario())
