"""From rows of the store to what travels on the wire. Pure: no clock, no I/O."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from jupyter_deploy.controller.schema import (
    DeploymentRow,
    Desired,
    EventRow,
    OperationRow,
    ProcessRow,
    VersionRow,
    WorkerState,
)
from jupyter_deploy.types import (
    DeploymentDetail,
    DeploymentInfo,
    DeploymentState,
    Event,
    Operation,
    OperationState,
    ProcessInfo,
    StageReport,
    StageState,
    VersionInfo,
    VersionSpec,
    VersionState,
)


class Standing(NamedTuple):
    """One version as :func:`summarise` needs it; `acknowledged` as in the store."""

    version: str
    state: VersionState
    error: str = ""
    acknowledged: bool = False


def summarise(  # noqa: PLR0911 (a table of cases reads best as one)
    desired: Desired,
    live: Standing | None,
    newest: Standing | None,
    *,
    workers: int,
    ready: int,
    restarts: int,
) -> tuple[DeploymentState, str]:
    """Say in one word, and at most one sentence, how a deployment is.

    Parameters
    ----------
    desired
        What the user wants.
    live, newest
        The version that serves, and the one deployed last (often the same).
    workers, ready, restarts
        Of the live version: workers wanted, workers that answer, times one was started again.

    Returns
    -------
    tuple
        The state, and why when it is failed or degraded.
    """
    if desired is not Desired.RUNNING:
        return DeploymentState.STOPPED, ""
    if live is None:
        if newest is not None and newest.state is VersionState.FAILED:
            return DeploymentState.FAILED, newest.error
        return DeploymentState.STARTING, ""
    if ready == 0 and live.error:
        return DeploymentState.FAILED, live.error
    if live.state is not VersionState.LIVE or (ready == 0 and restarts == 0):
        return DeploymentState.STARTING, ""
    if ready < workers:
        return DeploymentState.DEGRADED, live.error or f"{ready} of {workers} workers answer."
    if newest is not None and newest.state is VersionState.FAILED and not newest.acknowledged:
        why = f"Version {newest.version} failed, {live.version} still serves: {newest.error}"
        return DeploymentState.DEGRADED, why
    return DeploymentState.RUNNING, ""


def deployment_detail(
    row: DeploymentRow,
    versions: Sequence[VersionRow],
    processes: Sequence[ProcessRow],
    gateway_url: str,
) -> DeploymentDetail:
    """Build what ``GET /v1/deployments/{name}`` answers; `versions` come newest first."""
    infos = [_version_info(v, [p for p in processes if p.version == v.version]) for v in versions]
    live = next((info for info in infos if info.spec.version == row.live), None)
    ready = sum(p.ready for p in live.processes) if live else 0
    restarts = sum(p.restarts for p in live.processes) if live else 0
    workers = live.spec.workers if live else (infos[0].spec.workers if infos else 0)
    state, error = summarise(
        Desired(row.desired),
        _standing(next((v for v in versions if v.version == row.live), None)),
        _standing(versions[0] if versions else None),
        workers=workers,
        ready=ready,
        restarts=restarts,
    )
    shown = live or (infos[0] if infos else None)
    return DeploymentDetail(
        deployment=DeploymentInfo(
            name=row.name,
            state=state,
            version=row.live,
            engine=shown.spec.engine if shown else None,
            endpoint=f"{gateway_url}/{row.name}",
            workers=workers,
            ready=ready,
            restarts=restarts,
            created=row.created,
            updated=row.updated,
            error=error,
        ),
        versions=infos,
    )


def _standing(row: VersionRow | None) -> Standing | None:
    if row is None:
        return None
    return Standing(row.version, VersionState(row.state), row.error, row.acknowledged)


def _version_info(row: VersionRow, processes: Sequence[ProcessRow]) -> VersionInfo:
    return VersionInfo(
        spec=VersionSpec.model_validate(row.spec),
        state=VersionState(row.state),
        error=row.error,
        processes=[
            ProcessInfo(
                worker=p.worker,
                pid=p.pid,
                created=p.created,
                ready=p.state == WorkerState.READY,
                restarts=p.restarts,
                socket=p.socket,
            )
            for p in sorted(processes, key=lambda p: p.worker)
        ],
    )


def operation(row: OperationRow, now: float) -> Operation:
    """Build an operation; a stage that runs has taken until `now` (epoch) so far."""
    stages = [StageReport.model_validate(stage) for stage in row.stages]
    if stages and stages[-1].state is StageState.RUNNING:
        taken = max(0.0, now - row.since)
        stages[-1] = stages[-1].model_copy(update={"seconds": taken})
    return Operation(
        id=row.id,
        deployment=row.deployment,
        version=row.version,
        state=OperationState(row.state),
        stages=stages,
        error=row.error,
        seq=row.seq,
    )


def event(row: EventRow) -> Event:
    """Build an event."""
    return Event(
        seq=row.seq,
        time=row.time,
        kind=row.kind,
        deployment=row.deployment,
        version=row.version,
        data=row.data,
    )
