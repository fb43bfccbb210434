"""The controller as the Jupyter server sees it: reachable or not, and its answers as they come.

Answers are passed on as decoded JSON without being modelled again: the controller made them
from :mod:`jupyter_deploy.types`, and this half should not need to be of the same release to
show a list.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_deploy.config import Paths
from jupyter_deploy.exceptions import ControllerError, DeployError, from_problem

if TYPE_CHECKING:
    import httpx

#: Seconds to connect, and to wait for an ordinary answer.
CONNECT = 2.0
ANSWER = 5.0
#: Seconds for a change of the desired state: a stop answers when the last process has ended,
#: for which the controller allows 60.
CHANGE = 65.0
#: Seconds before another try to start a controller that failed to start: first, and at most.
RETRY_FIRST, RETRY_MOST = 10.0, 300.0


class LinkState(StrEnum):
    """What this server knows of the controller.

    ``idle``: nothing was ever deployed. ``starting``: it is being started. ``running``: it
    answers. ``stopped``: somebody shut it down. ``unreachable``: it should be there and isn't.
    """

    IDLE = "idle"
    STARTING = "starting"
    RUNNING = "running"
    STOPPED = "stopped"
    UNREACHABLE = "unreachable"


class NoAnswerError(ControllerError):
    """No controller answers; the link's `state` says what that means."""


class ControllerLink:
    """One controller, over its Unix socket.

    Parameters
    ----------
    paths
        Whose controller.
    log
        The server's log.
    changed
        Called on the event loop after each change of `state`.
    """

    def __init__(self, paths: Paths, log: logging.Logger, changed: Callable[[], None]) -> None:
        self.paths = paths
        self.state = LinkState.IDLE
        self.error: DeployError | None = None
        self.info: dict[str, Any] | None = None
        self._log = log
        self._changed = changed
        self._http: httpx.AsyncClient | None = None
        self._opening = asyncio.Lock()
        self._start: asyncio.Task[None] | None = None
        self._retry_at = 0.0
        self._retry_pause = RETRY_FIRST
        self._checked: int | None = None

    async def aclose(self) -> None:
        """Close the connections; a start that is under way is left to end by itself."""
        if self._start is not None:
            self._start.cancel()
            await asyncio.gather(self._start, return_exceptions=True)
        if self._http is not None:
            await self._http.aclose()

    async def look(self) -> LinkState:
        """Find out whether the controller answers; start it when it should and doesn't."""
        try:
            info = await self.request("GET", "/v1/controller")
            if info["pid"] != self._checked:
                await asyncio.to_thread(_check_api, info)
        except NoAnswerError:
            return self.state
        except DeployError as error:
            self._set(LinkState.UNREACHABLE, error)
            return self.state
        self.info, self._checked = info, info["pid"]
        self._retry_at, self._retry_pause = 0.0, RETRY_FIRST
        self._set(LinkState.RUNNING)
        return self.state

    async def snapshot(self) -> dict[str, Any]:
        """Return the list of deployments with the log position it is at least as new as.

        ``deployments`` is None when the controller can't say.
        """
        deployments: list[Any] | None = None
        if await self.look() is LinkState.RUNNING:
            with suppress(NoAnswerError):  # the state says it
                deployments = await self.request("GET", "/v1/deployments")
        elif self.state is LinkState.IDLE:
            deployments = []
        head = int(self.info["head"]) if self.info and deployments is not None else 0
        return {**self.status(), "deployments": deployments, "head": head}

    def status(self) -> dict[str, Any]:
        """Return what is known without asking."""
        info = (self.info or {}) if self.state is LinkState.RUNNING else {}
        error = self.error
        return {
            "controller": {
                "state": self.state.value,
                "version": info.get("version"),
                "python": info.get("python"),
                "gateway": info.get("gateway"),
                "error": error
                and {"message": error.message, "hint": error.hint, "code": error.code},
            }
        }

    async def request(
        self,
        method: str,
        path: str,
        *,
        timeout: float | None = None,
        json: Any = None,
        params: dict[str, Any] | None = None,
    ) -> Any:
        """Send one request to the controller and return its decoded answer.

        Raises
        ------
        NoAnswerError
            When nobody answers; `state` then says why.
        DeployError
            The problem it answered with.
        """
        if not self.paths.controller_socket.exists():
            raise self._gone()
        http = await self._client()
        import httpx

        try:
            answer = await http.request(
                method,
                path,
                json=json,
                params=params,
                timeout=httpx.Timeout(timeout or ANSWER, connect=CONNECT),
            )
        except httpx.TimeoutException as error:
            raise self._hung() from error
        except httpx.TransportError as error:
            raise self._gone() from error
        if answer.is_success:
            return answer.json() if answer.content else None
        raise _failure(answer)

    def start(self, *, asked: bool = False) -> None:
        """Start the controller in a thread, unless that is under way or failed a moment ago.

        Parameters
        ----------
        asked
            Somebody pressed a button: don't wait until the pause after a failure is over.
        """
        if self._starting():
            return
        if not asked and time.monotonic() < self._retry_at:
            return
        self._set(LinkState.STARTING)
        self._start = asyncio.create_task(self._started(), name="jupyter_deploy start")

    def _starting(self) -> bool:
        return self._start is not None and not self._start.done()

    async def _started(self) -> None:
        try:
            await asyncio.to_thread(_ensure, self.paths)
        except DeployError as error:
            self._retry_at = time.monotonic() + self._retry_pause
            self._retry_pause = min(2 * self._retry_pause, RETRY_MOST)
            self._log.warning("jupyter_deploy | %s", error)
            self._set(LinkState.UNREACHABLE, error)
        else:
            await self.look()

    async def _client(self) -> httpx.AsyncClient:
        async with self._opening:
            if self._http is None:
                self._http = await asyncio.to_thread(_open, self.paths)
            return self._http

    def _hung(self) -> NoAnswerError:
        error = NoAnswerError(
            "The controller does not answer.",
            f"Predictions go on. Its log is {self.paths.controller_log}. If it stays like "
            "this, end its process and run: jupyter model-deploy up",
        )
        self._set(LinkState.UNREACHABLE, error)
        return error

    def _gone(self) -> NoAnswerError:
        """Nobody listens: decide whether that is as it should be, and start it when not."""
        waiting = self.state is LinkState.UNREACHABLE and time.monotonic() < self._retry_at
        if not (self._starting() or waiting):
            if _held(self.paths.controller_lock):
                # alive: about to end, when it has been there already; else about to listen
                self._set(LinkState.STARTING if self.info is None else LinkState.STOPPED)
            elif self.paths.controller_socket.exists():
                self.start()  # killed: it had no time to clean up
            elif self.info is not None:
                self._set(LinkState.STOPPED)
            elif not self.paths.database.exists():
                self._set(LinkState.IDLE)
            elif _ended_by_itself(self.paths):
                self._set(LinkState.STOPPED)
            else:
                self.start()
        return NoAnswerError(
            "The controller is not running.", "Start it with: jupyter model-deploy up"
        )

    def _set(self, state: LinkState, error: DeployError | None = None) -> None:
        changed = state is not self.state
        self.state, self.error = state, error
        if changed:
            self._changed()


def _open(paths: Paths) -> httpx.AsyncClient:
    """Make the client; in a thread, since importing httpx takes a tenth of a second."""
    import httpx

    # No TLS on a Unix socket, so certificates need not be read; nor have the environment's
    # proxies any business here.
    transport = httpx.AsyncHTTPTransport(uds=str(paths.controller_socket), verify=False)
    return httpx.AsyncClient(transport=transport, base_url="http://controller", trust_env=False)


def _held(lock: Path) -> bool:
    """Whether a controller lives, listening or not.

    To find out is to hold the lock for a moment when it is free; a controller that wants it
    just then tries again.
    """
    try:
        with lock.open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        pass
    return False


def _ended_by_itself(paths: Paths) -> bool:
    """Whether somebody shut everything down, which opening JupyterLab must not undo.

    A controller that ends by itself leaves an empty lock file; after a kill or a reboot there
    is something in it, or none.
    """
    try:
        if paths.controller_lock.read_text():
            return False
    except OSError:
        return False
    from jupyter_deploy.client.launch import something_runs

    return not something_runs(paths)


def _ensure(paths: Paths) -> None:
    from jupyter_deploy.client.launch import ensure_controller

    ensure_controller(paths).close()


def _check_api(info: dict[str, Any]) -> None:
    from jupyter_deploy.client.http import check_api

    check_api(info)


def _failure(answer: httpx.Response) -> DeployError:
    try:
        problem = answer.json()
    except ValueError:
        problem = None
    if isinstance(problem, dict):
        error = from_problem(problem)
        error.detail.setdefault("status", answer.status_code)
        return error
    return ControllerError(
        f"The controller answered {answer.status_code}.", "See: jupyter model-deploy status"
    )
