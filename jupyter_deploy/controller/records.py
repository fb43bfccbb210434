"""The store's ground: its engine, its transactions, and what it knows of processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import sessionmaker

from jupyter_deploy.controller.database import open_engine
from jupyter_deploy.controller.schema import GatewayRow, ProcessRow, WorkerState
from jupyter_deploy.controller.transaction import Transaction


@dataclass(frozen=True)
class Recorded:
    """What the store knows of one worker's process."""

    pid: int | None
    created: float | None
    restarts: int
    state: WorkerState


@dataclass(frozen=True)
class GatewayRecord:
    """What the store knows of the gateway."""

    port: int
    pid: int | None
    created: float | None
    revision: int


class ProcessRecords:
    """Workers and the gateway, as the store knows them.

    Parameters
    ----------
    path
        The SQLite file; created or migrated as needed.

    Attributes
    ----------
    unwritable
        Why the last write failed, such as a full disk; empty when it didn't.
    """

    unwritable = ""

    def __init__(self, path: Path) -> None:
        self._engine = open_engine(path)
        self._sessions = sessionmaker(self._engine, expire_on_commit=False)
        self._listeners: list[Callable[[], None]] = []

    def close(self) -> None:
        self._engine.dispose()

    def listen(self, listener: Callable[[], None]) -> None:
        """Call `listener` after each transaction that wrote events."""
        self._listeners.append(listener)

    @contextmanager
    def _write(self) -> Iterator[Transaction]:
        try:
            with self._sessions.begin() as session:
                transaction = Transaction(session)
                yield transaction
        except OperationalError as error:
            self.unwritable = str(error.orig)
            raise
        self.unwritable = ""
        if transaction.announced:
            for listener in self._listeners:
                listener()

    # -- processes -------------------------------------------------------------------------------

    def pids(self) -> set[int]:
        """Pids of all workers that the store knows."""
        with self._sessions() as session:
            found = session.scalars(select(ProcessRow.pid))
            return {pid for pid in found if pid is not None}

    def worker(self, name: str, version: str, index: int) -> Recorded | None:
        with self._sessions() as session:
            row = session.get(ProcessRow, (name, version, index))
            if row is None:
                return None
            return Recorded(row.pid, row.created, row.restarts, WorkerState(row.state))

    def intend(self, name: str, version: str, index: int, socket: str) -> None:
        """Write down that a worker is about to be started, so that a crash now leaves no stray."""
        with self._write() as tx:
            row = tx.session.get(ProcessRow, (name, version, index))
            if row is None:
                row = ProcessRow(deployment=name, version=version, worker=index, restarts=0)
                tx.session.add(row)
            row.socket, row.pid, row.created = socket, None, None
            row.state = WorkerState.STARTING

    def spawned(self, name: str, version: str, index: int, pid: int, created: float) -> None:
        with self._write() as tx:
            row = tx.session.get_one(ProcessRow, (name, version, index))
            row.pid, row.created, row.state = pid, created, WorkerState.STARTING
            tx.event("worker.started", name, version, worker=index, pid=pid)

    def readiness(self, name: str, version: str, index: int, *, ready: bool) -> None:
        with self._write() as tx:
            row = tx.session.get_one(ProcessRow, (name, version, index))
            state = WorkerState.READY if ready else WorkerState.STARTING
            if row.state != state:
                row.state = state
                tx.event("deployment.changed", name, version, worker=index, ready=ready)

    def died(self, name: str, version: str, index: int, code: int | None) -> None:
        """A worker that should run is gone; counted as a restart, since it is started again."""
        with self._write() as tx:
            row = tx.session.get_one(ProcessRow, (name, version, index))
            pid, row.pid, row.created, row.state = row.pid, None, None, WorkerState.DEAD
            row.restarts += 1
            tx.event(
                "worker.died",
                name,
                version,
                worker=index,
                pid=pid,
                exit_code=code,
                restarts=row.restarts,
            )

    # -- gateway ---------------------------------------------------------------------------------

    def gateway(self) -> GatewayRecord | None:
        with self._sessions() as session:
            row = session.get(GatewayRow, 1)
            return GatewayRecord(row.port, row.pid, row.created, row.revision) if row else None

    def set_port(self, port: int) -> None:
        with self._write() as tx:
            tx.gateway().port = port

    def gateway_process(self, pid: int | None, created: float | None) -> None:
        """Record the gateway's process, or with None that it is gone."""
        with self._write() as tx:
            row = tx.gateway()
            if row.pid == pid and row.created == created:
                return
            if row.pid is not None:
                tx.event("gateway.died", pid=row.pid)
            row.pid, row.created = pid, created
            if pid is not None:
                tx.event("gateway.started", pid=pid, port=row.port)

    def next_revision(self) -> int:
        with self._write() as tx:
            row = tx.gateway()
            row.revision += 1
            return row.revision
