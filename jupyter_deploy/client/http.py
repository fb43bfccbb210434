"""Typed calls of the controller's API, over its Unix socket.

Each method is one request; each answer is one of the models of :mod:`jupyter_deploy.types`.
A problem document comes back as the exception it was made from.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
from pydantic import TypeAdapter, ValidationError

from jupyter_deploy._version import __version__
from jupyter_deploy.client.unix import UnixTransport
from jupyter_deploy.config import LOG_LINES_MAX, Paths
from jupyter_deploy.exceptions import (
    DEPLOY,
    ControllerError,
    DeployError,
    UsageError,
    from_problem,
)
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

T = TypeVar("T")

#: Seconds to connect to the socket; a live controller accepts at once.
_CONNECT = 2.0
#: Seconds for an answer; a controller writing to a slow disk needs some.
_ANSWER = 30.0


class ControllerClient:
    """The controller of one installation.

    Parameters
    ----------
    paths
        Whose controller; nothing is opened before the first call.

    Notes
    -----
    Close it, or use it as a context manager. Safe to share between threads.
    """

    def __init__(self, paths: Paths) -> None:
        self.paths = paths
        self._http = httpx.Client(
            base_url="http://controller/v1",
            # the host of base_url is only a label: the socket decides where this goes
            transport=UnixTransport(paths.controller_socket),
            trust_env=False,
            timeout=httpx.Timeout(_ANSWER, connect=_CONNECT),
            headers={"user-agent": f"jupyter-model-deploy/{__version__}"},
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def info(self) -> ControllerInfo:
        """Return what the controller says of itself, once both sides understand each other.

        Raises
        ------
        ControllerError
            When its API is of another version; ``detail["older"]`` is then ``"controller"``
            or ``"client"``.
        """
        raw = self._request("GET", "/controller")
        check_api(raw)
        return _read(ControllerInfo, raw)

    def deployments(self) -> list[DeploymentInfo]:
        """Return all deployments."""
        return _read(list[DeploymentInfo], self._request("GET", "/deployments"))

    def deployment(self, name: str) -> DeploymentDetail:
        """Return one deployment with its versions.

        Raises
        ------
        NotFoundError
            When there is none of that name.
        """
        return _read(DeploymentDetail, self._request("GET", f"/deployments/{name}"))

    def compare(self, name: str, request: ReservationRequest) -> Compatibility:
        """Return what :meth:`reserve` would answer now; raises what it would raise."""
        body = request.model_dump(mode="json")
        return _read(
            Compatibility, self._request("POST", f"/deployments/{name}/compatibility", json=body)
        )

    def reserve(self, name: str, request: ReservationRequest) -> str:
        """Reserve a version number of a deployment.

        Raises
        ------
        SignatureChangedError
            When callers of the version that serves would have to change.
        ConflictError
            When the number that was asked for is not a new one.
        """
        body = request.model_dump(mode="json")
        raw = self._request("POST", f"/deployments/{name}/reservations", json=body)
        return _read(Reservation, raw).version

    def add_version(self, spec: VersionSpec) -> Operation:
        """Ask the controller to make a packed version live."""
        body = spec.model_dump(mode="json")
        return _read(
            Operation, self._request("POST", f"/deployments/{spec.name}/versions", json=body)
        )

    def operation(self, operation_id: str) -> Operation:
        """Return where an operation stands."""
        return _read(Operation, self._request("GET", f"/operations/{operation_id}"))

    def events(self, after: int, wait: float = 0.0, deployment: str = "") -> EventPage:
        """Return events after a sequence number, waiting up to `wait` seconds for the first.

        Parameters
        ----------
        after
            Sequence number already seen.
        wait
            Seconds, 30 at most; 0 answers at once.
        deployment
            Only events of that deployment; all when empty.
        """
        query: dict[str, Any] = {"after": after, "wait": wait}
        if deployment:
            query["deployment"] = deployment
        timeout = httpx.Timeout(_ANSWER + wait, connect=_CONNECT)
        return _read(EventPage, self._request("GET", "/events", params=query, timeout=timeout))

    def set_running(self, name: str, running: bool) -> DeploymentInfo:
        """Set the desired state of a deployment."""
        body = StateRequest(running=running).model_dump(mode="json")
        return _read(DeploymentInfo, self._request("PUT", f"/deployments/{name}/state", json=body))

    def remove(self, name: str) -> None:
        """Stop a deployment and forget it; its Bentos stay in the store."""
        self._request("DELETE", f"/deployments/{name}")

    def logs(
        self, name: str, version: str | None = None, tail: int = 200, after: int | None = None
    ) -> LogPage:
        """Return log lines of a version's workers.

        Parameters
        ----------
        version
            The live version when None.
        tail
            Lines at most, the newest.
        after
            Position of an earlier page; only what came after it.

        Raises
        ------
        UsageError
            When more lines are asked for than are given at once.
        """
        if not 0 <= tail <= LOG_LINES_MAX:
            raise UsageError(
                f"{tail} log lines can't be asked for.",
                f"Ask for 0 to {LOG_LINES_MAX}; the whole logs are files in {self.paths.logs}.",
            )
        query: dict[str, Any] = {"tail": tail}
        if version:
            query["version"] = version
        if after is not None:
            query["after"] = after
        return _read(LogPage, self._request("GET", f"/deployments/{name}/logs", params=query))

    def shutdown(self, services: bool) -> None:
        """End the controller, and with ``services=True`` the workers and the gateway too."""
        self._request("POST", "/shutdown", params={"services": str(services).lower()})

    def _request(self, method: str, path: str, **options: Any) -> Any:
        try:
            answer = self._http.request(method, path, **options)
        except httpx.TimeoutException as error:
            raise ControllerError(
                "The controller does not answer.",
                f"Its log is {self.paths.controller_log}.",
            ) from error
        except httpx.TransportError as error:
            raise ControllerError(
                "The controller is not running.",
                "Start it in a terminal with: jupyter model-deploy up",
                unreachable=True,
            ) from error
        if answer.is_success:
            return answer.json() if answer.content else None
        raise _failure(answer)


def unreachable(error: DeployError) -> bool:
    """Whether `error` says that no controller listens (and not that it refused something)."""
    return bool(error.detail.get("unreachable"))


def check_api(raw: Any) -> None:
    """Raise ControllerError unless the controller speaks this client's API version.

    Parameters
    ----------
    raw
        Decoded answer of ``GET /v1/controller``, perhaps of a newer release whose other
        fields this one can't read.
    """
    theirs, release = int(raw.get("api", 0)), raw.get("version", "unknown")
    if theirs == API_VERSION:
        return
    if theirs < API_VERSION:
        raise ControllerError(
            f"The running controller is older ({release}) than this environment ({__version__}).",
            "Replace it in a terminal with: jupyter model-deploy up  "
            "(services go on serving meanwhile)",
            older="controller",
        )
    raise ControllerError(
        f"This environment is older ({__version__}) than the running controller ({release}).",
        f"Upgrade here with: pip install --upgrade 'jupyter-model-deploy>={release}'",
        older="client",
    )


def _failure(answer: httpx.Response) -> DeployError:
    try:
        problem = answer.json()
    except ValueError:
        problem = None
    if isinstance(problem, dict) and "code" in problem:
        return from_problem(problem)
    return ControllerError(
        f"The controller answered {answer.status_code} to "
        f"{answer.request.method} {answer.request.url.path}.",
        f"It may be of another release; see: {DEPLOY} status",
        answer=answer.text[:500],
    )


def _read(kind: type[T], raw: Any) -> T:
    try:
        return TypeAdapter(kind).validate_python(raw)
    except ValidationError as error:
        raise ControllerError(
            f"The controller's answer is not a {getattr(kind, '__name__', kind)}.",
            "Client and controller are of different releases: run `jupyter model-deploy up` "
            "in the newer environment.",
            errors=error.errors(include_url=False, include_context=False, include_input=False),
        ) from error
