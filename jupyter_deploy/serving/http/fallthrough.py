"""BentoML's own application behind the lane, built when it is first asked for.

Predictions don't need it, and its imports and start take longer than the lane's own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class LazyApp:
    """An ASGI application that is built and started by its first request.

    Parameters
    ----------
    build
        Returns the application; called at most once, in a thread.
    """

    def __init__(self, build: Callable[[], App]) -> None:
        self._build = build
        self._app: App | None = None
        self._starting = asyncio.Lock()
        self._inbox: asyncio.Queue[Message] = asyncio.Queue()
        self._stage = asyncio.Event()
        self._failure = ""
        self._lifespan: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request.

        Raises
        ------
        RuntimeError
            When the application failed to start.
        """
        if self._app is None:
            async with self._starting:
                if self._app is None:
                    self._app = await self._start()
        await self._app(scope, receive, send)

    async def stop(self) -> None:
        """Shut the application down, if it was ever started."""
        if self._lifespan is None:
            return
        self._stage.clear()
        await self._inbox.put({"type": "lifespan.shutdown"})
        await asyncio.wait(
            [self._lifespan, asyncio.ensure_future(self._stage.wait())],
            return_when=asyncio.FIRST_COMPLETED,
        )
        self._lifespan = None

    async def _start(self) -> App:
        app = await asyncio.to_thread(self._build)
        # the lifespan runs in one task from start to end, as servers do it
        self._lifespan = asyncio.create_task(self._live(app), name="bentoml lifespan")
        await self._inbox.put({"type": "lifespan.startup"})
        await self._stage.wait()
        if self._failure:
            raise RuntimeError(f"BentoML's application failed to start: {self._failure}")
        return app

    async def _live(self, app: App) -> None:
        async def send(message: Message) -> None:
            if message["type"].endswith(".failed"):
                self._failure = message.get("message", "") or "see the log"
            self._stage.set()

        scope: Scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
        try:
            await app(scope, self._inbox.get, send)
        except Exception as error:  # noqa: BLE001  it has no lifespan, or it broke
            self._failure = self._failure or repr(error)
        self._stage.set()
