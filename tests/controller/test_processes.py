"""Processes: started apart, recognised, ended with all they started."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import psutil
import pytest

from jupyter_deploy.controller import processes
from jupyter_deploy.exceptions import ServiceError
from tests.waiting import wait_for

WAIT = "import threading; threading.Event().wait()"


def start(folder: Path, command: Sequence[str]) -> processes.Process:
    listener = processes.bind(folder / "s")
    environment = {"PATH": os.environ["PATH"], "FD": str(listener.fileno())}
    return processes.start(command, environment, listener, folder / "log")


def test_a_process_has_its_own_session_its_socket_and_its_log(tmp_path: Path) -> None:
    code = (
        "import os, socket; s = socket.socket(fileno=int(os.environ['FD'])); s.listen();"
        "print(s.getsockname(), os.getsid(0) == os.getpid(), len(os.listdir('/proc/self/fd')))"
    )

    async def work() -> None:
        process = start(tmp_path, [sys.executable, "-c", code])
        await process.exited.wait()
        assert process.code == 0

    asyncio.run(work())
    text = (tmp_path / "log").read_text()
    assert str(tmp_path / "s") in text
    # 0, 1, 2, the socket, and the one that lists them
    assert text.endswith("True 5\n")
    assert stat.S_IMODE((tmp_path / "log").stat().st_mode) == 0o600


def test_exit_codes_and_signals_are_told(tmp_path: Path) -> None:
    async def work() -> None:
        process = start(tmp_path, [sys.executable, "-c", "raise SystemExit(7)"])
        await process.exited.wait()
        assert process.code == 7
        process = start(tmp_path, [sys.executable, "-c", WAIT])
        await process.stop(5)
        assert process.code == -15
        assert not psutil.pid_exists(process.pid)

    asyncio.run(work())


def test_its_own_children_end_with_it(tmp_path: Path) -> None:
    parent = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', '{WAIT}']); {WAIT}"

    async def work() -> None:
        process = start(tmp_path, [sys.executable, "-c", parent])
        while not (children := psutil.Process(process.pid).children()):
            await asyncio.sleep(0.01)
        await process.stop(5)
        psutil.wait_procs(children, timeout=5)
        assert not any(child.is_running() for child in children)

    asyncio.run(work())


def test_what_cannot_be_started_is_said(tmp_path: Path) -> None:
    async def work() -> None:
        with pytest.raises(ServiceError, match="can't be started: No such file"):
            start(tmp_path, [str(tmp_path / "python")])

    asyncio.run(work())


def test_only_the_same_process_is_adopted() -> None:
    async def work() -> None:
        child = subprocess.Popen([sys.executable, "-c", WAIT])
        created = psutil.Process(child.pid).create_time()
        assert processes.adopt(child.pid, created - 60) is None
        process = processes.adopt(child.pid, created)
        assert process
        child.kill()
        await process.exited.wait()
        child.wait()
        assert processes.adopt(child.pid, created) is None

    asyncio.run(work())


def test_a_zombie_is_dead() -> None:
    async def work() -> None:
        child = subprocess.Popen([sys.executable, "-c", WAIT])
        created = psutil.Process(child.pid).create_time()
        child.kill()
        wait_for(lambda: psutil.Process(child.pid).status() == psutil.STATUS_ZOMBIE, 5, "a zombie")
        assert processes.adopt(child.pid, created) is None
        child.wait()

    asyncio.run(work())


def test_a_stale_socket_is_replaced_and_refuses_until_someone_listens(tmp_path: Path) -> None:
    path = tmp_path / "s"
    processes.bind(path).close()
    with processes.bind(path) as listener, socket.socket(socket.AF_UNIX) as client:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        with pytest.raises(ConnectionRefusedError):
            client.connect(str(path))
        listener.listen()
        client.connect(str(path))
