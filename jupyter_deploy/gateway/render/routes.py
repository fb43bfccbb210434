"""Routes: who may come in, with what, and which version answers."""

from __future__ import annotations

import json
from typing import Any

from jupyter_deploy._version import __version__
from jupyter_deploy.gateway.plan import Route, TrafficPlan, cluster_name
from jupyter_deploy.gateway.render.clusters import READY_CLUSTER
from jupyter_deploy.gateway.render.readiness import READY_PATH

#: Name of the route table, which the public listener asks for.
ROUTE_TABLE = "public"

_HOSTS = ("127.0.0.1", "localhost", "[::1]")

#: What a body may be. A web page can send none of these to another origin without asking
#: first (it may send forms and text/plain), so an open gateway can't be used by a page that the
#: user happens to visit. CSV is for MLflow's clients.
_CONTENT_TYPES = (
    r"(?i)(application/(json|octet-stream|vnd\.[a-z0-9.+-]+|[a-z0-9.-]+\+json)|text/csv)\s*(;.*)?"
)

_GET = {"name": ":method", "string_match": {"safe_regex": {"regex": "GET|HEAD"}}}
_POST = {"name": ":method", "string_match": {"exact": "POST"}}

Json = dict[str, Any]


def routes(plan: TrafficPlan) -> Json:
    """Return the route table of `plan`: the first match in each list wins."""
    return {
        "name": ROUTE_TABLE,
        # the index of models outgrows the default of 4096 bytes
        "max_direct_response_body_size_bytes": 1 << 20,
        "virtual_hosts": [
            {
                "name": "gateway",
                "domains": [f"{host}{port}" for host in _HOSTS for port in (f":{plan.port}", "")],
                # The key is the gateway's affair: no service ever sees it.
                "request_headers_to_remove": ["x-api-key", "authorization"],
                "response_headers_to_add": [
                    {
                        "header": {
                            "key": "x-model-version",
                            "value": "%UPSTREAM_METADATA(model:version)%",
                        },
                        "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
                    }
                ],
                "routes": [
                    *_refuse_strangers(plan.key),
                    *_server(plan),
                    *_refuse_bodies(),
                    *(entry for route in plan.routes for entry in _deployment(plan, route)),
                    _answer(
                        "nothing-here",
                        {"prefix": "/"},
                        404,
                        "There is no deployment at this path. Predictions go to /NAME/predict.",
                    ),
                ],
            },
            {
                # A page can make a browser resolve its own name to 127.0.0.1 (DNS rebinding);
                # then the Host header gives it away.
                "name": "elsewhere",
                "domains": ["*"],
                "routes": [
                    _answer(
                        "wrong-host",
                        {"prefix": "/"},
                        421,
                        "This gateway answers only to 127.0.0.1 and localhost.",
                    )
                ],
            },
        ],
    }


def _answer(name: str, match: Json, status: int, text: str) -> Json:
    """Return a route that the gateway answers itself; `text` becomes the problem's detail."""
    return {
        "name": name,
        "match": match,
        "direct_response": {"status": status, "body": {"inline_string": text}},
    }


def _refuse_strangers(key: str | None) -> list[Json]:
    """Return the route that catches every request without the key.

    Envoy's own filter for API keys is marked work in progress in 1.40. The key stands in the
    route table alone, so that changing it drains no listener.
    """
    if key is None:
        return []

    def lacks(header: str, value: str) -> Json:
        return {
            "name": header,
            "string_match": {"exact": value},
            "invert_match": True,
            "treat_missing_header_as_empty": True,
        }

    refusal = _answer(
        "no-key",
        {
            "prefix": "/",
            "headers": [lacks("x-api-key", key), lacks("authorization", f"Bearer {key}")],
        },
        401,
        "The key is missing or wrong. Send it as `x-api-key: KEY` or `authorization: Bearer KEY`.",
    )
    refusal["response_headers_to_add"] = [
        {"header": {"key": "www-authenticate", "value": 'Bearer realm="jupyter-model-deploy"'}}
    ]
    return [refusal]


def _refuse_bodies() -> list[Json]:
    """Return the routes that catch bodies a web page could send unasked.

    Clients of the Open Inference Protocol (Triton's) post without any content type; browsers
    can do so too, but then always say which page they come from.
    """
    text = (
        "The body must be application/json, text/csv, or application/octet-stream for binary "
        "tensors."
    )
    declared = {"name": "content-type", "present_match": True}
    return [
        _answer(
            "content-type",
            {
                "prefix": "/",
                "headers": [
                    _POST,
                    declared,
                    {
                        "name": "content-type",
                        "string_match": {"safe_regex": {"regex": _CONTENT_TYPES}},
                        "invert_match": True,
                    },
                ],
            },
            415,
            text,
        ),
        _answer(
            "no-content-type",
            {
                "prefix": "/",
                "headers": [
                    _POST,
                    {**declared, "invert_match": True},
                    {"name": "origin", "present_match": True},
                ],
            },
            415,
            text,
        ),
    ]


def _server(plan: TrafficPlan) -> list[Json]:
    """Return the routes of the Open Inference Protocol that speak of the server as a whole."""
    metadata = {
        "name": "jupyter-model-deploy",
        "version": __version__,
        "extensions": ["binary_tensor_data"],
    }
    index = [
        {"name": route.deployment, "version": version}
        for route in plan.routes
        for version, _ in route.weights
    ]
    about = json.dumps(metadata)
    return [
        _answer(
            "server-live", {"path": "/v2/health/live", "headers": [_GET]}, 200, '{"live":true}'
        ),
        {
            "name": "server-ready",
            "match": {"path": READY_PATH, "headers": [_GET]},
            "route": {"cluster": READY_CLUSTER, "timeout": "5s"},
            "response_headers_to_remove": ["server", "x-envoy-upstream-healthchecked-cluster"],
        },
        _answer("server", {"path": "/v2", "headers": [_GET]}, 200, about),
        _answer("server", {"path": "/v2/", "headers": [_GET]}, 200, about),
        _answer(
            "server-index",
            {"path": "/v2/repository/index", "headers": [_POST]},
            200,
            json.dumps(index),
        ),
    ]


def _deployment(plan: TrafficPlan, route: Route) -> list[Json]:
    name = route.deployment
    split = _split(route)
    model = f"/v2/models/{name}"
    entries = [
        (
            {"path_separated_prefix": f"{model}/versions/{version}"},
            {"cluster": cluster_name(name, version)},
        )
        for version, _ in route.weights
    ]
    entries += [
        ({"path_separated_prefix": model}, split),
        # Two matches, since rewriting a separated prefix to "/" would leave "//predict".
        ({"prefix": f"/{name}/"}, {**split, "prefix_rewrite": "/"}),
        ({"path": f"/{name}"}, {**split, "prefix_rewrite": "/"}),
    ]
    return [
        {
            "name": name,
            "match": match,
            "metadata": {
                "filter_metadata": {"model": {"deployment": name, "revision": str(plan.revision)}}
            },
            "route": {
                **action,
                "timeout": f"{route.timeout:.3f}s",
                "idle_timeout": f"{route.timeout + 5:.3f}s",
                "retry_policy": _retries(route),
            },
        }
        for match, action in entries
    ]


def _split(route: Route) -> Json:
    if len(route.weights) == 1:
        return {"cluster": cluster_name(route.deployment, route.weights[0][0])}
    return {
        "weighted_clusters": {
            "clusters": [
                {"name": cluster_name(route.deployment, version), "weight": weight}
                for version, weight in route.weights
            ]
        }
    }


def _retries(route: Route) -> Json:
    """Return when a request is sent again: only when no worker has begun to answer it.

    Never on a 5xx: that would hide a bad version behind a good one, and run predictions twice.
    """
    again = "connect-failure,refused-stream,reset-before-request"
    return {
        "retry_on": f"{again},reset" if route.idempotent else again,
        "num_retries": 3,
        "retry_back_off": {"base_interval": "0.010s", "max_interval": "0.100s"},
        "retry_host_predicate": [
            {
                "name": "envoy.retry_host_predicates.previous_hosts",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.retry.host."
                    "previous_hosts.v3.PreviousHostsPredicate"
                },
            }
        ],
        # A dead worker has the fewest requests under way, so it is drawn first, again and again,
        # until outlier detection has it out.
        "host_selection_retry_max_attempts": 30,
    }
