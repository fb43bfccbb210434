"""One write to the store: its session, and the steps that several writes share."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from jupyter_deploy.controller import views
from jupyter_deploy.controller.schema import (
    DeploymentRow,
    Desired,
    EventRow,
    GatewayRow,
    OperationRow,
    ProcessRow,
    VersionRow,
)
from jupyter_deploy.exceptions import DEPLOY, ConflictError, DeployError, NotFoundError
from jupyter_deploy.types import (
    DeploymentDetail,
    DeploymentInfo,
    OperationState,
    StageState,
    VersionState,
)

#: States of a version that has, or shall have, processes.
ACTIVE = (VersionState.STARTING, VersionState.LIVE, VersionState.DRAINING)


class Transaction:
    """One write: its session, and the steps that several writes share."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.announced = False

    def event(self, kind: str, deployment: str = "", version: str = "", **data: Any) -> int:
        row = EventRow(time=now(), kind=kind, deployment=deployment, version=version, data=data)
        self.session.add(row)
        self.session.flush()
        self.announced = True
        return row.seq

    def create(self, name: str) -> DeploymentRow:
        """Add a deployment that isn't shown until a version of it is submitted."""
        row = DeploymentRow(
            name=name,
            desired=Desired.REMOVED,
            live=None,
            reserved=None,
            created=now(),
            updated=now(),
        )
        self.session.add(row)
        self.session.flush()
        return row

    def version(self, name: str, version: str) -> VersionRow:
        return self.session.get_one(VersionRow, (name, version))

    def gateway(self) -> GatewayRow:
        row = self.session.get(GatewayRow, 1)
        if row is None:
            row = GatewayRow(id=1, port=0, pid=None, created=None, revision=0)
            self.session.add(row)
        return row

    def running_operation(self, name: str, version: str) -> OperationRow | None:
        return self.session.scalars(
            select(OperationRow).where(
                OperationRow.deployment == name,
                OperationRow.version == version,
                OperationRow.state == OperationState.RUNNING,
            )
        ).first()

    def tell(self, operation: OperationRow, stages: list[dict[str, Any]]) -> None:
        """Set the stages and announce the last of them."""
        operation.stages = stages
        operation.seq = self.event(
            "operation.stage",
            operation.deployment,
            operation.version,
            operation=operation.id,
            **stages[-1],
        )

    def close_stage(self, operation: OperationRow, state: StageState) -> None:
        """End the running stage, if one runs."""
        if operation.stages and operation.stages[-1]["state"] == StageState.RUNNING:
            taken = max(0.0, time.time() - operation.since)
            last = {**operation.stages[-1], "state": state, "seconds": round(taken, 3)}
            self.tell(operation, [*operation.stages[:-1], last])

    def fail(self, name: str, version: str, error: DeployError) -> None:
        row = self.version(name, version)
        row.state, row.error = VersionState.FAILED, error.message
        if operation := self.running_operation(name, version):
            self.close_stage(operation, StageState.FAILED)
            operation.state, operation.error = OperationState.FAILED, error.problem()
            operation.seq = self.event(
                "operation.failed", name, version, operation=operation.id, error=error.message
            )
        get_deployment(self.session, name).updated = now()

    def abandon(self, name: str, message: str, hint: str) -> None:
        """Fail the versions of `name` that are on their way (those with a running operation)."""
        rows = self.session.scalars(
            select(OperationRow).where(
                OperationRow.deployment == name, OperationRow.state == OperationState.RUNNING
            )
        ).all()
        for row in rows:
            self.fail(name, row.version, ConflictError(message.format(row.version), hint))

    def withdraw(self, name: str, what: str) -> None:
        """Let no version of `name` serve any more."""
        self.abandon(
            name,
            f"Version {{}} was given up because {name!r} was {what} meanwhile.",
            "Deploy again when you want it to run.",
        )
        for row in self.session.scalars(
            select(VersionRow).where(
                VersionRow.deployment == name,
                VersionRow.state.in_((VersionState.LIVE, VersionState.STARTING)),
            )
        ):
            row.state = VersionState.DRAINING

    def acknowledge(self, name: str) -> bool:
        """Let no version that failed so far count any more; return whether one did."""
        failed = self.session.scalars(
            select(VersionRow).where(
                VersionRow.deployment == name,
                VersionRow.state == VersionState.FAILED,
                VersionRow.acknowledged.is_(False),
            )
        ).all()
        for row in failed:
            row.acknowledged = True
        return bool(failed)

    def forget_processes(self, name: str, version: str) -> None:
        self.session.execute(
            delete(ProcessRow).where(ProcessRow.deployment == name, ProcessRow.version == version)
        )

    def settle(self, name: str) -> None:
        """Announce that a removed deployment is gone, once nothing of it runs."""
        self.session.flush()
        if get_deployment(self.session, name, removed=True).desired != Desired.REMOVED:
            return
        busy = (
            select(VersionRow.version).where(
                VersionRow.deployment == name, VersionRow.state.in_(ACTIVE)
            ),
            select(ProcessRow.version).where(ProcessRow.deployment == name),
        )
        if not any(self.session.execute(query).first() for query in busy):
            self.event("deployment.removed", name)


def get_deployment(session: Session, name: str, *, removed: bool = False) -> DeploymentRow:
    row = session.get(DeploymentRow, name)
    if row is None or (row.desired == Desired.REMOVED and not removed):
        raise NotFoundError(
            f"There is no deployment {name!r}.", f"See what there is: {DEPLOY} list", name=name
        )
    return row


def detail_of(session: Session, row: DeploymentRow) -> DeploymentDetail:
    """One deployment with all its versions."""
    query = select(VersionRow).where(VersionRow.deployment == row.name)
    return _detail(session, row, session.scalars(query.order_by(VersionRow.seq.desc())).all())


def info_of(session: Session, row: DeploymentRow) -> DeploymentInfo:
    """One deployment, read from the two versions that decide its state: the newest, the live."""
    query = select(VersionRow).where(VersionRow.deployment == row.name)
    versions = [*session.scalars(query.order_by(VersionRow.seq.desc()).limit(1))]
    if row.live and row.live not in {version.version for version in versions}:
        versions.append(session.get_one(VersionRow, (row.name, row.live)))
    return _detail(session, row, versions).deployment


def _detail(
    session: Session, row: DeploymentRow, versions: Sequence[VersionRow]
) -> DeploymentDetail:
    processes = session.scalars(select(ProcessRow).where(ProcessRow.deployment == row.name)).all()
    gateway = session.get(GatewayRow, 1)
    return views.deployment_detail(row, versions, processes, url_of(gateway.port if gateway else 0))


def url_of(port: int) -> str:
    """Return the gateway's URL, without a trailing slash."""
    return f"http://127.0.0.1:{port}"


def head_of(session: Session) -> int:
    return session.scalar(select(func.max(EventRow.seq))) or 0


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
