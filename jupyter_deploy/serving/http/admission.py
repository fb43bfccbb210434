"""Who is worked for: a bounded number of requests, each given up when its client has gone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeVar

from .. import trace
from ..problems import Busy, NotReady
from ..runtime import INLINE_BYTES, Runtime
from .exchange import DisconnectedError, Head, read_body
from .fallthrough import Receive
from .pace import Pace

Answer = TypeVar("Answer")


class Tally(Protocol):
    """Counts what is under way."""

    def inc(self, amount: float = 1, /) -> None:
        """One more."""

    def dec(self, amount: float = 1, /) -> None:
        """One less."""


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


class Admission:
    """Lets requests in to the model, up to a number, and gives the model's thread out in order."""

    def __init__(self, runtime: Runtime, limits: Limits) -> None:
        self._runtime = runtime
        self._limits = limits
        self._in_flight = 0
        #: How many of these are the thread's: one it works on, the others in its queue.
        self._in_thread = 0
        self._pace = Pace()

    async def answer(
        self, work: Callable[[bytes], Answer], head: Head, receive: Receive, tally: Tally
    ) -> Answer:
        """Read the body and return ``work(body)``, if there is room for one more.

        Raises
        ------
        Problem
            What `work` raises; NotReady and Busy when it can't be done now.
        DisconnectedError
            When the client went away before its turn came.
        """
        if not self._runtime.ready:
            raise NotReady("The model is still being loaded.")
        if self._in_flight >= self._limits.in_flight:
            raise Busy(f"{self._in_flight} predictions are waiting; try again shortly.")
        self._in_flight += 1
        tally.inc()
        try:
            body = await read_body(receive, head, self._limits.body)
            if len(body) > INLINE_BYTES:
                work = partial(self._pace.measured, work)
            if self._runtime.inline and self._pace.short(len(body)):
                if head.trace is None:
                    return work(body)
                return trace.within(head.trace, work, body)
            return await self._in_turn(work, head, body, receive)
        finally:
            self._in_flight -= 1
            tally.dec()

    async def _in_turn(
        self, work: Callable[[bytes], Answer], head: Head, body: bytes, receive: Receive
    ) -> Answer:
        """Work in the model's thread, so that the event loop stays free."""
        pool, traced = self._runtime.pool, head.trace
        job = (
            pool.submit(work, body)
            if traced is None
            else pool.submit(trace.within, traced, work, body)
        )
        queued = self._in_thread > 0
        self._in_thread += 1
        try:
            future = asyncio.wrap_future(job)
            if not queued:
                return await future
            # there is no more body to come, so the next event is the client's leaving
            leaving = asyncio.ensure_future(receive())
            try:
                await asyncio.wait((future, leaving), return_when=asyncio.FIRST_COMPLETED)
                if leaving.done() and job.cancel():
                    raise DisconnectedError
                # one that has begun can't be stopped, and holds its place to its end
                return await future
            finally:
                leaving.cancel()
        finally:
            self._in_thread -= 1
