"""Lists and details of deployments."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from jupyter_deploy.client.deployment import live_version
from jupyter_deploy.commands import texts
from jupyter_deploy.commands.remarks import remarks
from jupyter_deploy.widgets import style

if TYPE_CHECKING:
    from jupyter_deploy.commands.results import Overview
    from jupyter_deploy.types import DeploymentDetail, DeploymentInfo

_HEADER = ("name", "version", "state", "ready", "engine", "endpoint")


def listing(deployments: Sequence[DeploymentInfo]) -> str:
    """Return all deployments as a table."""
    if not deployments:
        return style.box(escape(texts.listing(deployments)))
    return style.box(_listing(deployments))


def overview(result: Overview) -> str:
    """Return the installation: controller, gateway and deployments."""
    controller, gateway = result.controller, result.controller.gateway
    key = style.code(gateway.key_header) if gateway.key_header else "none is asked for"
    serving = style.code(gateway.url) if gateway.running else style.state("stopped")
    return style.box(
        style.pairs(
            [
                ("controller", f"{escape(controller.version)} (pid {controller.pid})"),
                ("gateway", serving),
                ("key", key),
                ("state", style.code(controller.home)),
            ]
        ),
        _listing(result.deployments)
        if result.deployments
        else escape(texts.listing(result.deployments)),
    )


def detail(found: DeploymentDetail) -> str:
    """Return one deployment with its versions and processes."""
    info = found.deployment
    rows = [
        (
            escape(v.spec.version),
            style.state(v.state.value),
            escape(v.spec.engine.value),
            f"{sum(p.ready for p in v.processes)}/{v.spec.workers}",
            escape(", ".join(str(p.pid) for p in v.processes if p.pid) or "-"),
            escape(texts.local_time(v.spec.provenance.created)),
            escape(v.error),
        )
        for v in found.versions
    ]
    header = ("version", "state", "engine", "ready", "pids", "packed", "")
    said = [("endpoint", style.link(f"{info.endpoint}/predict"))]
    if found.versions:
        live = live_version(found)
        engine = f"{style.code(live.spec.engine.value)} {style.muted(live.spec.engine_reason)}"
        said.append(("engine", engine))
        said += [(label, style.muted(text)) for label, text in remarks(found, live)]
    return style.box(
        style.heading(info.name, style.state(info.state.value)),
        style.error(info.error) if info.error else "",
        style.pairs(said),
        style.grid(header, rows),
    )


def changed(info: DeploymentInfo) -> str:
    """Return one deployment in one line."""
    version = style.muted(info.version or "")
    return style.box(
        f"<b>{escape(info.name)}</b> {version} &nbsp; {style.state(info.state.value)}",
        style.error(info.error) if info.error else "",
    )


def _listing(deployments: Sequence[DeploymentInfo]) -> str:
    rows = []
    for info in deployments:
        name, version, state, ready, engine, endpoint = texts.cells(info)
        rows.append(
            (
                f"<b>{escape(name)}</b>",
                escape(version),
                style.state(state),
                escape(ready),
                escape(engine),
                style.link(endpoint),
            )
        )
    errors = "".join(style.error(f"{d.name}: {d.error}") for d in deployments if d.error)
    return style.grid(_HEADER, rows) + errors
