"""The reconcile loop: a task for every version that needs one, and one for the gateway.

It looks at the store, gives every version on its way, serving or ending a
:class:`~jupyter_deploy.controller.lifecycle.Lifecycle`, and goes on from wherever an earlier
controller was stopped or killed. Versions are independent: a slow start delays no other.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from functools import partial

from jupyter_deploy.config import Paths
from jupyter_deploy.controller import processes
from jupyter_deploy.controller.lifecycle import Lifecycle
from jupyter_deploy.controller.processes import Stray
from jupyter_deploy.controller.store import Store
from jupyter_deploy.controller.traffic import Traffic
from jupyter_deploy.controller.workers import Limits
from jupyter_deploy.exceptions import DEPLOY, ControllerError
from jupyter_deploy.types import EventPage, Operation, OperationState

log = logging.getLogger(__name__)

#: Seconds until a version is taken up again whose task could not even record why it failed.
_AGAIN = 2.0


class Loop:
    """Everything that runs, brought to what the store says.

    Parameters
    ----------
    paths, store
        The installation.
    limits
        Deadlines and pauses.
    """

    def __init__(self, paths: Paths, store: Store, limits: Limits | None = None) -> None:
        self.store = store
        self.traffic = Traffic(paths, store)
        self._paths = paths
        self._limits = limits or Limits()
        self._lives: dict[tuple[str, str], tuple[Lifecycle, asyncio.Task[None]]] = {}
        self._gateway: asyncio.Task[None] | None = None
        self._sweeping: set[asyncio.Task[None]] = set()
        self._moved = asyncio.Event()
        self._closing = False
        store.listen(self._announce)

    async def start(self) -> None:
        """Adopt what runs, and begin to bring everything to what the store says."""
        strays = await asyncio.to_thread(processes.find_workers, self._paths.home)
        self._gateway = asyncio.create_task(self.traffic.run())
        self._lead(None, strays)
        known = self.store.pids()
        for stray in strays:
            if stray.pid not in known and (process := processes.adopt(stray.pid, stray.created)):
                log.warning("worker %s, pid %d, belongs to nothing: ended", stray.mark, stray.pid)
                ending = asyncio.create_task(process.stop(self._limits.stop))
                self._sweeping.add(ending)
                ending.add_done_callback(self._sweeping.discard)

    def poke(self, name: str) -> None:
        """Look at deployment `name` again: the store was changed by a user's wish."""
        for (deployment, _), (life, _) in self._lives.items():
            if deployment == name:
                life.changed.set()
        if not self._closing:
            self._lead(name, [])

    def operation(self, identity: str) -> Operation:
        """Return a deploy's progress.

        Raises
        ------
        ControllerError
            When it can't be written down how it goes on, for example on a full disk.
        """
        operation = self.store.operation(identity)
        why = self.store.unwritable
        if not why or operation.state is not OperationState.RUNNING:
            return operation
        raise ControllerError(
            f"The controller can't keep its state in {self._paths.home}: {why}.",
            f"Free some space there; {operation.deployment} {operation.version} goes on by itself "
            f"then: {DEPLOY} status {operation.deployment}. What served before still does.",
        )

    async def settled(self, name: str, timeout: float) -> bool:
        """Wait until nothing of `name` runs any more; False when that took too long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while tasks := [t for (n, _), (_, t) in self._lives.items() if n == name]:
                    await asyncio.wait(tasks)
                return True
        return False

    async def events(self, after: int, wait: float, deployment: str | None) -> EventPage:
        """Return the events after `after`; with none, wait up to `wait` seconds for one."""
        with suppress(TimeoutError):
            async with asyncio.timeout(wait):
                while not (page := self.store.events(after, deployment)).events:
                    if self._closing:
                        return page
                    await self._moved.wait()
                return page
        return self.store.events(after, deployment)

    def closing(self) -> None:
        """Answer every waiting reader of events now: the controller is about to end."""
        self._closing = True
        self._announce()

    async def stop(self, *, services: bool) -> None:
        """End all tasks; the services go on, unless `services` asks to stop them as well."""
        lives = list(self._lives.values())
        tasks = [task for _, task in lives]
        if self._gateway:
            tasks.append(self._gateway)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if services:
            with suppress(Exception):
                await self.traffic.stop()
            await asyncio.gather(*(life.halt() for life, _ in lives), return_exceptions=True)

    def _lead(self, name: str | None, strays: list[Stray]) -> None:
        for key in self.store.active(name):
            if key in self._lives:
                continue
            life = Lifecycle(
                *key,
                paths=self._paths,
                store=self.store,
                traffic=self.traffic,
                limits=self._limits,
                strays=strays,
                took_over=self.poke,
            )
            task = asyncio.create_task(life.run(), name="{}@{}".format(*key))
            self._lives[key] = life, task
            task.add_done_callback(partial(self._ended, key))

    def _ended(self, key: tuple[str, str], task: asyncio.Task[None]) -> None:
        del self._lives[key]
        if task.cancelled() or self._closing:
            return
        if error := task.exception():
            log.error("the task of %s %s failed", *key, exc_info=error)
            asyncio.get_running_loop().call_later(_AGAIN, self.poke, key[0])
        else:
            # it may have been wanted again just before it ended
            self._lead(key[0], [])

    def _announce(self) -> None:
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()
