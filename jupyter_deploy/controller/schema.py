"""Tables of the controller's store, as SQLAlchemy's typed ORM.

Times are UTC text in ISO 8601, which every database sorts alike. Nothing here is peculiar to
SQLite, so that the same tables can live in Postgres.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Double, ForeignKey, ForeignKeyConstraint, Index, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Desired(StrEnum):
    """What the user wants of a deployment; `removed` keeps the row for its version numbers."""

    RUNNING = "running"
    STOPPED = "stopped"
    REMOVED = "removed"


class WorkerState(StrEnum):
    """`starting` is written before a process is started, so that none is ever unknown."""

    STARTING = "starting"
    READY = "ready"
    DEAD = "dead"


class Base(DeclarativeBase):
    """Base of all tables."""

    type_annotation_map = {  # noqa: RUF012 (SQLAlchemy's own declaration)
        dict[str, Any]: JSON,
        list[dict[str, Any]]: JSON,
    }


class DeploymentRow(Base):
    """A name users call: `live` is the version that serves, `reserved` the last number given."""

    __tablename__ = "deployments"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    desired: Mapped[str] = mapped_column(String(16))
    live: Mapped[str | None] = mapped_column(String(64))
    reserved: Mapped[str | None] = mapped_column(String(64))
    created: Mapped[str] = mapped_column(String(32))
    updated: Mapped[str] = mapped_column(String(32))


class VersionRow(Base):
    """One packed model; `seq` is the event that announced it and orders versions by age.

    `acknowledged`: it failed, and the user has stopped or started the deployment since.
    """

    __tablename__ = "versions"

    deployment: Mapped[str] = mapped_column(ForeignKey("deployments.name"), primary_key=True)
    version: Mapped[str] = mapped_column(String(64), primary_key=True)
    seq: Mapped[int]
    spec: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(String(16))
    error: Mapped[str] = mapped_column(default="")
    acknowledged: Mapped[bool] = mapped_column(default=False)


class ProcessRow(Base):
    """One worker of a version: the process that was started for it, or is about to be."""

    __tablename__ = "processes"
    __table_args__ = (
        ForeignKeyConstraint(
            ["deployment", "version"], ["versions.deployment", "versions.version"]
        ),
    )

    deployment: Mapped[str] = mapped_column(String(40), primary_key=True)
    version: Mapped[str] = mapped_column(String(64), primary_key=True)
    worker: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    pid: Mapped[int | None]
    created: Mapped[float | None] = mapped_column(Double)
    socket: Mapped[str]
    restarts: Mapped[int] = mapped_column(default=0)
    state: Mapped[str] = mapped_column(String(16))


class OperationRow(Base):
    """Progress of making one version live; `since` is when its running stage began (epoch)."""

    __tablename__ = "operations"
    __table_args__ = (
        ForeignKeyConstraint(
            ["deployment", "version"], ["versions.deployment", "versions.version"]
        ),
        Index("operations_of_version", "deployment", "version"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    deployment: Mapped[str] = mapped_column(String(40))
    version: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(16))
    stages: Mapped[list[dict[str, Any]]]
    since: Mapped[float] = mapped_column(Double)
    # none_as_null: no error is SQL's NULL, not JSON's
    error: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    seq: Mapped[int]


class EventRow(Base):
    """One line of the append-only log; numbers are never used again (AUTOINCREMENT)."""

    __tablename__ = "events"
    __table_args__ = (
        Index("events_of_deployment", "deployment", "seq"),
        {"sqlite_autoincrement": True},
    )

    seq: Mapped[int] = mapped_column(primary_key=True)
    time: Mapped[str] = mapped_column(String(32))
    kind: Mapped[str] = mapped_column(String(32))
    deployment: Mapped[str] = mapped_column(String(40), default="")
    version: Mapped[str] = mapped_column(String(64), default="")
    data: Mapped[dict[str, Any]]


class GatewayRow(Base):
    """The one gateway: its port stays the same for the life of the store, so endpoints do too."""

    __tablename__ = "gateway"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    port: Mapped[int]
    pid: Mapped[int | None]
    created: Mapped[float | None] = mapped_column(Double)
    revision: Mapped[int] = mapped_column(default=0)
