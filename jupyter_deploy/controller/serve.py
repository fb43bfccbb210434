"""The controller as a process: its lock, its socket, its signals, its end."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import uvicorn

from jupyter_deploy.config import Paths
from jupyter_deploy.controller.app import create_app
from jupyter_deploy.controller.loop import Loop
from jupyter_deploy.controller.processes import bind
from jupyter_deploy.controller.store import Store
from jupyter_deploy.controller.workers import Limits

log = logging.getLogger(__name__)


def lock(path: Path) -> int | None:
    """Take the lock of an installation for the life of this process.

    Returns
    -------
    int or None
        The descriptor that holds it (children don't inherit it), or None when it is taken.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    os.ftruncate(descriptor, 0)
    os.write(descriptor, f"{os.getpid()}\n".encode())
    return descriptor


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: ending is decided in :func:`serve`."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(paths: Paths, limits: Limits | None = None) -> None:
    """Run the controller until SIGTERM or a shutdown request. The caller holds the lock.

    Raises
    ------
    DeployError
        When it can't start: the store is of a newer version, for instance.
    """
    store = Store(paths.database)
    try:
        await _serve(paths, store, limits)
    finally:
        store.close()


async def _serve(paths: Paths, store: Store, limits: Limits | None) -> None:
    loop = Loop(paths, store, limits)
    services = False

    def shutdown(with_services: bool) -> None:
        nonlocal services
        services = services or with_services
        loop.closing()
        server.should_exit = True

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
    listener = _listen(paths.controller_socket)
    try:
        await loop.start()
        store.announce("controller.started", pid=os.getpid())
        log.info("controller %d serves %s", os.getpid(), paths.controller_socket)
        await server.serve(sockets=[listener])
    finally:
        listener.close()
        paths.controller_socket.unlink(missing_ok=True)
        await loop.stop(services=services)
        log.info("controller %d ended%s", os.getpid(), " with all services" if services else "")


def _listen(path: Path) -> socket.socket:
    """Bind the API's socket; in a 0700 folder and 0600 itself, it is open to its owner only."""
    return bind(path)
