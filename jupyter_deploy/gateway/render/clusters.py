"""Clusters: the workers of each version, and how their health is known."""

from __future__ import annotations

from typing import Any

from jupyter_deploy.gateway.files import GatewayFiles
from jupyter_deploy.gateway.plan import Backend

#: Name of the cluster that leads to the listener which answers ``/v2/health/ready``.
READY_CLUSTER = "gateway-ready"

#: A worker that doesn't accept is out after two of these; a busy one isn't, see below.
HEALTH_INTERVAL = "1s"


def stat_name(cluster: str) -> str:
    """Return the name of a cluster in Envoy's statistics.

    Dots separate the parts of a statistic's name, so those of the version are replaced.
    """
    return cluster.replace(".", "_")


def version_cluster(backend: Backend) -> dict[str, Any]:
    """Return the cluster of one version: one endpoint for each worker.

    It takes traffic once each worker was asked for its health, so that replacing it loses no
    request.
    """
    return {
        "name": backend.cluster,
        "alt_stat_name": stat_name(backend.cluster),
        "type": "STATIC",
        "connect_timeout": "1s",
        "lb_policy": "LEAST_REQUEST",
        "common_lb_config": {
            # In panic mode a cluster whose workers are all dead is sent requests anyway.
            "healthy_panic_threshold": {"value": 0},
            # By default, a worker that is back waits a second for others to be back too.
            "update_merge_window": "0s",
        },
        "health_checks": [_health_check()],
        "outlier_detection": _outlier_detection(),
        "circuit_breakers": {
            "thresholds": [
                {
                    "max_connections": 1024,
                    "max_pending_requests": 1024,
                    "max_requests": 4096,
                    # The default of 3 fails requests as soon as a loaded worker dies.
                    "max_retries": 256,
                }
            ]
        },
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": "type.googleapis.com/"
                "envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                # Far below the workers' keep-alive, so that it is never the worker who
                # closes a connection just as a request is written to it.
                "common_http_protocol_options": {"idle_timeout": "60s"},
                "explicit_http_config": {"http_protocol_options": {}},
            }
        },
        "load_assignment": {
            "cluster_name": backend.cluster,
            "endpoints": [{"lb_endpoints": [_endpoint(backend, path) for path in backend.sockets]}],
        },
    }


def cold(cluster: dict[str, Any]) -> dict[str, Any]:
    """Return `cluster` as a starting Envoy is given it: without its health check.

    With it, Envoy would open no port until every worker of every version has answered or used
    up the time to, and one stuck worker would keep all deployments down. The real cluster
    follows as soon as the port is open.
    """
    return {key: value for key, value in cluster.items() if key != "health_checks"}


def _endpoint(backend: Backend, socket: str) -> dict[str, Any]:
    return {
        "endpoint": {"address": {"pipe": {"path": socket}}},
        # Of the endpoint, not of the route: it stays right whoever ends up answering.
        "metadata": {
            "filter_metadata": {
                "model": {"version": backend.version, "deployment": backend.deployment}
            }
        },
    }


def _health_check() -> dict[str, Any]:
    return {
        # A worker that computes one long batch answers late and is not dead: only a refused
        # connection counts quickly.
        "timeout": "10s",
        "interval": HEALTH_INTERVAL,
        "no_traffic_interval": HEALTH_INTERVAL,
        "no_traffic_healthy_interval": HEALTH_INTERVAL,
        # A worker that was started again is found quickly.
        "unhealthy_interval": "0.200s",
        "unhealthy_threshold": 2,
        "healthy_threshold": 1,
        "http_health_check": {"path": "/healthz", "host": "gateway"},
    }


def _outlier_detection() -> dict[str, Any]:
    """Eject a worker whose connections fail; leave those that answer errors.

    A model that answers 500 must be seen answering 500: ejecting it would turn a bad version
    into a missing one. The next good health check brings an ejected worker back.
    """
    return {
        "split_external_local_origin_errors": True,
        "consecutive_local_origin_failure": 2,
        "enforcing_consecutive_local_origin_failure": 100,
        "enforcing_consecutive_5xx": 0,
        "enforcing_consecutive_gateway_failure": 0,
        "enforcing_success_rate": 0,
        "enforcing_local_origin_success_rate": 0,
        "interval": "1s",
        "base_ejection_time": "1s",
        "max_ejection_time": "5s",
        "max_ejection_percent": 100,
        "successful_active_health_check_uneject_host": True,
    }


def ready_cluster(files: GatewayFiles) -> dict[str, Any]:
    """Return the cluster that leads back into this Envoy, to the readiness listener."""
    return {
        "name": READY_CLUSTER,
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": {
            "cluster_name": READY_CLUSTER,
            "endpoints": [
                {
                    "lb_endpoints": [
                        {"endpoint": {"address": {"pipe": {"path": str(files.ready_socket)}}}}
                    ]
                }
            ],
        },
    }
