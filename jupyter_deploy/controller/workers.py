"""Keeps the workers of one version running: starts, adopts, watches, starts again, stops.

One task per worker. Cancelling the tasks leaves the processes alone, which is what a controller
does when it ends; the next one adopts them.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from jupyter_deploy.config import Paths
from jupyter_deploy.controller import logs, processes
from jupyter_deploy.controller.probe import Probe
from jupyter_deploy.controller.processes import Process, Stray
from jupyter_deploy.controller.store import Store
from jupyter_deploy.controller.worker_command import (
    check_interpreter,
    diagnose,
    mark,
    worker_command,
    worker_environment,
)
from jupyter_deploy.exceptions import ServiceError
from jupyter_deploy.types import VersionSpec

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Limits:
    """Deadlines and pauses, in seconds.

    Attributes
    ----------
    start
        For a worker to become ready.
    tries
        Deaths in a row before ever answering, after which a version on its way is given up.
    pauses
        Before the worker is started again: the first after one death, the last from then on.
    settled
        A worker that answered for so long begins with the first pause again.
    stop
        Between SIGTERM and SIGKILL.
    probe
        Between two looks at a worker that is ready.
    answer
        For an answer to such a look.
    hung
        A worker that gave no answer for so long is killed and started again.
    replay
        For an answer to a golden request.
    drain
        For the requests that a retired version still works on.
    again
        Before a worker is looked at again whose state could not be kept.
    """

    start: float = 180.0
    tries: int = 3
    pauses: tuple[float, ...] = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
    settled: float = 60.0
    stop: float = 10.0
    probe: float = 10.0
    answer: float = 5.0
    hung: float = 60.0
    replay: float = 60.0
    drain: float = 30.0
    again: float = 2.0


class Worker:
    """One worker: at most one process at a time.

    Attributes
    ----------
    ready
        It answers.
    failures
        Times in a row that it died, or failed to start, before it answered.
    error
        Why the last time.
    """

    def __init__(
        self,
        spec: VersionSpec,
        index: int,
        *,
        paths: Paths,
        store: Store,
        limits: Limits,
        moved: Callable[[], None],
    ) -> None:
        self.socket = socket_path(paths, spec, index)
        self.ready = False
        self.failures = 0
        self.error: ServiceError | None = None
        self._spec, self._index = spec, index
        self._paths, self._store, self._limits = paths, store, limits
        self._moved = moved
        self._log = logs.log_file(paths.logs, spec.name, spec.version, index)
        self._process: Process | None = None
        self._deaths = 0
        self._told: bool | None = None
        self._unheard: ServiceError | None = None

    @property
    def _key(self) -> tuple[str, str, int]:
        return self._spec.name, self._spec.version, self._index

    def adopt(self, strays: list[Stray]) -> None:
        """Take over the process that the store or its environment's mark names, if one runs."""
        recorded = self._store.worker(*self._key)
        if recorded is None or self._process is not None:
            return
        if recorded.pid is not None and recorded.created is not None:
            self._process = processes.adopt(recorded.pid, recorded.created)
        for stray in strays:
            if self._process is None and stray.mark == mark(*self._key):
                # started, but not yet written down when the controller died
                self._process = processes.adopt(stray.pid, stray.created)
                if self._process:
                    self._store.spawned(*self._key, stray.pid, stray.created)
        if self._process is None and recorded.pid is not None:
            self._store.died(*self._key, None)
        elif self._process:
            log.info("adopted worker %s, pid %d", mark(*self._key), self._process.pid)

    async def run(self) -> None:
        """Keep one process running until cancelled."""
        probe = Probe(str(self.socket))
        try:
            while True:
                try:
                    await self._once(probe)
                except ServiceError as error:
                    self._failed(error)
                except Exception as error:
                    # a full disk, no descriptors left: it may pass, and nobody else would notice
                    log.exception("worker %s", mark(*self._key))
                    self._failed(ServiceError(f"{self._name} can't be kept running: {error!r}"))
                    await asyncio.sleep(self._limits.again)
        finally:
            await probe.close()
            if self._process:
                # left alone; whoever wants it again finds it through the store
                self._process.release()
                self._process = None

    async def _once(self, probe: Probe) -> None:
        """Start the process unless one runs, and watch it until its end."""
        if self._process is None:
            if self._deaths:
                pauses = self._limits.pauses
                await asyncio.sleep(pauses[min(self._deaths, len(pauses)) - 1])
            # counted before it is known how it ends; a long life counts as none
            self._deaths += 1
            self._start()
        process = self._process
        assert process is not None  # noqa: S101 (just started)
        answered = await self._watch(process, probe)
        if answered >= self._limits.settled:
            self._deaths = 1
        self._buried(process, answered > 0)
        self._process = None

    async def stop(self) -> None:
        """End the process, if one runs (:meth:`run` must be cancelled before)."""
        process = self._process
        self._process, self.ready = None, False
        if process is None:
            recorded = self._store.worker(*self._key)
            if recorded is not None and recorded.pid and recorded.created:
                process = processes.adopt(recorded.pid, recorded.created)
        if process is not None:
            await process.stop(self._limits.stop)
        with suppress(OSError):
            self.socket.unlink(missing_ok=True)

    def _start(self) -> None:
        self._told = self._unheard = None
        check_interpreter(self._spec)
        self._store.intend(*self._key, str(self.socket))
        logs.prepare(self._log)
        now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        logs.mark_start(self._log, self._index, now)
        metrics = metrics_folder(self._paths, self._spec)
        metrics.mkdir(mode=0o700, parents=True, exist_ok=True)
        listener = processes.bind(self.socket)
        self._process = processes.start(
            worker_command(self._spec, self._index, listener.fileno()),
            worker_environment(self._spec, self._index, self._paths, metrics, os.environ),
            listener,
            self._log,
        )
        self._store.spawned(*self._key, self._process.pid, self._process.created)
        log.info("started worker %s, pid %d", mark(*self._key), self._process.pid)

    async def _watch(self, process: Process, probe: Probe) -> float:
        """Watch until the process is gone; return for how many seconds it had been answering."""
        born = heard = time.monotonic()
        first_answer: float | None = None
        pause, missed = 0.05, 0
        while not process.exited.is_set():
            healthy = await probe.healthy(self._limits.answer)
            now = time.monotonic()
            if healthy:
                heard, missed = now, 0
                first_answer = first_answer or now
                self.failures, self.error = 0, None
                pause = self._limits.probe
                logs.cut(self._log)
            else:
                missed += 1
                pause = min(pause * 1.3, 0.25 if first_answer is None else 1.0)
            # one missed answer may be a large batch; two in a row are told
            self._is_ready(healthy or (self.ready and missed < 2))
            limit = self._limits.start if first_answer is None else self._limits.hung
            if now - (born if first_answer is None else heard) > limit:
                lines = logs.last_life(self._log, self._index)
                self._unheard = ServiceError(
                    f"{self._name} gave no answer for {limit:g} s and was killed.",
                    diagnose(self._spec, lines),
                    log=lines,
                )
                await process.stop(0)
                break
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await process.exited.wait()
        return time.monotonic() - first_answer if first_answer else 0.0

    def _is_ready(self, ready: bool) -> None:
        if ready != self._told:
            self._store.readiness(*self._key, ready=ready)
            self._told = ready
        if ready != self.ready:
            self.ready = ready
            self._moved()

    def _buried(self, process: Process, answered: bool) -> None:
        self.ready = False
        self._store.died(*self._key, process.code)
        for gauge in metrics_folder(self._paths, self._spec).glob(f"gauge_live*_{process.pid}.db"):
            gauge.unlink(missing_ok=True)
        lines = logs.last_life(self._log, self._index)
        how = _how(process.code)
        log.warning("worker %s, pid %d, %s", mark(*self._key), process.pid, how)
        # a traceback of one that has served is some request's
        words = lines[-1] if answered and lines else logs.reason(lines)
        error = self._unheard or ServiceError(
            f"{self._name} {how}{f': {words.strip()[:300]}' if words else '.'}",
            diagnose(self._spec, lines),
            log=lines,
        )
        if answered:
            self.error = error
            self._moved()
        else:
            # who had all the time to start won't do better at the next try
            self._failed(error, self._limits.tries if self._unheard else 1)

    def _failed(self, error: ServiceError, weight: int = 1) -> None:
        self.failures += weight
        self.error = error
        self._moved()

    @property
    def _name(self) -> str:
        return f"Worker {self._index} of {self._spec.name} {self._spec.version}"


class Workers:
    """All workers of one version."""

    def __init__(
        self, spec: VersionSpec, paths: Paths, store: Store, limits: Limits, strays: list[Stray]
    ) -> None:
        self._spec, self._paths, self._store, self._limits = spec, paths, store, limits
        self._tasks: list[asyncio.Task[None]] = []
        self.moved = asyncio.Event()
        self.workers = [
            Worker(spec, index, paths=paths, store=store, limits=limits, moved=self.moved.set)
            for index in range(spec.workers)
        ]
        for worker in self.workers:
            worker.adopt(strays)

    def run(self) -> None:
        """Keep every worker running from now on."""
        if not self._tasks:
            self._tasks = [asyncio.create_task(worker.run()) for worker in self.workers]

    async def release(self) -> None:
        """Stop keeping them; the processes stay."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def stop(self) -> None:
        """Stop keeping them, and end the processes."""
        await self.release()
        await asyncio.gather(*(worker.stop() for worker in self.workers))
        shutil.rmtree(metrics_folder(self._paths, self._spec), ignore_errors=True)

    async def ready(self, tries: int | None) -> None:
        """Wait until every worker answers.

        Parameters
        ----------
        tries
            Give up after so many failures in a row of one worker; None never gives up.

        Raises
        ------
        ServiceError
            Why the worker failed.
        """
        while not all(worker.ready for worker in self.workers):
            for worker in self.workers:
                if tries is not None and worker.failures >= tries and worker.error:
                    raise worker.error
            self.moved.clear()
            await self.moved.wait()

    @property
    def trouble(self) -> str:
        """Why a worker keeps failing; empty when none does."""
        failing = (w.error for w in self.workers if w.failures >= self._limits.tries and w.error)
        error = next(failing, None)
        return error.message if error else ""

    async def replay(self) -> None:
        """Replay the golden requests against every worker.

        Raises
        ------
        ServiceError
            When one answers otherwise than the packed model did.
        ConnectionError
            When one gave no answer.
        """
        for worker in self.workers:
            probe = Probe(str(worker.socket))
            try:
                notes = self._spec.provenance.notes
                await probe.replay(self._spec.golden, self._limits.replay, notes)
            finally:
                await probe.close()


def socket_path(paths: Paths, spec: VersionSpec, worker: int) -> Path:
    """Return the socket of a worker: always the same, so a restart changes no route."""
    digest = hashlib.sha256(f"{spec.name}@{spec.version}".encode()).hexdigest()[:12]
    return paths.sockets / f"{digest}-{worker}"


def metrics_folder(paths: Paths, spec: VersionSpec) -> Path:
    """Return the folder that the workers of a version share for their counters."""
    return paths.metrics / spec.name / spec.version


def _how(code: int | None) -> str:
    if code is None:
        return "died"
    return f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
