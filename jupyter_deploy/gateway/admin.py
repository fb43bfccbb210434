"""What is asked of a running Envoy, over its private admin socket."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_deploy.exceptions import GatewayError

if TYPE_CHECKING:
    import httpx


@dataclass(frozen=True)
class ClusterStatus:
    """One active cluster.

    Attributes
    ----------
    sockets
        Its workers.
    healthy
        Those that would be given a request now.
    """

    sockets: frozenset[str]
    healthy: frozenset[str]


class Admin:
    """Questions to one Envoy; made by :func:`connect`."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def _ask(self, method: str, path: str, params: dict[str, str] | None = None) -> str:
        import httpx

        try:
            response = await self._client.request(method, path, params=params)
        except httpx.HTTPError as error:
            raise GatewayError(
                f"Envoy doesn't answer on its admin socket: {type(error).__name__}."
            ) from error
        if response.status_code != 200:
            raise GatewayError(f"Envoy's admin answered {response.status_code} to {path}.")
        return response.text

    async def stats(self, names: Iterable[str]) -> dict[str, str]:
        """Return the named counters, gauges and texts that exist.

        Whole names only: a filter that isn't anchored also finds ``…_active_overflow``, which
        is 0 while requests are under way.
        """
        pattern = "|".join(re.escape(name) for name in names)
        text = await self._ask("GET", "/stats", {"filter": f"^({pattern})$"})
        pairs = (line.split(": ", 1) for line in text.splitlines())
        return {pair[0]: pair[1].strip('"') for pair in pairs if len(pair) == 2}

    async def prometheus(self, pattern: str) -> str:
        """Return the statistics that `pattern` finds, as Prometheus text."""
        return await self._ask("GET", "/stats/prometheus", {"filter": pattern})

    async def clusters(self) -> dict[str, ClusterStatus]:
        """Return the active clusters: those that a request can be routed to."""
        document = json.loads(await self._ask("GET", "/clusters", {"format": "json"}))
        found = {}
        for cluster in document.get("cluster_statuses", []):
            sockets, healthy = set(), set()
            for host in cluster.get("host_statuses", []):
                path = host["address"].get("pipe", {}).get("path", "")
                sockets.add(path)
                troubles = {k for k, v in host["health_status"].items() if v is True}
                if not troubles & {
                    "failed_active_health_check",
                    "failed_outlier_check",
                    "pending_active_hc",
                }:
                    healthy.add(path)
            found[cluster["name"]] = ClusterStatus(frozenset(sockets), frozenset(healthy))
        return found

    async def listeners(self) -> set[str]:
        """Return the names of the listeners that are bound.

        Not ``/ready``, which is content with an Envoy that got none of its ports.
        """
        document = json.loads(await self._ask("GET", "/listeners", {"format": "json"}))
        return {one["name"] for one in document.get("listener_statuses", [])}

    async def drain(self) -> None:
        """Ask clients to close their connections."""
        await self._ask("POST", "/drain_listeners", {"graceful": ""})

    async def reopen_logs(self) -> None:
        """Open the log files again, after they were renamed."""
        await self._ask("POST", "/reopen_logs")


@asynccontextmanager
async def connect(socket: Path) -> AsyncIterator[Admin]:
    """Open Envoy's admin interface."""
    import httpx

    # no TLS on a Unix socket: loading the certificates would cost more than the question
    transport = httpx.AsyncHTTPTransport(uds=str(socket), verify=False)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://admin", timeout=5.0, trust_env=False
    ) as client:
        yield Admin(client)
