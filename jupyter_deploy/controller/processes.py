"""Worker processes: started in a session of their own, found again, watched and stopped.

A process is watched through a pidfd, which works for children and for processes adopted from an
earlier controller alike and can't be fooled by a pid that is used again. pid and start time
identify it across controllers; the mark in its environment finds those that were started
but not yet written down.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from jupyter_deploy.controller.worker_command import WORKER_MARK
from jupyter_deploy.exceptions import ServiceError

#: Start times are read in clock ticks relative to a boot time that may be corrected a little.
_SAME_START = 2.0


class Process:
    """A running process; made by :func:`start` or :func:`adopt`.

    Attributes
    ----------
    exited
        Set once the process is gone (or a zombie).
    code
        Exit code, negative for a signal; None while it runs and for processes that were adopted.
    """

    def __init__(self, pid: int, created: float, pidfd: int) -> None:
        self.pid = pid
        self.created = created
        self.exited = asyncio.Event()
        self.code: int | None = None
        self._pidfd: int | None = pidfd
        asyncio.get_running_loop().add_reader(pidfd, self._on_exit)

    def _on_exit(self) -> None:
        # it may be an adopted one, which its new parent reaps
        with suppress(ChildProcessError):
            _, status = os.waitpid(self.pid, os.WNOHANG)
            self.code = os.waitstatus_to_exitcode(status)
        self.release()
        self.exited.set()

    def release(self) -> None:
        """Stop watching; the process itself is left alone."""
        if self._pidfd is not None:
            asyncio.get_running_loop().remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = None

    async def stop(self, deadline: float) -> None:
        """End it and the processes it started: SIGTERM, and SIGKILL after `deadline` seconds."""
        family = _descendants(self.pid) if not self.exited.is_set() else []
        self._signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(deadline):
                await self.exited.wait()
        except TimeoutError:
            self._signal(signal.SIGKILL)
            await self.exited.wait()
        for process in family:
            with suppress(psutil.Error):
                process.kill()

    def _signal(self, number: signal.Signals) -> None:
        if self._pidfd is not None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, number)


def start(
    command: Sequence[str], environment: Mapping[str, str], listener: socket.socket, log: Path
) -> Process:
    """Start `command` in a new session, with `listener` inherited and its output added to `log`.

    No ``await`` happens between making `listener` inheritable and closing it, so that no other
    child gets it.

    Raises
    ------
    ServiceError
        When it can't be started.
    """
    listener.set_inheritable(True)
    opening = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    try:
        pid = os.posix_spawn(
            command[0],
            list(command),
            dict(environment),
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, str(log), opening, 0o600),
                (os.POSIX_SPAWN_DUP2, 1, 2),
                # whatever else this process was started with is none of a worker's business
                *((os.POSIX_SPAWN_CLOSE, fd) for fd in _inheritable() - {listener.fileno()}),
            ],
            # out of reach of a kernel's interrupt and of this process's terminal
            setsid=True,
            setsigmask=(),
            # Python ignores these two, and what is ignored stays so across exec
            setsigdef=(signal.SIGPIPE, signal.SIGXFSZ),
        )
    except OSError as error:
        raise ServiceError(
            f"{command[0]} can't be started: {error.strerror}.",
            "Bring that Python environment back, or deploy the model again from one that works.",
        ) from error
    finally:
        listener.close()
    try:
        # its own child: until it is reaped the pid is certainly this process's
        return Process(pid, psutil.Process(pid).create_time(), os.pidfd_open(pid))
    except BaseException:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        raise


def adopt(pid: int, created: float) -> Process | None:
    """Take over the process that an earlier controller started; None when it is gone."""
    try:
        # first the handle, then the look: so the look is at the process of the handle
        pidfd = os.pidfd_open(pid)
    except OSError:
        return None
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        if abs(process.create_time() - created) < _SAME_START:
            if process.status() != psutil.STATUS_ZOMBIE:
                return Process(pid, created, pidfd)
            with suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
    os.close(pidfd)
    return None


async def gone(pid: int) -> None:
    """Return once process `pid` has ended; it is left to its owner to reap it."""
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(pidfd, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(pidfd)
        os.close(pidfd)


def bind(path: Path) -> socket.socket:
    """Bind a Unix socket (0600) at `path`, in place of a stale one.

    It does not listen yet: until the worker does, a connection is refused at once and the
    gateway tries another worker, where a full backlog would let requests hang.
    """
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(str(path))
        path.chmod(0o600)
    except BaseException:
        listener.close()
        raise
    return listener


@dataclass(frozen=True)
class Stray:
    """A running worker of this installation; `mark` says which."""

    pid: int
    created: float
    mark: str


def find_workers(home: Path) -> list[Stray]:
    """Find every worker of the installation at `home` by its environment.

    Only leaders of a session count: a worker's own children carry the same environment.
    """
    wanted = os.fsencode(f"JUPYTER_DEPLOY_HOME={home}")
    prefix = f"{WORKER_MARK}=".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        pid = int(entry.name)
        with suppress(OSError, psutil.Error):
            environment = (entry / "environ").read_bytes().split(b"\0")
            marks = [item for item in environment if item.startswith(prefix)]
            if marks and wanted in environment and os.getsid(pid) == pid:
                mark = marks[0].removeprefix(prefix).decode()
                found.append(Stray(pid, psutil.Process(pid).create_time(), mark))
    return found


def _inheritable() -> set[int]:
    """Descriptors above 2 that a child would inherit."""
    found = set()
    for name in os.listdir("/proc/self/fd"):
        with suppress(OSError):
            if int(name) > 2 and os.get_inheritable(int(name)):
                found.add(int(name))
    return found


def _descendants(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        return []
