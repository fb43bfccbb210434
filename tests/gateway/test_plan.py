"""The plan refuses what can't be served, and says what is portable."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from jupyter_deploy.exceptions import GatewayError
from jupyter_deploy.gateway.plan import FEATURES, Backend, Route, TrafficPlan, cluster_name

ONE = Backend("churn", "1.0.0", ("/run/s/a",))
TWO = Backend("churn", "1.1.0", ("/run/s/b",))


def _plan(
    *routes: Route, backends: tuple[Backend, ...] = (ONE, TWO), **more: object
) -> TrafficPlan:
    fields = {"revision": 1, "port": 8000, "key": None, **more}
    return TrafficPlan(backends=backends, routes=routes, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: _plan(Route("churn", (("2.0.0", 1),))), "2.0.0, which has no backend"),
        (lambda: _plan(Route("fraud", (("1.0.0", 1),))), "no backend"),
        (lambda: Route("churn", (("1.0.0", 0), ("1.1.0", 0))), "not all 0"),
        (lambda: Route("churn", ()), "not all 0"),
        (lambda: Route("churn", (("1.0.0", -1), ("1.1.0", 2))), "0 or more"),
        (lambda: Route("churn", (("1.0.0", 1), ("1.0.0", 1))), "twice"),
        (lambda: Route("churn", (("1.0.0", 1),), timeout=0), "timeout"),
        (lambda: Route("churn", (("1.0.0", 1),), timeout=1e9), "timeout"),
        (lambda: Route("v2", (("1.0.0", 1),)), "can't be a path"),
        (lambda: Route("a/b", (("1.0.0", 1),)), "can't be a path"),
        (lambda: _plan(backends=(ONE, ONE)), "twice"),
        (lambda: _plan(Route("churn", (("1.0.0", 1),)), Route("churn", (("1.1.0", 1),))), "twice"),
        (lambda: Backend("churn", "1.0.0", ()), "no workers"),
        (lambda: Backend("churn", "1.0.0", ("/a", "/a")), "twice"),
        (lambda: Backend("churn", "1.0.0", ("relative",)), "absolute"),
        (lambda: Backend("churn", "1.0.0", ("/" + "x" * 107,)), "107 bytes"),
        (lambda: _plan(port=0), "TCP port"),
        (lambda: _plan(port=65536), "TCP port"),
        (lambda: _plan(key="with space"), "key"),
        (lambda: _plan(key=""), "key"),
        (lambda: _plan(key='with-"quotes"'), "key"),
        (lambda: _plan(key="line\nbreak-in-it"), "key"),
    ],
)
def test_refused(make: Callable[[], object], said: str) -> None:
    with pytest.raises(GatewayError, match=said):
        make()


def test_serving_is_what_has_weight() -> None:
    plan = _plan(Route("churn", (("1.0.0", 100), ("1.1.0", 0))))
    assert plan.serving == (cluster_name("churn", "1.0.0"),) == ("churn@1.0.0",)


def test_a_drained_version_needs_no_route() -> None:
    assert _plan(Route("churn", (("1.1.0", 1),))).backends == (ONE, TWO)


def test_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        ONE.version = "9"  # type: ignore[misc]


def test_features_say_where_they_go() -> None:
    assert {feature.name for feature in FEATURES if feature.portable} >= {"weights", "timeout"}
    assert {feature.name for feature in FEATURES if not feature.portable} >= {"key", "retries"}
    assert all(feature.elsewhere for feature in FEATURES)
    assert len({feature.name for feature in FEATURES}) == len(FEATURES)
