"""The controller as a process: its lock, its socket, its signals, its end."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import uvicorn

from jupyter_deploy.config import Paths
from jupyter_deploy.controller.app import create_app
from jupyter_deploy.controller.guard import SERVING
from jupyter_deploy.controller.guard import __file__ as guard_script
from jupyter_deploy.controller.loop import Loop
from jupyter_deploy.controller.processes import bind
from jupyter_deploy.controller.store import Store
from jupyter_deploy.controller.workers import Limits

log = logging.getLogger(__name__)


class Lock:
    """The lock of an installation, held for the life of this process.

    Its file tells the guard whether there are services that need a controller.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._said: str | None = None
        self.say("")

    def say(self, what: str) -> None:
        """Replace what the file says."""
        if what != self._said:
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, what.encode(), 0)
            self._said = what

    def release(self) -> None:
        os.close(self._descriptor)


def take_lock(path: Path, listens: Path, patience: float = 5.0) -> Lock | None:
    """Take the lock of an installation.

    Parameters
    ----------
    listens
        The controller's socket. While nobody answers there, whoever holds the lock is about to
        end (or to answer), and is waited for.
    patience
        Seconds to wait at most.

    Returns
    -------
    Lock or None
        None when another controller runs.
    """
    # children don't inherit it: descriptors are closed on exec
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if _answers(listens) or time.monotonic() > deadline:
                os.close(descriptor)
                return None
            time.sleep(0.02)
        else:
            return Lock(descriptor)


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: ending is decided in :func:`serve`."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(paths: Paths, lock: Lock, limits: Limits | None = None) -> None:
    """Run the controller until SIGTERM or a shutdown request.

    Raises
    ------
    DeployError
        When it can't start: the store is of a newer version, for instance.
    """
    store = Store(paths.database)
    try:
        await _serve(paths, store, lock, limits)
    finally:
        store.close()
    # only now: what goes wrong before is no end by itself
    lock.say("")


async def _serve(paths: Paths, store: Store, lock: Lock, limits: Limits | None) -> None:
    loop = Loop(paths, store, limits)
    ending = asyncio.Event()
    services = False

    def shutdown(with_services: bool) -> None:
        nonlocal services
        services = services or with_services
        loop.closing()
        ending.set()

    def tell_guard() -> None:
        lock.say(SERVING if store.active() else "")

    server = _Server(
        uvicorn.Config(
            create_app(paths, loop, shutdown),
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=5,
        )
    )
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, shutdown, False)
    store.listen(tell_guard)
    tell_guard()
    listener = bind(paths.controller_socket)
    guarding = asyncio.create_task(_keep_guard(paths))
    try:
        await loop.start()
        store.announce("controller.started", pid=os.getpid())
        log.info("controller %d serves %s", os.getpid(), paths.controller_socket)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        await asyncio.wait(
            (serving, asyncio.create_task(ending.wait())), return_when=asyncio.FIRST_COMPLETED
        )
        # still answering: who waits for the end of the services sees it by the closed socket
        await loop.stop(services=services)
        server.should_exit = True
        await serving
        log.info("controller %d ended%s", os.getpid(), " with all services" if services else "")
    finally:
        guarding.cancel()
        listener.close()
        paths.controller_socket.unlink(missing_ok=True)


async def _keep_guard(paths: Paths) -> None:
    """Have a guard for as long as this controller lives; it ends when it isn't needed."""
    while True:
        guard = await asyncio.create_subprocess_exec(
            sys.executable,
            "-I",
            guard_script,
            str(paths.controller_lock),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        await guard.wait()
        await asyncio.sleep(1)
