"""What Envoy starts with, and the copy of everything that it can validate."""

from __future__ import annotations

import copy
from typing import Any

from jupyter_deploy.gateway.files import GatewayFiles
from jupyter_deploy.gateway.render.clusters import ready_cluster

#: Upper bounds of the latency histogram, in milliseconds.
LATENCY_BUCKETS_MS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 30000)

#: Connections of clients; beyond them new ones are refused rather than descriptors exhausted.
CONNECTIONS_MAX = 2000

#: What the admin interface answers. No ``/config_dump``, which would print the key; nothing
#: that changes logging, runtime or health behind the controller's back.
ADMIN_PATHS = (
    "/clusters",
    "/drain_listeners",
    "/listeners",
    "/ready",
    "/reopen_logs",
    "/server_info",
    "/stats",
)


def watch(files: GatewayFiles, kind: str) -> dict[str, Any]:
    """Return the config source of one watched folder."""
    path = files.watched(kind)
    return {
        "resource_api_version": "V3",
        "path_config_source": {
            "path": str(path),
            "watched_directory": {"path": str(path.parent)},
        },
    }


def bootstrap(files: GatewayFiles) -> dict[str, Any]:
    """Return Envoy's bootstrap; it depends on nothing but where the files are."""
    return {
        "node": {"id": "gateway", "cluster": "jupyter-model-deploy"},
        "admin": {
            "address": {"pipe": {"path": str(files.admin_socket), "mode": 0o600}},
            "allow_paths": [{"prefix": path} for path in ADMIN_PATHS],
        },
        "dynamic_resources": {
            "cds_config": watch(files, "cds"),
            "lds_config": watch(files, "lds"),
        },
        "static_resources": {"clusters": [ready_cluster(files)]},
        "stats_config": {
            "histogram_bucket_settings": [
                {
                    "match": {"safe_regex": {"regex": ".*"}},
                    "buckets": list(LATENCY_BUCKETS_MS),
                }
            ]
        },
        "overload_manager": {
            "resource_monitors": [
                {
                    "name": "envoy.resource_monitors.global_downstream_max_connections",
                    "typed_config": {
                        "@type": "type.googleapis.com/envoy.extensions.resource_monitors."
                        "downstream_connections.v3.DownstreamConnectionsConfig",
                        "max_active_downstream_connections": CONNECTIONS_MAX,
                    },
                }
            ]
        },
    }


def static_copy(
    start: dict[str, Any],
    listeners: list[dict[str, Any]],
    clusters: list[dict[str, Any]],
    table: dict[str, Any],
    readiness: dict[str, Any],
) -> dict[str, Any]:
    """Return one document with every watched resource in its place.

    ``envoy --mode validate`` finds nothing wrong in watched files, whatever is in them; here
    it sees them, and routes to unknown clusters are errors instead of 503s.
    """
    whole = copy.deepcopy(start)
    del whole["dynamic_resources"]
    whole["static_resources"]["clusters"] += clusters
    whole["static_resources"]["listeners"] = [
        _inline(listener, {**table, "validate_clusters": True}, readiness)
        for listener in copy.deepcopy(listeners)
    ]
    return whole


def _inline(
    listener: dict[str, Any], table: dict[str, Any], readiness: dict[str, Any]
) -> dict[str, Any]:
    manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
    if manager.pop("rds", None):
        manager["route_config"] = table
    for http_filter in manager["http_filters"]:
        if http_filter.pop("config_discovery", None):
            http_filter["typed_config"] = readiness["typed_config"]
    return listener
