"""Pass the controller's event log on to the browser: jupyter_events, and a heartbeat.

The log is followed by long polls, so an event arrives when it happens. While no controller
listens, its socket is looked at a few times a second: one ``stat`` each.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from jupyter_deploy.exceptions import DeployError
from jupyter_deploy.server_extension.link import ControllerLink, LinkState
from jupyter_deploy.server_extension.schema import CONTROLLER_STATE, HEARTBEAT

#: Seconds one long poll may take; an answer later than `_GRACE` after that means it hangs.
_WAIT = 10.0
_GRACE = 5.0
#: Seconds between two looks at the socket, and the looks after which it is tried in any case.
_LOOK = 0.25
_TRY_EVERY = 8


class EventTail:
    """Follows one controller's log.

    Parameters
    ----------
    link
        The controller.
    emit
        Called on the event loop with the data of each event.
    """

    def __init__(self, link: ControllerLink, emit: Callable[[dict[str, Any]], None]) -> None:
        self._link = link
        self._emit = emit
        self._seq: int | None = None

    async def run(self) -> None:
        """Follow the log until cancelled."""
        while True:
            if await self._link.look() is LinkState.RUNNING:
                await self._follow()
                await asyncio.sleep(_LOOK)
            else:
                await self._wait_for_socket()

    async def beat(self, seconds: float) -> None:
        """Emit a heartbeat every so many seconds until cancelled."""
        while True:
            await asyncio.sleep(seconds)
            self._send(HEARTBEAT)

    def state_changed(self) -> None:
        """Tell the browser that the link's state is another one."""
        self._send(CONTROLLER_STATE)

    async def _follow(self) -> None:
        info = self._link.info or {}
        head = int(info.get("head", 0))
        if self._seq is None or self._seq > head:  # the first look, or a log begun anew
            self._seq = head
        try:
            while True:
                asked = time.monotonic()
                page = await self._link.request(
                    "GET",
                    "/v1/events",
                    params={"after": self._seq, "wait": _WAIT},
                    timeout=_WAIT + _GRACE,
                )
                for event in page["events"]:
                    self._seq = int(event["seq"])
                    self._send(event["kind"], event["deployment"], event["version"])
                if not page["events"] and time.monotonic() - asked < _WAIT / 2:
                    await asyncio.sleep(_LOOK)  # it is about to end and waits no more
                if self._link.state is not LinkState.RUNNING:
                    await self._link.look()
        except DeployError:
            return  # the link's state says what happened

    async def _wait_for_socket(self) -> None:
        before = await asyncio.to_thread(self._mark)
        # one that is starting binds its socket before it listens
        starting = self._link.state is LinkState.STARTING
        for _ in range(1 if starting else _TRY_EVERY):
            await asyncio.sleep(_LOOK)
            if self._link.state is LinkState.RUNNING or self._mark() != before:
                return

    def _mark(self) -> tuple[int, int] | None:
        try:
            found = self._link.paths.controller_socket.stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns

    def _send(self, kind: str, deployment: str = "", version: str = "") -> None:
        self._emit(
            {
                "kind": kind,
                "seq": self._seq or 0,
                "deployment": deployment,
                "version": version,
                "state": self._link.state.value,
            }
        )
