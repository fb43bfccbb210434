"""Start the controller on demand: whichever face needs it first brings it up.

The controller is a session of its own, so that neither an interrupt of the kernel nor its end
reaches it. Two faces may start it at once: it takes a lock, the later one leaves, and both
faces find the one that stayed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from jupyter_deploy.client.http import ControllerClient, unreachable
from jupyter_deploy.client.unix import listens
from jupyter_deploy.config import Paths
from jupyter_deploy.exceptions import ControllerError

#: Seconds a controller has to answer after its start.
DEADLINE = 10.0
_LOG_LINES = 15


def connect(paths: Paths) -> ControllerClient | None:
    """Return a client of the running controller, or None when none listens."""
    client = ControllerClient(paths)
    try:
        client.info()
    except ControllerError as error:
        client.close()
        if unreachable(error):
            return None
        raise
    except BaseException:
        client.close()
        raise
    return client


def ensure_controller(
    paths: Paths, *, deadline: float = DEADLINE, replace_older: bool = False
) -> ControllerClient:
    """Return a client of the controller, which is started when it isn't running.

    Parameters
    ----------
    paths
        Whose controller.
    deadline
        Seconds it has to answer.
    replace_older
        Ask a controller of an older API to leave (its services go on), and start ours.

    Raises
    ------
    ControllerError
        When it does not come up, with the last lines of its log; or when it is of another API
        version.
    """
    paths.ensure()
    try:
        client = connect(paths)
    except ControllerError as error:
        if not (replace_older and error.detail.get("older") == "controller"):
            raise
        end_controller(paths, services=False)
        client = None
    return client if client is not None else _start(paths, deadline)


def end_controller(paths: Paths, *, services: bool, deadline: float = 30.0) -> None:
    """Ask the controller to leave and wait until it has.

    Parameters
    ----------
    services
        Stop the workers and the gateway as well.

    Raises
    ------
    ControllerError
        When it is still there after `deadline` seconds.
    """
    with ControllerClient(paths) as client:
        client.shutdown(services)
    end = time.monotonic() + deadline
    while listens(paths.controller_socket):
        if time.monotonic() > end:
            raise ControllerError(
                f"The controller is still there after {deadline:g} s.",
                f"Its log is {paths.controller_log}.",
            )
        time.sleep(0.05)


def something_runs(paths: Paths) -> bool:
    """Whether any process of this installation listens: controller, a worker or the gateway."""
    return any(listens(path) for path in _sockets(paths.runtime))


def _sockets(folder: Path) -> Iterator[Path]:
    with suppress(OSError):
        yield from (path for path in folder.rglob("*") if path.is_socket())


def _start(paths: Paths, deadline: float) -> ControllerClient:
    with _open_log(paths.controller_log) as log:
        begin = log.tell()
        process = subprocess.Popen(
            [sys.executable, "-m", "jupyter_deploy.controller"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=paths.home,
            env=_environment(paths),
            start_new_session=True,
        )
    # a long-lived kernel must not keep its dead controllers as zombies
    threading.Thread(target=process.wait, daemon=True, name="reap controller").start()
    end = time.monotonic() + deadline
    while True:
        client = connect(paths)
        if client is not None:
            return client
        # one that left with 0 lost the race against another face's, which is about to answer
        if process.returncode not in (None, 0) or time.monotonic() > end:
            raise _not_started(paths, process.returncode, deadline, begin)
        time.sleep(0.03)


def _environment(paths: Paths) -> dict[str, str]:
    return {
        **os.environ,
        "JUPYTER_DEPLOY_HOME": str(paths.home),
        "JUPYTER_DEPLOY_RUNTIME": str(paths.runtime),
        "BENTOML_DO_NOT_TRACK": "true",
    }


def _open_log(path: Path) -> BinaryIO:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    log = os.fdopen(descriptor, "ab")
    log.seek(0, os.SEEK_END)
    return log


def _not_started(
    paths: Paths, returncode: int | None, deadline: float, begin: int
) -> ControllerError:
    with paths.controller_log.open("rb") as log:
        log.seek(min(begin, paths.controller_log.stat().st_size))
        lines = log.read().decode(errors="replace").splitlines()[-_LOG_LINES:]
    what = (
        f"did not answer within {deadline:g} s"
        if returncode is None
        else f"ended with exit code {returncode}"
    )
    said = "\n".join(f"  {line}" for line in lines) or "  (nothing)"
    return ControllerError(
        f"The controller {what}.",
        f"The end of its log, {paths.controller_log}:\n{said}",
    )
