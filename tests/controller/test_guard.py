"""A killed controller comes back by itself while services run, and only then."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psutil

from jupyter_deploy.config import Paths
from tests.controller.parts import Controller, Versions, workers_of
from tests.waiting import wait_for


def guards(paths: Paths) -> list[int]:
    """Pids of the guards of an installation."""
    found = []
    for process in psutil.process_iter():
        try:
            command = Path(f"/proc/{process.pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if str(paths.controller_lock).encode() in command:
            found.append(process.pid)
    return found


def test_a_killed_controller_is_back_with_the_same_services(
    controller: Controller, versions: Versions, paths: Paths
) -> None:
    controller.deploy(versions.spec("churn", "1.0.0"))
    running = workers_of(paths)
    for _ in range(2):
        wait_for(lambda: len(guards(paths)) == 1, 10, "the guard")
        before = controller.pid()
        controller.end(signal.SIGKILL)
        wait_for(controller.listens, 10, "a controller, with no face open")
        assert controller.pid() != before
        controller.until_state("churn", "running")
        assert workers_of(paths) == running


def test_a_killed_guard_is_replaced(controller: Controller, paths: Paths) -> None:
    (guard,) = wait_for(lambda: guards(paths), 10, "the guard")
    os.kill(guard, signal.SIGKILL)
    wait_for(lambda: guards(paths) not in ([], [guard]), 10, "another guard")


def test_with_nothing_to_serve_a_killed_controller_stays_dead(
    controller: Controller, paths: Paths
) -> None:
    wait_for(lambda: guards(paths), 10, "the guard")
    controller.end(signal.SIGKILL)
    wait_for(lambda: not guards(paths), 10, "the guard's end")
    assert not controller.listens()


def test_one_that_was_told_to_end_stays_away(
    controller: Controller, versions: Versions, paths: Paths
) -> None:
    controller.deploy(versions.spec("churn", "1.0.0"))
    wait_for(lambda: guards(paths), 10, "the guard")
    assert controller.end() == 0
    wait_for(lambda: not guards(paths), 10, "the guard's end")
    assert not paths.controller_socket.exists()
    assert len(workers_of(paths)) == 1
