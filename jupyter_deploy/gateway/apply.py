"""The order in which a plan reaches a running Envoy, so that no request fails.

1. Envoy validates a static copy; nothing is touched when it refuses.
2. Clusters first, the old ones too: routes to a cluster that isn't there yet answer 503.
3. Wait until the new ones are active and, when they are about to take traffic, healthy.
4. Routes; wait until Envoy says that it uses them. Then what "ready" means.
5. Clusters that the plan no longer names go; requests that they still answer finish.

Each step leaves a state in which every route has its cluster, so a controller may die between
any two of them. When a step fails, the last configuration that proved itself comes back.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

from jupyter_deploy.exceptions import GatewayError
from jupyter_deploy.gateway.admin import Admin
from jupyter_deploy.gateway.binary import validate
from jupyter_deploy.gateway.files import KINDS, GatewayFiles, encode
from jupyter_deploy.gateway.plan import TrafficPlan, cluster_name
from jupyter_deploy.gateway.render import Rendered, discovery, render
from jupyter_deploy.gateway.render.clusters import cold

#: Where Envoy counts what became of each kind's updates.
STAT_PREFIX = {
    "cds": "cluster_manager.cds",
    "rds": "http.public.rds.public",
    "lds": "listener_manager.lds",
    "ecds": "extension_config_discovery.http_filter.readiness",
}

#: Seconds for Envoy to take over a file; it needs milliseconds.
_UPDATE_TIMEOUT = 10.0

Json = dict[str, Any]


async def until(condition: Callable[[], Awaitable[bool]], timeout: float) -> bool:
    """Ask `condition` until it holds; False when `timeout` seconds pass without."""
    deadline = time.monotonic() + timeout
    pause = 0.002
    while not await condition():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, 0.05)
    return True


async def prepare(plan: TrafficPlan, files: GatewayFiles) -> Rendered:
    """Render `plan` and let Envoy validate it.

    Raises
    ------
    GatewayError
        With Envoy's own words, when it refuses.
    """
    rendered = render(plan, files)
    check = files.run_dir / "new" / "static.json"
    files.write(check, encode(rendered.static))
    try:
        await validate(check, plan.key)
    finally:
        check.unlink(missing_ok=True)
    return rendered


def write_cold(rendered: Rendered, files: GatewayFiles) -> None:
    """Write everything for an Envoy that isn't running."""
    clusters = [cold(cluster) for cluster in rendered.clusters]
    resources = {**rendered.resources, "cds": discovery("cluster.v3.Cluster", clusters)}
    files.write(files.bootstrap, encode(rendered.bootstrap))
    for kind in KINDS:
        files.write(files.watched(kind), encode(resources[kind]))


def keep_good(files: GatewayFiles) -> None:
    """Remember the configuration that serves now as one that proved itself."""
    for kind in KINDS:
        text = files.read(files.watched(kind))
        if text is not None and text != files.read(files.good(kind)):
            files.write(files.good(kind), text)


class Applier:
    """Applies one plan to one running Envoy.

    Parameters
    ----------
    health_timeout
        Seconds that a version which is about to take traffic has to become healthy.
    """

    def __init__(self, files: GatewayFiles, admin: Admin, health_timeout: float) -> None:
        self._files = files
        self._admin = admin
        self._health_timeout = health_timeout

    async def apply(self, plan: TrafficPlan) -> None:
        """Make Envoy serve `plan`; a plan that is served already costs one question.

        Raises
        ------
        GatewayError
            When Envoy refuses it, or a version that is about to take traffic isn't healthy.
            What served before still does.
        """
        rendered = render(plan, self._files)
        if await self._serves(rendered):
            return
        await prepare(plan, self._files)
        try:
            await self._switch(plan, rendered)
        except GatewayError:
            await self._restore()
            raise
        keep_good(self._files)

    async def _switch(self, plan: TrafficPlan, rendered: Rendered) -> None:
        gaining = set(plan.serving) - self._serving()
        wanted = rendered.clusters
        names = {cluster["name"] for cluster in wanted}
        leaving = [one for name, one in self._clusters().items() if name not in names]
        await self._update("lds", encode(rendered.resources["lds"]))
        await self._update("cds", encode(discovery("cluster.v3.Cluster", [*wanted, *leaving])))
        await self._wait_for_workers(plan, gaining)
        await self._update("rds", encode(rendered.resources["rds"]))
        await self._update("ecds", encode(rendered.resources["ecds"]))
        await self._update("cds", encode(rendered.resources["cds"]))

    async def _update(self, kind: str, text: str) -> None:
        """Replace one file and wait until Envoy uses it."""
        wanted = json.loads(text)["version_info"]
        accepted, *refused = (
            f"{STAT_PREFIX[kind]}.{name}"
            for name in ("version_text", "update_rejected", "update_failure")
        )
        names = (accepted, *refused)
        before = await self._admin.stats(names)
        if self._files.read(self._files.watched(kind)) == text and before.get(accepted) == wanted:
            return
        self._files.write(self._files.watched(kind), text)
        now: dict[str, str] = {}

        async def settled() -> bool:
            nonlocal now
            now = await self._admin.stats(names)
            return now.get(accepted) == wanted or any(now.get(n) != before.get(n) for n in refused)

        if not await until(settled, _UPDATE_TIMEOUT) or now.get(accepted) != wanted:
            raise GatewayError(
                f"Envoy didn't take over its new {kind.upper()} file; the previous one serves.",
                f"Its log says why: {self._files.log}",
                stats=now,
            )

    async def _wait_for_workers(self, plan: TrafficPlan, gaining: set[str]) -> None:
        """Wait until the plan's clusters can be routed to, and the new ones answer.

        A version that takes traffic already is not asked for its health: what is broken for
        one deployment must not keep changes of the others out.
        """
        wanted = {backend.cluster: frozenset(backend.sockets) for backend in plan.backends}
        routed = {
            cluster_name(route.deployment, version)
            for route in plan.routes
            for version, _ in route.weights
        }
        late: list[str] = []

        async def ready() -> bool:
            nonlocal late
            active = await self._admin.clusters()
            late = [
                name
                for name in sorted(routed)
                if name not in active
                or (
                    name in gaining
                    and not (active[name].sockets == wanted[name] and active[name].healthy)
                )
            ]
            return not late

        if not await until(ready, self._health_timeout):
            raise GatewayError(
                f"No worker of {', '.join(late)} answers the gateway's health check.",
                "The previous version still serves. Look at the logs of the new one.",
                clusters=late,
            )

    async def _serves(self, rendered: Rendered) -> bool:
        """Tell whether Envoy already uses exactly this."""
        wanted = rendered.resources
        if any(
            self._files.read(self._files.watched(kind)) != encode(wanted[kind]) for kind in KINDS
        ):
            return False
        names = {kind: f"{STAT_PREFIX[kind]}.version_text" for kind in KINDS}
        stats = await self._admin.stats(names.values())
        return all(stats.get(names[kind]) == wanted[kind]["version_info"] for kind in KINDS)

    async def _restore(self) -> None:
        """Put back what last proved itself: routes before the clusters they don't need."""
        for kind in ("rds", "ecds", "cds", "lds"):
            good = self._files.read(self._files.good(kind))
            if good is not None and good != self._files.read(self._files.watched(kind)):
                self._files.write(self._files.watched(kind), good)

    def _clusters(self) -> dict[str, Json]:
        """Return the clusters in the file that Envoy reads."""
        text = self._files.read(self._files.watched("cds"))
        resources = json.loads(text)["resources"] if text else []
        return {
            one["name"]: {key: value for key, value in one.items() if key != "@type"}
            for one in resources
        }

    def _serving(self) -> set[str]:
        """Return the clusters that take traffic now: those readiness counts."""
        text = self._files.read(self._files.watched("ecds"))
        if not text:
            return set()
        (readiness,) = json.loads(text)["resources"]
        return set(readiness["typed_config"]["cluster_min_healthy_percentages"])
