"""The controller's HTTP API: parses, asks the loop and the store, shows. Decides nothing."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, FastAPI, Query, Response

from jupyter_deploy._version import __version__
from jupyter_deploy.compatibility import check_version
from jupyter_deploy.config import LOG_LINES_MAX, Paths, check_name
from jupyter_deploy.controller import logs
from jupyter_deploy.controller.loop import Loop
from jupyter_deploy.controller.problems import Api
from jupyter_deploy.exceptions import DEPLOY, ConflictError, NotFoundError, UsageError
from jupyter_deploy.types import (
    API_VERSION,
    Compatibility,
    ControllerInfo,
    DeploymentDetail,
    DeploymentInfo,
    EventPage,
    LogPage,
    Operation,
    Reservation,
    ReservationRequest,
    StateRequest,
    VersionSpec,
)

#: Longest time in seconds that stop and remove wait for the last process to end; below what
#: clients wait for an answer.
ENDING = 25.0

Shutdown = Callable[[bool], None]


def create_app(paths: Paths, loop: Loop, shutdown: Shutdown) -> FastAPI:
    """Build the API.

    Parameters
    ----------
    shutdown
        Called to end the controller; True also stops the services.
    """
    app = Api(
        title="jupyter_deploy controller",
        version=__version__,
        openapi_url="/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    app.include_router(_controller(paths, loop, shutdown), prefix="/v1")
    app.include_router(_deployments(paths, loop), prefix="/v1")
    return app


def _controller(paths: Paths, loop: Loop, shutdown: Shutdown) -> APIRouter:
    router = APIRouter()
    started = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")

    @router.get("/controller")
    async def controller() -> ControllerInfo:
        """Who this controller is, and where its gateway listens."""
        return ControllerInfo(
            version=__version__,
            api=API_VERSION,
            pid=os.getpid(),
            started=started,
            home=str(paths.home),
            python=sys.executable,
            gateway=loop.traffic.info(),
            head=loop.store.head(),
        )

    @router.get("/operations/{identity}")
    async def operation(identity: str) -> Operation:
        """Progress of a deploy."""
        return loop.operation(identity)

    @router.get("/events")
    async def events(
        after: Annotated[int, Query(ge=0)] = 0,
        wait: Annotated[float, Query(ge=0, le=30)] = 0,
        deployment: str | None = None,
    ) -> EventPage:
        """Events after a sequence number; with none yet, waits up to `wait` seconds for one."""
        return await loop.events(after, wait, deployment)

    @router.post("/shutdown", status_code=202)
    async def shut_down(services: bool = False) -> Response:
        """End the controller; with `services` also all services, which stay wanted."""
        shutdown(services)
        return Response(status_code=202)

    return router


def _deployments(paths: Paths, loop: Loop) -> APIRouter:
    router = APIRouter(prefix="/deployments")
    store = loop.store

    @router.get("")
    async def deployments() -> list[DeploymentInfo]:
        """Every deployment, by name."""
        return store.infos()

    @router.get("/{name}")
    async def deployment(name: str) -> DeploymentDetail:
        """One deployment with all its versions, newest first."""
        return store.detail(name)

    @router.post("/{name}/compatibility")
    async def compare(name: str, request: ReservationRequest) -> Compatibility:
        """What a reservation would answer now; reserves nothing."""
        return store.compare(check_name(name), request)

    @router.post("/{name}/reservations")
    async def reserve(name: str, request: ReservationRequest) -> Reservation:
        """Reserve a version number, which is never given out again.

        The next minor one for the signature of the version that serves, the next major one for a
        breaking change, or the one that is asked for. Another signature is refused with 409 and
        what callers would notice, unless the number says so.
        """
        return Reservation(version=store.reserve(check_name(name), request))

    @router.post("/{name}/versions", status_code=202)
    async def submit(name: str, spec: VersionSpec) -> Operation:
        """Make a packed version live; it takes over once it answers as the packed model did."""
        if spec.name != check_name(name):
            raise UsageError(f"A version of {spec.name!r} can't be deployed as {name!r}.")
        check_version(spec.version)
        operation = store.submit(spec)
        loop.poke(name)
        return operation

    @router.put("/{name}/state")
    async def state(name: str, request: StateRequest) -> DeploymentInfo:
        """Start or stop; stopping answers when the last process has ended."""
        store.want(name, running=request.running)
        loop.poke(name)
        if not request.running:
            await _ended(name, "stop")
        return store.detail(name).deployment

    @router.delete("/{name}", status_code=204)
    async def remove(name: str) -> Response:
        """Remove; answers when the last process has ended. Bentos stay in the user's store."""
        store.remove(name)
        loop.poke(name)
        await _ended(name, "remove")
        return Response(status_code=204)

    @router.get("/{name}/logs")
    async def read_logs(
        name: str,
        version: str | None = None,
        tail: Annotated[int, Query(ge=0, le=LOG_LINES_MAX)] = 200,
        after: Annotated[int | None, Query(ge=0)] = None,
    ) -> LogPage:
        """Log lines of a version's workers (default: the live one, else the newest)."""
        detail = store.detail(name)
        chosen = version or detail.deployment.version or detail.versions[0].spec.version
        for info in detail.versions:
            if info.spec.version == chosen:
                return logs.read(
                    paths.logs, name, chosen, info.spec.workers, tail=tail, after=after
                )
        raise NotFoundError(f"{name!r} has no version {chosen}.", f"See: {DEPLOY} status {name}")

    async def _ended(name: str, what: str) -> None:
        if not await loop.settled(name, ENDING):
            raise ConflictError(
                f"{name!r} is still ending its processes after {ENDING:g} s.",
                f"It goes on by itself; ask again: {DEPLOY} {what} {name}",
            )

    return router
