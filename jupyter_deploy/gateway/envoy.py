"""The gateway as the controller uses it: one Envoy, kept running and given plans."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path

from jupyter_deploy.exceptions import GatewayError
from jupyter_deploy.gateway import process, traffic
from jupyter_deploy.gateway.admin import Admin, connect
from jupyter_deploy.gateway.apply import (
    STAT_PREFIX,
    Applier,
    prepare,
    until,
    write_cold,
)
from jupyter_deploy.gateway.files import GatewayFiles
from jupyter_deploy.gateway.plan import TrafficPlan, cluster_name
from jupyter_deploy.gateway.process import ProcessIdentity, free_port
from jupyter_deploy.gateway.render.clusters import stat_name
from jupyter_deploy.gateway.render.listeners import PUBLIC_LISTENER

__all__ = ["Gateway", "ProcessIdentity", "free_port"]

#: Seconds a starting Envoy has to open its port; it needs a tenth of one.
_START_TIMEOUT = 20.0

#: Seconds that a start waits for workers to be found healthy before it returns anyway.
_SETTLE_TIMEOUT = 1.0


class Gateway:
    """One Envoy process and its configuration.

    Any number of these objects, in any process, may speak for the same `run_dir`, one at a
    time; nothing is kept in memory that the next one would miss.

    Parameters
    ----------
    run_dir
        Private folder on a local disk, its path short enough for a Unix socket.
    log_dir
        Where Envoy's log and the access log are written.
    health_timeout
        Seconds that a version which is about to take traffic has to become healthy.
    """

    def __init__(self, run_dir: Path, log_dir: Path, *, health_timeout: float = 15.0) -> None:
        self.files = GatewayFiles(Path(run_dir), Path(log_dir))
        self._health_timeout = health_timeout
        self._lock = asyncio.Lock()

    def find(self) -> ProcessIdentity | None:
        """Return the running Envoy of this gateway, whoever started it."""
        return process.find(self.files)

    def alive(self) -> bool:
        """Tell whether this gateway's Envoy runs; cheap enough to ask every second."""
        return self.find() is not None

    async def ensure(self, plan: TrafficPlan) -> ProcessIdentity:
        """Make an Envoy run and serve `plan`: adopt the one that runs, else start one.

        A start doesn't ask whether workers are healthy: a broken deployment must not keep the
        others from being served. They are given a second to be found, and then may follow.

        Raises
        ------
        GatewayError
            When the port is taken, Envoy can't be started, or the plan is refused; in the last
            case the previous configuration serves.
        """
        async with self._lock:
            self.files.ensure()
            running = self.find()
            if running and (self._port() != plan.port or not await self._listens()):
                await self._stop(running, 5.0)
                running = None
            if running:
                await self._apply(plan)
                return running
            return await self._start(plan)

    async def apply(self, plan: TrafficPlan) -> None:
        """Make the running Envoy serve `plan`, failing no request.

        Versions that gain traffic must be healthy first. Versions that stay in
        `plan.backends` are kept and watched, whether or not a route names them.

        Raises
        ------
        GatewayError
            When no Envoy runs, or the plan can't be served; what served before still does.
        """
        async with self._lock:
            if not self.find():
                raise GatewayError("The gateway isn't running.")
            if self._port() != plan.port:
                raise GatewayError(
                    f"The gateway listens on port {self._port()}, not on {plan.port}.",
                    "Stop it before moving it to another port.",
                )
            await self._apply(plan)

    async def drained(self, deployment: str, version: str, timeout: float) -> bool:
        """Wait until a version that lost its routes answers no request any more.

        Returns
        -------
        bool
            False when requests are still under way after `timeout` seconds.
        """
        cluster = f"cluster.{stat_name(cluster_name(deployment, version))}"
        names = (f"{cluster}.upstream_rq_active", f"{cluster}.upstream_rq_pending_active")
        async with connect(self.files.admin_socket) as admin:

            async def idle() -> bool:
                stats = await admin.stats(names)
                return all(stats.get(name, "0") == "0" for name in names)

            async def still_idle() -> bool:
                # twice: the routes may have reached Envoy's worker thread only just now
                if not await idle():
                    return False
                await asyncio.sleep(0.05)
                return await idle()

            return await until(still_idle, timeout)

    async def healthy(self) -> dict[tuple[str, str], int]:
        """Return how many workers of each (deployment, version) Envoy would send a request to."""
        async with connect(self.files.admin_socket) as admin:
            clusters = await admin.clusters()
        return {
            (name.split("@", 1)[0], name.split("@", 1)[1]): len(status.healthy)
            for name, status in clusters.items()
            if "@" in name
        }

    async def stats(self) -> dict[tuple[str, str], traffic.Counts]:
        """Return counts by (deployment, version) since this Envoy started."""
        async with connect(self.files.admin_socket) as admin:
            return traffic.parse(await admin.prometheus(traffic.PATTERN))

    async def rotate_logs(self) -> None:
        """Start new log files when the present ones have grown too long."""
        if process.roll(self.files) and self.alive():
            async with connect(self.files.admin_socket) as admin:
                await admin.reopen_logs()

    async def stop(self, timeout: float = 5.0) -> None:
        """Let requests under way finish for `timeout` seconds at most, then end Envoy."""
        async with self._lock:
            running = self.find()
            if running:
                await self._stop(running, timeout)

    async def _apply(self, plan: TrafficPlan) -> None:
        async with connect(self.files.admin_socket) as admin:
            await Applier(self.files, admin, self._health_timeout).apply(plan)

    async def _start(self, plan: TrafficPlan) -> ProcessIdentity:
        try:
            rendered = await prepare(plan, self.files)
        except GatewayError:
            if self._port() == plan.port:
                # what was served before serves again, and the caller learns of the refusal
                await self._launch(plan.port)
            raise
        write_cold(rendered, self.files)
        started = await self._launch(plan.port)
        await self._apply(plan)
        await self._settle(plan)
        return started

    async def _launch(self, port: int) -> ProcessIdentity:
        if not process.port_is_free(port):
            raise GatewayError(
                f"Port {port} of 127.0.0.1 is taken by another program.",
                "Choose another port for the gateway.",
                port=port,
            )
        started = process.spawn(self.files)
        try:
            await self._wait_until_open(started, port)
        except BaseException:
            process.end(started, signal.SIGKILL)
            raise
        return started

    async def _listens(self) -> bool:
        """Tell whether the running Envoy has its port: its starter may have died too early."""
        try:
            async with connect(self.files.admin_socket) as admin:
                return await until(lambda: _has_port(admin), 1.0)
        except GatewayError:
            return False

    async def _wait_until_open(self, started: ProcessIdentity, port: int) -> None:
        refused = f"{STAT_PREFIX['lds']}.update_rejected"

        async def open_or_hopeless() -> bool:
            if not process.is_alive(started):
                return True
            try:
                async with connect(self.files.admin_socket) as admin:
                    if await _has_port(admin):
                        return await _accepts(port)
                    return (await admin.stats([refused])).get(refused, "0") != "0"
            except GatewayError:
                return False  # its admin isn't up yet

        in_time = await until(open_or_hopeless, _START_TIMEOUT)
        if not process.is_alive(started):
            raise GatewayError(
                "Envoy ended as soon as it was started.",
                f"Its log: {self.files.log}",
                log=process.tail(self.files),
            )
        async with connect(self.files.admin_socket) as admin:
            if not in_time or not await _has_port(admin):
                raise GatewayError(
                    f"Envoy couldn't listen on port {port} of 127.0.0.1.",
                    f"Choose another port for the gateway. Its log: {self.files.log}",
                    port=port,
                    log=process.tail(self.files),
                )

    async def _settle(self, plan: TrafficPlan) -> None:
        """Give workers that answer the time to be found."""
        warming = "cluster_manager.warming_clusters"
        async with connect(self.files.admin_socket) as admin:

            async def all_found() -> bool:
                if (await admin.stats([warming])).get(warming) != "0":
                    return False
                active = await admin.clusters()
                return all(name in active and active[name].healthy for name in plan.serving)

            await until(all_found, _SETTLE_TIMEOUT)

    async def _stop(self, running: ProcessIdentity, timeout: float) -> None:
        active = f"http.{PUBLIC_LISTENER}.downstream_rq_active"
        try:
            async with connect(self.files.admin_socket) as admin:
                await admin.drain()

                async def idle() -> bool:
                    return (await admin.stats([active])).get(active, "0") == "0"

                await until(idle, timeout)
        except GatewayError:
            pass  # one that doesn't answer is ended all the same

        async def gone() -> bool:
            return not process.is_alive(running)

        for how in (signal.SIGTERM, signal.SIGKILL):
            process.end(running, how)
            if await until(gone, 5.0):
                return
        raise GatewayError(f"Envoy (pid {running.pid}) can't be ended.")

    def _port(self) -> int | None:
        """Return the port in the listeners that Envoy was given."""
        text = self.files.read(self.files.watched("lds"))
        for listener in json.loads(text)["resources"] if text else ():
            if listener["name"] == PUBLIC_LISTENER:
                return int(listener["address"]["socket_address"]["port_value"])
        return None


async def _has_port(admin: Admin) -> bool:
    return PUBLIC_LISTENER in await admin.listeners()


async def _accepts(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True
