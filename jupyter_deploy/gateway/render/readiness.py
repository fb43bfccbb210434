"""``/v2/health/ready``: Envoy itself knows, so it is right while no controller runs."""

from __future__ import annotations

from typing import Any

from jupyter_deploy.gateway.plan import TrafficPlan

#: Name of the one filter that changes with the plan, found by ECDS.
READINESS_FILTER = "readiness"
READINESS_TYPE = "type.googleapis.com/envoy.extensions.filters.http.health_check.v3.HealthCheck"
READY_PATH = "/v2/health/ready"

#: Percentage of healthy workers a version needs: with fewer than 100 workers, one.
_ONE_WORKER = {"value": 1}


def readiness_filter(plan: TrafficPlan) -> dict[str, Any]:
    """Return the filter that answers 200 when every serving version has a healthy worker."""
    return {
        "name": READINESS_FILTER,
        "typed_config": {
            "@type": READINESS_TYPE,
            "pass_through_mode": False,
            "headers": [{"name": ":path", "string_match": {"exact": READY_PATH}}],
            "cluster_min_healthy_percentages": {name: _ONE_WORKER for name in plan.serving},
        },
    }
