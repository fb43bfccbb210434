"""One version from the moment it is submitted until nothing of it is left.

Level-triggered: what is done next depends on the version's state in the store and on the
processes that run, never on what this controller remembers. A step may be cancelled at any
``await`` (a newer wish of the user, the end of the controller) and is taken up again.

========  ====================================================================
starting  workers run and answer → golden requests → route → live
live      workers are kept running
draining  no route → no request left → workers end → stopped
failed    workers end
stopped   workers end
========  ====================================================================
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from jupyter_deploy.config import Paths
from jupyter_deploy.controller.processes import Stray
from jupyter_deploy.controller.store import Store
from jupyter_deploy.controller.traffic import Traffic
from jupyter_deploy.controller.workers import Limits, Workers
from jupyter_deploy.exceptions import DEPLOY, DeployError, GatewayError, ServiceError
from jupyter_deploy.types import Stage, VersionState

log = logging.getLogger(__name__)

_REPLAYS = 3


class Lifecycle:
    """One version's task.

    Attributes
    ----------
    changed
        Set it when the version's state in the store has been changed by someone else.

    Parameters
    ----------
    strays
        Running workers of this installation, when the controller has just started.
    took_over
        Called with the deployment's name when this version has taken over from another one.
    """

    def __init__(
        self,
        name: str,
        version: str,
        *,
        paths: Paths,
        store: Store,
        traffic: Traffic,
        limits: Limits,
        strays: list[Stray],
        took_over: Callable[[str], None],
    ) -> None:
        self.name, self.version = name, version
        self.changed = asyncio.Event()
        self._store, self._traffic, self._limits = store, traffic, limits
        spec, _ = store.version(name, version)
        self._workers = Workers(spec, paths, store, limits, strays)
        self._golden = len(spec.golden)
        self._took_over = took_over

    async def run(self) -> None:
        """Do what the version's state asks for until nothing is left to do."""
        steps: dict[VersionState, Callable[[], Coroutine[Any, Any, None]]] = {
            VersionState.STARTING: self._start,
            VersionState.LIVE: self._keep,
            VersionState.DRAINING: self._drain,
            VersionState.FAILED: self._clean,
            VersionState.STOPPED: self._clean,
        }
        failures = 0
        try:
            while True:
                self.changed.clear()
                _, state = self._store.version(self.name, self.version)
                if (self.name, self.version) not in self._store.active(self.name):
                    return
                try:
                    await self._until_changed(steps[state])
                except Exception as error:  # noqa: BLE001 (whatever it was, the loop goes on)
                    failures += 1
                    await self._trouble(state, error, min(2.0**failures / 10, 30.0))
                    continue
                failures = 0
        finally:
            await self._workers.release()

    async def halt(self) -> None:
        """End the workers, though the store goes on wanting them (:meth:`run` was cancelled)."""
        await self._workers.stop()
        self._store.halted(self.name, self.version)

    async def _until_changed(self, step: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run `step` until it ends or the version's state was changed by someone else."""
        work = asyncio.create_task(step())
        changed = asyncio.create_task(self.changed.wait())
        try:
            await asyncio.wait((work, changed), return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                work.result()
        finally:
            for task in (work, changed):
                task.cancel()
            await asyncio.gather(work, changed, return_exceptions=True)

    async def _trouble(self, state: VersionState, error: Exception, pause: float) -> None:
        if isinstance(error, DeployError):
            log.warning("%s %s (%s): %s", self.name, self.version, state, error.message)
        else:
            log.error("%s %s (%s)", self.name, self.version, state, exc_info=error)
            error = ServiceError(
                f"The controller failed on {self.name} {self.version}: {error!r}",
                "This is a defect of jupyter_deploy; its log has the details.",
            )
        if state is VersionState.STARTING and self._store.is_deploying(self.name, self.version):
            self._store.fail(self.name, self.version, error)
            return
        self._store.note(self.name, self.version, error.message)
        with suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await self.changed.wait()

    async def _start(self) -> None:
        """From submitted (or stopped) to live."""
        key = (self.name, self.version)
        deploying = self._store.is_deploying(*key)
        self._traffic.forget(*key)
        self._store.stage(*key, Stage.START)
        self._workers.run()
        await self._answering(self._limits.tries if deploying else None)
        if deploying:
            vary = "no golden requests: the model's answers vary"
            found = f"golden requests per worker: {self._golden}" if self._golden else vary
            self._store.stage(*key, Stage.VERIFY, found)
            await self._verify()
        self._store.stage(*key, Stage.ROUTE)
        await self._traffic.route(*key, self._take_over)

    def _take_over(self) -> bool:
        taken = self._store.go_live(self.name, self.version)
        if taken:
            self._took_over(self.name)
        return taken

    async def _answering(self, tries: int | None) -> None:
        """Wait until all workers answer; what stands in the way is noted meanwhile."""
        ready = asyncio.create_task(self._workers.ready(tries))
        noting = asyncio.create_task(self._note_trouble())
        try:
            await asyncio.wait((ready, noting), return_when=asyncio.FIRST_COMPLETED)
            ready.result() if ready.done() else noting.result()
        finally:
            for task in (ready, noting):
                task.cancel()
            await asyncio.gather(ready, noting, return_exceptions=True)

    async def _verify(self) -> None:
        for attempt in range(1, _REPLAYS + 1):
            try:
                return await self._workers.replay()
            except ConnectionError as error:
                # a worker died or is being started again
                if attempt == _REPLAYS:
                    raise ServiceError(
                        f"{self.name} {self.version} doesn't survive its golden requests: {error}.",
                        f"Its log says why: {DEPLOY} logs {self.name} --version {self.version}",
                    ) from error
            await self._answering(self._limits.tries)

    async def _keep(self) -> None:
        """Serve until something else is wanted."""
        self._workers.run()
        await self._note_trouble()

    async def _note_trouble(self) -> None:
        noted: str | None = None
        while True:
            self._workers.moved.clear()
            if self._workers.trouble != noted:
                noted = self._workers.trouble
                self._store.note(self.name, self.version, noted)
            await self._workers.moved.wait()

    async def _drain(self) -> None:
        """Finish what is in flight, then end the workers."""
        await self._unroute()
        try:
            await self._traffic.drain(self.name, self.version, self._limits.drain)
        except GatewayError as error:
            log.warning("%s %s is stopped undrained: %s", self.name, self.version, error.message)
        self._traffic.retire(self.name, self.version)
        await self._clean()

    async def _clean(self) -> None:
        """End the workers; the next round of the task finds the version at rest."""
        await self._unroute()
        await self._workers.stop()
        self._store.drained(self.name, self.version)
        self._traffic.forget(self.name, self.version)

    async def _unroute(self) -> None:
        """Let the gateway follow the store; a broken one must not keep a version from ending."""
        try:
            await self._traffic.sync()
        except GatewayError as error:
            log.warning("%s %s stays in the gateway: %s", self.name, self.version, error.message)
