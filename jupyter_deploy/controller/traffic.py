"""The gateway, as the store wants it: its plan, its port, its key, and Envoy kept alive."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from jupyter_deploy.config import Paths
from jupyter_deploy.controller import processes
from jupyter_deploy.controller.store import Store
from jupyter_deploy.controller.transaction import url_of
from jupyter_deploy.controller.workers import socket_path
from jupyter_deploy.exceptions import GatewayError
from jupyter_deploy.gateway.envoy import Gateway, ProcessIdentity, free_port
from jupyter_deploy.gateway.plan import Backend, Route, TrafficPlan
from jupyter_deploy.gateway.process import port_is_free
from jupyter_deploy.types import GatewayInfo, VersionSpec, VersionState

log = logging.getLogger(__name__)

_HEADER = "x-api-key"
_PAUSES = (0.0, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
#: Seconds between two looks at the size of Envoy's logs.
_ROTATE = 60.0

#: Seconds to wait for a gateway that is being started before a change to it is given up.
_UP = 30.0


class Traffic:
    """Owner of the gateway.

    Plans are made from the store only, and applied one at a time.
    """

    def __init__(self, paths: Paths, store: Store) -> None:
        self._paths, self._store = paths, store
        self._gateway = Gateway(paths.gateway, paths.logs)
        self._key = read_key(paths.key_header)
        self._lock = asyncio.Lock()
        self._up = asyncio.Event()
        self._retired: set[tuple[str, str]] = set()
        self._applied: tuple[object, ...] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def info(self) -> GatewayInfo:
        """What faces need to know; the key stays in its file."""
        record = self._store.gateway()
        return GatewayInfo(
            url=url_of(record.port if record else 0),
            key_header=str(self._paths.key_header),
            # what the store remembers may be dead until run() has looked
            pid=record.pid if record and self._up.is_set() else None,
            running=self._up.is_set(),
        )

    async def run(self) -> None:
        """Keep Envoy running until cancelled; it outlives this task."""
        failures = 0
        while True:
            await asyncio.sleep(_PAUSES[min(failures, len(_PAUSES) - 1)])
            try:
                async with self._lock:
                    identity = await self._ensure()
            except GatewayError as error:
                failures += 1
                log.error("the gateway is down: %s", error)
                continue
            except Exception:
                failures += 1
                log.exception("the gateway is down")
                continue
            failures = 0
            self._up.set()
            await self._watch(identity)
            self._up.clear()
            self._store.gateway_process(None, None)
            log.warning("the gateway died")

    async def _watch(self, identity: ProcessIdentity) -> None:
        """Return when Envoy is gone; until then its logs are kept small."""
        gone = asyncio.create_task(processes.gone(identity.pid))
        try:
            while not (await asyncio.wait((gone,), timeout=_ROTATE))[0]:
                with suppress(GatewayError):
                    await self._gateway.rotate_logs()
        finally:
            gone.cancel()

    async def route(self, name: str, version: str, commit: Callable[[], bool]) -> None:
        """Give all traffic of `name` to `version`, then let `commit` write that down.

        When `commit` finds that it was overtaken, the gateway goes back to what the store says.

        Raises
        ------
        GatewayError
            When Envoy refuses the plan.
        """

        async def switch() -> None:
            await self._apply({name: version})
            if not commit():
                await self._apply({})

        await self._whole(switch)

    async def sync(self) -> None:
        """Make the gateway serve what the store says.

        A gateway that is down needs nothing now: it is started with the store's plan.

        Raises
        ------
        GatewayError
            When Envoy refuses the plan.
        """
        if self._up.is_set():
            await self._whole(partial(self._apply, {}))

    async def drain(self, name: str, version: str, timeout: float) -> None:
        """Wait until `version`, which has no route any more, works on no request."""
        if self._up.is_set() and not await self._gateway.drained(name, version, timeout):
            log.warning("%s %s still worked after %g s", name, version, timeout)

    def retire(self, name: str, version: str) -> None:
        """Leave a drained version's workers out of the gateway from now on."""
        self._retired.add((name, version))

    def forget(self, name: str, version: str) -> None:
        """A retired version has left the store, or is about to serve again."""
        self._retired.discard((name, version))

    async def stop(self) -> None:
        """End Envoy (:meth:`run` must be cancelled before)."""
        async with self._lock:
            await self._gateway.stop()
        self._up.clear()
        self._store.gateway_process(None, None)

    async def _whole(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run `work` to its end even when who waits for it is cancelled: no half a plan."""
        task = asyncio.create_task(self._alone(work))
        self._tasks.add(task)
        task.add_done_callback(self._done)
        await asyncio.shield(task)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.warning("a change of the gateway failed: %s", error)

    async def _alone(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run `work` with the gateway up and no other change under way."""
        for pause in (0.1, 0.2, 0.4, 0.8, 1.6, 3.2):
            try:
                # not under the lock, which whoever brings it up needs
                async with asyncio.timeout(_UP):
                    await self._up.wait()
            except TimeoutError:
                raise GatewayError(
                    f"The gateway did not come up within {_UP:g} s.",
                    f"Its log says why: {self._paths.logs}",
                ) from None
            async with self._lock:
                try:
                    return await work()
                except GatewayError:
                    if self._gateway.alive():
                        raise
            # it died under the change; run() brings it back
            await asyncio.sleep(pause)
        raise GatewayError("The gateway keeps dying.", f"Its log says why: {self._paths.logs}")

    async def _ensure(self) -> ProcessIdentity:
        """Start Envoy, or adopt the one that runs, and record it."""
        record = self._store.gateway()
        if record is None:
            self._store.set_port(free_port())
        elif not self._gateway.alive() and not port_is_free(record.port):
            port = free_port()
            log.warning("port %d is taken by another program, now on %d", record.port, port)
            self._store.set_port(port)
            self._store.announce("gateway.moved", before=record.port, port=port)
        plan = self._plan({})
        self._applied = None
        identity = await self._gateway.ensure(plan)
        self._store.gateway_process(identity.pid, identity.created)
        self._applied = plan.backends, plan.routes
        return identity

    async def _apply(self, override: dict[str, str]) -> None:
        """Apply the store's plan, with `override` (deployment → version) taking the traffic."""
        plan = self._plan(override)
        if (plan.backends, plan.routes) == self._applied:
            return
        self._applied = None
        plan = replace(plan, revision=self._store.next_revision())
        await self._gateway.apply(plan)
        self._applied = plan.backends, plan.routes

    def _plan(self, override: dict[str, str]) -> TrafficPlan:
        serving = self._store.in_state(VersionState.LIVE)
        draining = self._store.in_state(VersionState.DRAINING)
        coming = [
            spec
            for spec in self._store.in_state(VersionState.STARTING)
            if override.get(spec.name) == spec.version
        ]
        shares = {spec.name: spec.version for spec in [*serving, *coming]}
        record = self._store.gateway()
        return TrafficPlan(
            revision=record.revision if record else 0,
            port=record.port if record else 0,
            key=self._key,
            backends=tuple(
                self._backend(spec)
                for spec in [*serving, *draining, *coming]
                if (spec.name, spec.version) not in self._retired
            ),
            routes=tuple(Route(name, ((version, 100),)) for name, version in shares.items()),
        )

    def _backend(self, spec: VersionSpec) -> Backend:
        sockets = (str(socket_path(self._paths, spec, i)) for i in range(spec.workers))
        return Backend(spec.name, spec.version, tuple(sockets))


def read_key(path: Path) -> str:
    """Return the gateway's key; makes one when there is none yet (0600)."""
    with suppress(FileNotFoundError):
        header, _, key = path.read_text().strip().partition(":")
        if header == _HEADER and key.strip():
            return key.strip()
    key = secrets.token_urlsafe(32)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(f"{_HEADER}: {key}\n")
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    return key
