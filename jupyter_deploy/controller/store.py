"""The controller's store: every read and write, each in one transaction.

An event is written in the transaction of the change it tells of, so the log never lies.
Writes that move a version from one state to the next first look whether it still is in the state
they start from: whoever asked may have been overtaken by a newer wish of the user.
"""

from __future__ import annotations

import time
from typing import Any
from uuid import uuid4

from sqlalchemy import select

from jupyter_deploy.controller import numbering, versions, views
from jupyter_deploy.controller.records import ProcessRecords
from jupyter_deploy.controller.schema import (
    DeploymentRow,
    Desired,
    EventRow,
    OperationRow,
    ProcessRow,
    VersionRow,
)
from jupyter_deploy.controller.transaction import (
    ACTIVE,
    Transaction,
    detail_of,
    get_deployment,
    head_of,
    info_of,
    now,
)
from jupyter_deploy.exceptions import DEPLOY, ConflictError, DeployError, NotFoundError
from jupyter_deploy.types import (
    Compatibility,
    DeploymentDetail,
    DeploymentInfo,
    EventPage,
    Operation,
    OperationState,
    ReservationRequest,
    Stage,
    StageReport,
    StageState,
    VersionSpec,
    VersionState,
)

#: Most events in one answer.
EVENT_PAGE = 1000


class Store(ProcessRecords):
    """State of one installation."""

    # -- deployments -----------------------------------------------------------------------------

    def infos(self) -> list[DeploymentInfo]:
        """Every deployment that isn't removed, by name."""
        with self._sessions() as session:
            names = session.scalars(
                select(DeploymentRow.name)
                .where(DeploymentRow.desired != Desired.REMOVED)
                .order_by(DeploymentRow.name)
            ).all()
            return [info_of(session, get_deployment(session, name)) for name in names]

    def detail(self, name: str) -> DeploymentDetail:
        with self._sessions() as session:
            return detail_of(session, get_deployment(session, name))

    def compare(self, name: str, request: ReservationRequest) -> Compatibility:
        """Say which number :meth:`reserve` would give out, and what callers would notice.

        Raises
        ------
        UsageError, ConflictError
            As :meth:`reserve`.
        """
        with self._sessions() as session:
            return versions.compare(session, session.get(DeploymentRow, name), name, request)

    def reserve(self, name: str, request: ReservationRequest) -> str:
        """Give out a version number of `name`, above all that are taken; never one twice.

        Raises
        ------
        SignatureChangedError
            When callers of the version that serves would have to change, and the number doesn't
            say so.
        ConflictError
            When the number that was asked for is not a new one.
        UsageError
            When it is no number, or the signature can't be read.
        """
        with self._write() as tx:
            row = tx.session.get(DeploymentRow, name)
            found = versions.compare(tx.session, row, name, request)
            row = row or tx.create(name)
            row.reserved = found.version
            return found.version

    def submit(self, spec: VersionSpec) -> Operation:
        """Record that `spec` shall be live; a version that is still on its way is superseded.

        Raises
        ------
        SignatureChangedError
            When callers of the version that serves would have to change, and the number doesn't
            say so: another one has become live since this number was reserved.
        ConflictError
            When the deployment has this version already.
        """
        name, version = spec.name, spec.version
        with self._write() as tx:
            row = tx.session.get(DeploymentRow, name) or tx.create(name)
            if tx.session.get(VersionRow, (name, version)):
                raise ConflictError(
                    f"Deployment {name!r} already has a version {version}.",
                    "Versions never change: ask for a new number and pack again.",
                )
            versions.check_submitted(tx.session, row, spec)
            overtaken = f"Version {{}} of {name!r} was superseded by {version}."
            tx.abandon(name, overtaken, "A newer deploy of the same name took over.")
            if row.desired == Desired.REMOVED:
                row.live, row.created = None, now()
            elif row.desired == Desired.STOPPED and row.live:
                tx.version(name, row.live).state = VersionState.STARTING
            row.desired = Desired.RUNNING
            row.reserved = numbering.newest(row.reserved, version)
            row.updated = now()
            seq = tx.event("version.started", name, version, workers=spec.workers)
            tx.session.add(
                VersionRow(
                    deployment=name,
                    version=version,
                    seq=seq,
                    spec=spec.model_dump(mode="json"),
                    state=VersionState.STARTING,
                    error="",
                )
            )
            tx.session.flush()
            operation = OperationRow(
                id=uuid4().hex,
                deployment=name,
                version=version,
                state=OperationState.RUNNING,
                stages=[stage.model_dump(mode="json") for stage in spec.stages],
                since=time.time(),
                error=None,
                seq=seq,
            )
            tx.session.add(operation)
            return views.operation(operation, time.time())

    def want(self, name: str, *, running: bool) -> None:
        """Record that `name` shall run, or be stopped.

        Either way the user has seen to it: versions that failed so far degrade it no more.

        Raises
        ------
        NotFoundError
            When there is no such deployment.
        ConflictError
            When it shall run but no version of it was ever live.
        """
        with self._write() as tx:
            row = get_deployment(tx.session, name)
            wanted = Desired.RUNNING if running else Desired.STOPPED
            if row.desired == wanted:
                if tx.acknowledge(name):
                    tx.event("deployment.changed", name, row.live or "", running=running)
                return
            if running and row.live is None:
                raise ConflictError(
                    f"No version of {name!r} was ever live, so there is nothing to start.",
                    f"Deploy it again: {DEPLOY} MODEL --name {name} --sample SAMPLE",
                )
            row.desired, row.updated = wanted, now()
            if running and row.live:
                tx.version(name, row.live).state = VersionState.STARTING
            else:
                tx.withdraw(name, "stopped")
            tx.acknowledge(name)
            tx.event("deployment.changed", name, row.live or "", running=running)

    def remove(self, name: str) -> None:
        """Record that `name` shall go; its row stays, since version numbers never come again."""
        with self._write() as tx:
            row = get_deployment(tx.session, name)
            row.desired, row.updated, row.live = Desired.REMOVED, now(), None
            tx.withdraw(name, "removed")
            tx.event("deployment.changed", name, removing=True)
            tx.settle(name)

    # -- versions --------------------------------------------------------------------------------

    def active(self, name: str | None = None) -> list[tuple[str, str]]:
        """(deployment, version) of all on their way, serving, or still with processes."""
        with self._sessions() as session:
            moving = select(VersionRow.deployment, VersionRow.version).where(
                VersionRow.state.in_(ACTIVE)
            )
            running = select(ProcessRow.deployment, ProcessRow.version)
            found = {tuple(row) for query in (moving, running) for row in session.execute(query)}
        return sorted((d, v) for d, v in found if name in (None, d))

    def version(self, name: str, version: str) -> tuple[VersionSpec, VersionState]:
        with self._sessions() as session:
            row = session.get_one(VersionRow, (name, version))
            return VersionSpec.model_validate(row.spec), VersionState(row.state)

    def in_state(self, *states: VersionState) -> list[VersionSpec]:
        """Specs of all versions in one of `states`."""
        with self._sessions() as session:
            rows = session.scalars(
                select(VersionRow)
                .where(VersionRow.state.in_(states))
                .order_by(VersionRow.deployment, VersionRow.seq)
            )
            return [VersionSpec.model_validate(row.spec) for row in rows]

    def go_live(self, name: str, version: str) -> bool:
        """Let `version` take over from the one that was live; False when it was overtaken."""
        with self._write() as tx:
            row = tx.version(name, version)
            if row.state != VersionState.STARTING:
                return False
            deployment = get_deployment(tx.session, name)
            if deployment.live and deployment.live != version:
                before = tx.version(name, deployment.live)
                if before.state in (VersionState.LIVE, VersionState.STARTING):
                    before.state = VersionState.DRAINING
            row.state, row.error = VersionState.LIVE, ""
            deployment.live, deployment.updated = version, now()
            tx.event("deployment.live", name, version)
            if operation := tx.running_operation(name, version):
                tx.close_stage(operation, StageState.DONE)
                operation.state = OperationState.DONE
                operation.seq = tx.event("operation.done", name, version, operation=operation.id)
            return True

    def fail(self, name: str, version: str, error: DeployError) -> None:
        """Give up a version that was on its way."""
        with self._write() as tx:
            if tx.version(name, version).state == VersionState.STARTING:
                tx.fail(name, version, error)

    def drained(self, name: str, version: str) -> None:
        """No process of `version` is left: what was draining is stopped."""
        with self._write() as tx:
            row = tx.version(name, version)
            tx.forget_processes(name, version)
            if row.state == VersionState.DRAINING:
                row.state = VersionState.STOPPED
                tx.event("deployment.changed", name, version, stopped=version)
            tx.settle(name)

    def halted(self, name: str, version: str) -> None:
        """No process of `version` is left, though it is still wanted (a shutdown of everything)."""
        with self._write() as tx:
            tx.forget_processes(name, version)
            tx.event("deployment.changed", name, version, halted=True)

    def note(self, name: str, version: str, error: str) -> None:
        """Say what is wrong with a version that shall serve; empty when all is well again."""
        with self._write() as tx:
            row = tx.version(name, version)
            if row.state in (VersionState.LIVE, VersionState.STARTING) and row.error != error:
                row.error = error
                tx.event("deployment.changed", name, version, error=error)

    # -- operations ------------------------------------------------------------------------------

    def operation(self, identity: str) -> Operation:
        with self._sessions() as session:
            row = session.get(OperationRow, identity)
            if row is None:
                raise NotFoundError(f"There is no operation {identity!r}.")
            return views.operation(row, time.time())

    def is_deploying(self, name: str, version: str) -> bool:
        """Return True while an operation makes `version` live; False when it is only restarted."""
        with self._sessions() as session:
            return Transaction(session).running_operation(name, version) is not None

    def stage(self, name: str, version: str, stage: Stage, detail: str = "") -> None:
        """Begin `stage` of the version's operation, or say more of it when it runs already.

        Does nothing for a version without a running operation (one that is started again), and
        nothing for a stage that is done (a controller that resumed).
        """
        with self._write() as tx:
            operation = tx.running_operation(name, version)
            if operation is None:
                return
            known = {s["stage"]: s for s in operation.stages}
            if stage in known:
                told = known[stage]
                if told["state"] == StageState.RUNNING and told["detail"] != detail:
                    tx.tell(operation, [*operation.stages[:-1], {**told, "detail": detail}])
                return
            tx.close_stage(operation, StageState.DONE)
            report = StageReport(stage=stage, state=StageState.RUNNING, detail=detail)
            operation.since = time.time()
            tx.tell(operation, [*operation.stages, report.model_dump(mode="json")])

    # -- events ----------------------------------------------------------------------------------

    def announce(self, kind: str, **data: Any) -> None:
        """Write an event that goes with no other change."""
        with self._write() as tx:
            tx.event(kind, **data)

    def head(self) -> int:
        with self._sessions() as session:
            return head_of(session)

    def events(self, after: int, deployment: str | None = None) -> EventPage:
        """Return the events after `after`, at most EVENT_PAGE of them."""
        with self._sessions() as session:
            query = select(EventRow).where(EventRow.seq > after).order_by(EventRow.seq)
            if deployment:
                query = query.where(EventRow.deployment == deployment)
            rows = session.scalars(query.limit(EVENT_PAGE)).all()
            return EventPage(events=[views.event(row) for row in rows], head=head_of(session))
