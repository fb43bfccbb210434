"""The traffic plan: which versions exist, and which share of a deployment's traffic each gets.

Pure data. :mod:`jupyter_deploy.gateway.render` turns a plan into Envoy's configuration; nothing
else decides what the gateway does.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass

from jupyter_deploy.config import SOCKET_PATH_MAX, check_name
from jupyter_deploy.exceptions import GatewayError, UsageError

#: Largest request body, in bytes.
BODY_MAX = 10 * 1024 * 1024

#: Longest time a request may take, in seconds.
TIMEOUT_MAX = 86400.0

# What a bearer token may hold (RFC 6750); none of it is written in another way by Envoy.
_KEY = re.compile(r"[A-Za-z0-9._~+/=-]{8,512}")


def cluster_name(deployment: str, version: str) -> str:
    """Return the name of a version's cluster: ``DEPLOYMENT@VERSION``."""
    return f"{deployment}@{version}"


@dataclass(frozen=True)
class Backend:
    """The workers of one version.

    Attributes
    ----------
    sockets
        One Unix socket per worker, absolute paths.
    """

    deployment: str
    version: str
    sockets: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.sockets:
            raise GatewayError(f"Version {self.version} of {self.deployment} has no workers.")
        for socket in self.sockets:
            if not socket.startswith("/") or len(os.fsencode(socket)) > SOCKET_PATH_MAX:
                raise GatewayError(
                    f"{socket!r} can't be the socket of a worker.",
                    f"It must be an absolute path of at most {SOCKET_PATH_MAX} bytes.",
                )
        _unique(self.sockets, f"a socket of {self.cluster}")

    @property
    def cluster(self) -> str:
        return cluster_name(self.deployment, self.version)


@dataclass(frozen=True)
class Route:
    """Who answers a deployment's requests.

    Attributes
    ----------
    weights
        ``(version, weight)`` in a fixed order: with a constant total, moving weight from one
        version to its neighbour moves no other user. A weight of 0 keeps a version reachable
        at ``/v2/models/NAME/versions/VERSION`` and takes none of the deployment's traffic.
    timeout
        Seconds a request may take, all attempts together.
    idempotent
        Also sends a request again when its worker died *while answering*. Off by default: the
        request that kills one worker (by running it out of memory, say) would kill the next ones.
    """

    deployment: str
    weights: tuple[tuple[str, int], ...]
    timeout: float = 60.0
    idempotent: bool = False

    def __post_init__(self) -> None:
        name = self.deployment
        try:
            check_name(name)
        except UsageError as error:
            raise GatewayError(f"{name!r} can't be a path of the gateway.", error.hint) from error
        if any(weight < 0 for _, weight in self.weights) or not self.total:
            raise GatewayError(f"The weights of {name} must be 0 or more, and not all 0.")
        if not 0 < self.timeout <= TIMEOUT_MAX:
            raise GatewayError(f"The timeout of {name} must be above 0 and at most a day.")
        _unique((version for version, _ in self.weights), f"a version in the route of {name}")

    @property
    def total(self) -> int:
        return sum(weight for _, weight in self.weights)


@dataclass(frozen=True)
class TrafficPlan:
    """Everything the gateway serves.

    Attributes
    ----------
    revision
        Which state of the controller's store this plan was made from; it marks the access log.
    port
        TCP port on 127.0.0.1.
    key
        Asked of every request, None for an open gateway.
    backends
        Versions whose workers the gateway knows and watches. A version that is only drained
        is in `backends` and no longer in `routes`.
    """

    revision: int
    port: int
    key: str | None
    backends: tuple[Backend, ...] = ()
    routes: tuple[Route, ...] = ()

    def __post_init__(self) -> None:
        if not 0 < self.port < 65536:
            raise GatewayError(f"{self.port} is not a TCP port.")
        if self.key is not None and not _KEY.fullmatch(self.key):
            raise GatewayError(
                "The gateway's key must be 8 to 512 letters, digits and any of . _ ~ + / = -"
            )
        _unique((backend.cluster for backend in self.backends), "a backend")
        _unique((route.deployment for route in self.routes), "a route")
        known = {backend.cluster for backend in self.backends}
        for route in self.routes:
            for version, _ in route.weights:
                if cluster_name(route.deployment, version) not in known:
                    raise GatewayError(
                        f"The route of {route.deployment} names version {version}, "
                        "which has no backend."
                    )

    @property
    def serving(self) -> tuple[str, ...]:
        """Clusters that take traffic: a weight above 0 in some route."""
        return tuple(
            cluster_name(route.deployment, version)
            for route in self.routes
            for version, weight in route.weights
            if weight
        )


def _unique(items: Iterable[str], what: str) -> None:
    seen: set[str] = set()
    for item in items:
        if item in seen:
            raise GatewayError(f"{item!r} is {what} twice.")
        seen.add(item)


@dataclass(frozen=True)
class Feature:
    """One thing a plan asks for, and whether another data plane can do it.

    Attributes
    ----------
    portable
        True when the core of the Kubernetes Gateway API (HTTPRoute v1) expresses it.
    elsewhere
        How it is said there, or what is needed instead.
    """

    name: str
    portable: bool
    elsewhere: str


#: What of a plan survives a move to the Kubernetes Gateway API.
FEATURES = (
    Feature("weights", True, "HTTPRoute backendRefs[].weight"),
    Feature("path per deployment", True, "HTTPRoute PathPrefix match (by segment)"),
    Feature("prefix rewrite", True, "HTTPRoute URLRewrite replacePrefixMatch (extended)"),
    Feature("version by path", True, "HTTPRoute PathPrefix match on /v2/models/NAME/versions/V"),
    Feature("x-model-version", True, "ResponseHeaderModifier on each backendRef (extended)"),
    Feature("timeout", True, "HTTPRoute timeouts.request (extended)"),
    Feature("host check", True, "Listener and HTTPRoute hostnames; other hosts get 404, not 421"),
    Feature("retries", False, "HTTPRoute retry is experimental; BackendTrafficPolicy elsewhere"),
    Feature("key", False, "a policy of the implementation, such as Envoy Gateway's SecurityPolicy"),
    Feature("content type check", False, "the service checks it too"),
    Feature("health of workers", False, "readiness probes of the pods"),
    Feature("server readiness", False, "no aggregate; each Deployment's own status"),
    Feature("problem+json errors", False, "a policy of the implementation"),
    Feature("body limit", False, "a policy of the implementation; the service checks it too"),
)
