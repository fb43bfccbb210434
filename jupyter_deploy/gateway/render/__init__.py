"""Plan → Envoy's configuration: pure functions that return JSON-ready dictionaries.

Nothing that a deployment changes stands in the bootstrap or in the listeners, so that no change
of a deployment ever drains a listener: versions are clusters (CDS), traffic and key are routes
(RDS), and what "ready" means is one filter's configuration (ECDS).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from jupyter_deploy.gateway.files import GatewayFiles, encode
from jupyter_deploy.gateway.plan import TrafficPlan
from jupyter_deploy.gateway.render.bootstrap import bootstrap, static_copy
from jupyter_deploy.gateway.render.clusters import version_cluster
from jupyter_deploy.gateway.render.listeners import public_listener, ready_listener
from jupyter_deploy.gateway.render.readiness import readiness_filter
from jupyter_deploy.gateway.render.routes import routes

__all__ = ["Rendered", "discovery", "render"]


@dataclass(frozen=True)
class Rendered:
    """One plan as Envoy reads it.

    Attributes
    ----------
    bootstrap
        What Envoy starts with.
    clusters
        The versions' clusters, which an apply may mix with those that serve.
    resources
        Discovery responses by kind: ``lds``, ``cds``, ``rds``, ``ecds``.
    static
        The same configuration with everything in one document, for ``envoy --mode validate``,
        which doesn't read watched folders.
    """

    bootstrap: dict[str, Any]
    clusters: list[dict[str, Any]]
    resources: dict[str, dict[str, Any]]
    static: dict[str, Any]


def render(plan: TrafficPlan, files: GatewayFiles) -> Rendered:
    """Return the configuration of `plan` for a gateway that lives in `files`."""
    start = bootstrap(files)
    listeners = [public_listener(files, plan.port), ready_listener(files)]
    clusters = [version_cluster(backend) for backend in plan.backends]
    table = routes(plan)
    readiness = readiness_filter(plan)
    return Rendered(
        bootstrap=start,
        clusters=clusters,
        resources={
            "lds": discovery("listener.v3.Listener", listeners),
            "cds": discovery("cluster.v3.Cluster", clusters),
            "rds": discovery("route.v3.RouteConfiguration", [table]),
            "ecds": discovery("core.v3.TypedExtensionConfig", [readiness]),
        },
        static=static_copy(start, listeners, clusters, table, readiness),
    )


def discovery(kind: str, resources: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a discovery response whose version is a digest of what it holds.

    Parameters
    ----------
    kind
        Type of the resources, below ``envoy.config``.
    """
    digest = hashlib.sha256(encode({"resources": resources}).encode()).hexdigest()[:16]
    mark = {"@type": f"type.googleapis.com/envoy.config.{kind}"}
    return {"version_info": digest, "resources": [{**mark, **one} for one in resources]}
