"""Workers that misbehave in time: never ready, hanging, dying again and again."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import psutil
import pytest

from jupyter_deploy.config import Paths
from jupyter_deploy.controller.store import Store
from jupyter_deploy.controller.workers import Limits, Workers
from jupyter_deploy.exceptions import ServiceError
from jupyter_deploy.types import VersionSpec
from tests.controller.parts import Versions, workers_of

QUICK = Limits(
    start=1.0,
    tries=3,
    pauses=(0.0, 0.05, 0.1),
    stop=1.0,
    probe=0.1,
    answer=0.3,
    hung=1,
    again=0.3,
)


def run(work: Coroutine[Any, Any, None]) -> None:
    async def within_deadline() -> None:
        async with asyncio.timeout(20):
            await work

    asyncio.run(within_deadline())


@asynccontextmanager
async def running(paths: Paths, spec: VersionSpec) -> AsyncIterator[tuple[Workers, Store]]:
    store = Store(paths.database)
    store.submit(spec)
    workers = Workers(spec, paths, store, QUICK, [])
    workers.run()
    try:
        yield workers, store
    finally:
        await workers.stop()
        store.close()
        assert workers_of(paths) == set()


async def until_event(store: Store, kind: str, count: int) -> None:
    """Wait until the store has `count` events of `kind`."""
    while [event.kind for event in store.events(0).events].count(kind) < count:
        written = asyncio.Event()
        store.listen(written.set)
        await written.wait()


def test_one_that_never_answers_is_given_up(paths: Paths, versions: Versions) -> None:
    async def work() -> None:
        async with running(paths, versions.spec("churn", "1.0.0", ready=False)) as (workers, _):
            with pytest.raises(ServiceError, match="no answer for 1 s"):
                await workers.ready(QUICK.tries)

    run(work())


def test_one_that_hangs_is_killed_and_started_again(paths: Paths, versions: Versions) -> None:
    async def work() -> None:
        async with running(paths, versions.spec("churn", "1.0.0")) as (workers, store):
            await workers.ready(None)
            (pid,) = store.pids()
            os.kill(pid, signal.SIGSTOP)
            await until_event(store, "worker.died", 1)
            await workers.ready(None)
            assert store.pids() not in ({pid}, set())

    run(work())


def test_one_that_dies_again_and_again_is_tried_for_good(paths: Paths, versions: Versions) -> None:
    async def work() -> None:
        spec = versions.spec("churn", "1.0.0", dies="start")
        async with running(paths, spec) as (workers, store):
            with pytest.raises(ServiceError, match="the model is broken"):
                await workers.ready(QUICK.tries)
            assert "the model is broken" in workers.trouble
            versions.behave("1.0.0")
            await workers.ready(None)
            assert workers.trouble == ""
            assert store.worker("churn", "1.0.0", 0).restarts >= 3  # type: ignore[union-attr]

    run(work())


def test_one_whose_state_can_not_be_kept_is_not_looked_at_all_the_time(
    paths: Paths, versions: Versions, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work() -> None:
        times: list[float] = []
        third = asyncio.Event()

        def full(*_: object, **__: object) -> None:
            times.append(asyncio.get_running_loop().time())
            if len(times) == 3:
                monkeypatch.undo()
                third.set()
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(Store, "readiness", full)
        async with running(paths, versions.spec("churn", "1.0.0")) as (workers, _):
            await third.wait()
            # there is space again
            await workers.ready(100)
        assert all(b - a >= QUICK.again for a, b in pairwise(times))

    run(work())


def test_released_workers_live_on_and_are_adopted(paths: Paths, versions: Versions) -> None:
    async def work() -> None:
        spec = versions.spec("churn", "1.0.0", workers=2)
        async with running(paths, spec) as (workers, store):
            await workers.ready(None)
            await workers.release()
            before = store.pids()
            again = Workers(spec, paths, store, QUICK, [])
            again.run()
            await again.ready(None)
            assert store.pids() == before == workers_of(paths)
            await again.release()

    run(work())


def test_one_that_ignores_sigterm_is_killed(paths: Paths, versions: Versions) -> None:
    async def work() -> None:
        async with running(paths, versions.spec("churn", "1.0.0")) as (workers, store):
            await workers.ready(None)
            (pid,) = store.pids()
            os.kill(pid, signal.SIGSTOP)  # a stopped process acts on no SIGTERM
            await workers.stop()
            assert not psutil.pid_exists(pid)

    run(work())
