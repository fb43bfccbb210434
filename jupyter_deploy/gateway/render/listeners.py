"""Listeners: the public door, and the one behind it that knows whether all is ready."""

from __future__ import annotations

from typing import Any

from jupyter_deploy.gateway.files import GatewayFiles
from jupyter_deploy.gateway.plan import BODY_MAX
from jupyter_deploy.gateway.render.bootstrap import watch
from jupyter_deploy.gateway.render.problems import PROBLEM, local_replies
from jupyter_deploy.gateway.render.readiness import READINESS_FILTER, READINESS_TYPE
from jupyter_deploy.gateway.render.routes import ROUTE_TABLE

#: Name of the listener that clients use; the gateway is up when Envoy lists it.
PUBLIC_LISTENER = "public"

_TYPE = "type.googleapis.com/envoy.extensions"
_MANAGER = f"{_TYPE}.filters.network.http_connection_manager.v3.HttpConnectionManager"

#: Where a request's path is kept before it is rewritten.
_PATH_KEY = "gateway.path"
#: The kept path and, of a request that was refused before any filter saw it, the one it has.
_KEPT_PATH = f'{{"command":"FILTER_STATE","param":"{_PATH_KEY}:PLAIN","max_length":256}}'
_PATH = '{"command":"PATH","param":"NQ:PATH","max_length":256}'

Json = dict[str, Any]


def public_listener(files: GatewayFiles, port: int) -> Json:
    """Return the listener on 127.0.0.1:`port`."""
    return {
        "name": PUBLIC_LISTENER,
        # With it, a second Envoy could bind the same port and take every other connection.
        "enable_reuse_port": False,
        "per_connection_buffer_limit_bytes": 1 << 20,
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "filter_chains": [_chain(_public_manager(files))],
    }


def ready_listener(files: GatewayFiles) -> Json:
    """Return the listener on a private socket behind ``/v2/health/ready``.

    It is one of its own so that key and Host are asked for by the routes in front of it.
    """
    manager = {
        "@type": _MANAGER,
        "stat_prefix": "ready",
        "generate_request_id": False,
        "local_reply_config": {
            "mappers": [
                {
                    "filter": {
                        "status_code_filter": {
                            "comparison": {
                                "op": "LE",
                                "value": {"default_value": 399, "runtime_key": "gateway.unused"},
                            }
                        }
                    },
                    "body_format_override": {
                        "text_format_source": {"inline_string": '{"ready":true}'},
                        "content_type": "application/json",
                    },
                }
            ],
            "body_format": {
                "json_format": {
                    "type": "urn:jupyter-deploy:gateway:not-ready",
                    "title": "Not Ready",
                    "status": "%RESPONSE_CODE%",
                    "detail": "A version that takes traffic has no ready worker.",
                    "request_id": "%REQ(X-REQUEST-ID):128%",
                },
                "content_type": PROBLEM,
            },
        },
        "route_config": {"name": "ready", "virtual_hosts": []},
        "http_filters": [
            {
                "name": READINESS_FILTER,
                "config_discovery": {
                    "config_source": watch(files, "ecds"),
                    "type_urls": [READINESS_TYPE],
                },
            },
            _router(),
        ],
    }
    return {
        "name": "ready",
        "address": {"pipe": {"path": str(files.ready_socket), "mode": 0o600}},
        "filter_chains": [_chain(manager)],
    }


def _chain(manager: Json) -> Json:
    return {
        "filters": [
            {"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}
        ]
    }


def _router() -> Json:
    return {
        "name": "envoy.filters.http.router",
        "typed_config": {
            "@type": f"{_TYPE}.filters.http.router.v3.Router",
            # no x-envoy-… in answers
            "suppress_envoy_headers": True,
        },
    }


def _public_manager(files: GatewayFiles) -> Json:
    return {
        "@type": _MANAGER,
        "stat_prefix": PUBLIC_LISTENER,
        # the client's own word on where it comes from isn't taken, and none is added
        "use_remote_address": True,
        "skip_xff_append": True,
        "server_header_transformation": "PASS_THROUGH",
        # made when the client sends none, and echoed in every answer
        "generate_request_id": True,
        "always_set_request_id_in_response": True,
        "preserve_external_request_id": True,
        "normalize_path": True,
        "merge_slashes": True,
        "path_with_escaped_slashes_action": "REJECT_REQUEST",
        "request_headers_timeout": "10s",
        "stream_idle_timeout": "300s",
        "common_http_protocol_options": {
            "idle_timeout": "3600s",
            "headers_with_underscores_action": "REJECT_REQUEST",
        },
        "rds": {"route_config_name": ROUTE_TABLE, "config_source": watch(files, "rds")},
        "local_reply_config": local_replies(),
        "access_log": [_access_log(files), _counts()],
        "http_filters": [
            _client_path(),
            {
                "name": "envoy.filters.http.body_size_limit",
                "typed_config": {
                    "@type": f"{_TYPE}.filters.http.body_size_limit.v3.BodySizeLimit",
                    "max_request_bytes": BODY_MAX,
                },
            },
            _router(),
        ],
    }


def _client_path() -> Json:
    """Return the filter that keeps the client's path for the log: a route may rewrite it.

    Not by Envoy's own x-envoy-original-path: the router adds it only together with headers of
    its own in requests and answers, which are nobody's business.
    """
    text = {"text_format_source": {"inline_string": "%PATH(NQ:PATH)%"}}
    return {
        "name": "envoy.filters.http.set_filter_state",
        "typed_config": {
            "@type": f"{_TYPE}.filters.http.set_filter_state.v3.Config",
            "on_request_headers": [
                {"object_key": _PATH_KEY, "factory_key": "envoy.string", "format_string": text}
            ],
        },
    }


def _access_log(files: GatewayFiles) -> Json:
    """Return the log with one line of JSON for each request: no bodies, no query, no headers.

    A prediction is found in the services' own records by its ``request_id``.
    """
    return {
        "name": "envoy.access_loggers.file",
        "typed_config": {
            "@type": f"{_TYPE}.access_loggers.file.v3.FileAccessLog",
            "path": str(files.access_log),
            "log_format": {
                "json_format": {
                    "time": "%START_TIME(%Y-%m-%dT%H:%M:%S.%3fZ)%",
                    "request_id": "%REQ(X-REQUEST-ID):128%",
                    "method": "%REQ(:METHOD)%",
                    "path": f'%COALESCE({{"operators":[{_KEPT_PATH},{_PATH}]}})%',
                    "status": "%RESPONSE_CODE%",
                    "flags": "%RESPONSE_FLAGS%",
                    "details": "%RESPONSE_CODE_DETAILS%",
                    "duration_us": "%COMMON_DURATION(DS_RX_BEG:DS_TX_END:us)%",
                    "route": "%ROUTE_NAME%",
                    "revision": "%METADATA(ROUTE:model:revision)%",
                    "deployment": "%METADATA(ROUTE:model:deployment)%",
                    "version": "%UPSTREAM_METADATA(model:version)%",
                    "worker": "%UPSTREAM_HOST%",
                    "attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
                    "bytes_in": "%BYTES_RECEIVED%",
                    "bytes_out": "%BYTES_SENT%",
                }
            },
        },
    }


def _counts() -> Json:
    """Return the counters and latencies of each version.

    Not the clusters' own statistics: those don't say which deployment's request it was when
    no version answered it.
    """
    tags = [
        {"name": "deployment", "value_format": "%METADATA(ROUTE:model:deployment)%"},
        {"name": "version", "value_format": "%UPSTREAM_METADATA(model:version)%"},
    ]
    code = {"name": "code", "value_format": "%RESPONSE_CODE%"}
    return {
        "name": "envoy.access_loggers.stats",
        "typed_config": {
            "@type": f"{_TYPE}.access_loggers.stats.v3.Config",
            "stats_scope": {"prefix": "model"},
            "counters": [{"stat": {"name": "requests", "tags": [*tags, code]}, "value_fixed": 1}],
            "histograms": [
                {
                    "stat": {"name": "latency_ms", "tags": tags},
                    "unit": "Milliseconds",
                    "value_format": "%DURATION%",
                }
            ],
        },
    }
