"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "deployments",
        sa.Column("name", sa.String(40), primary_key=True),
        sa.Column("desired", sa.String(16), nullable=False),
        sa.Column("live", sa.String(64)),
        sa.Column("reserved", sa.String(64)),
        sa.Column("created", sa.String(32), nullable=False),
        sa.Column("updated", sa.String(32), nullable=False),
    )
    op.create_table(
        "versions",
        sa.Column("deployment", sa.String(40), sa.ForeignKey("deployments.name"), primary_key=True),
        sa.Column("version", sa.String(64), primary_key=True),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("spec", sa.JSON, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("error", sa.String, nullable=False),
    )
    op.create_table(
        "processes",
        sa.Column("deployment", sa.String(40), primary_key=True),
        sa.Column("version", sa.String(64), primary_key=True),
        sa.Column("worker", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("pid", sa.Integer),
        sa.Column("created", sa.Double),
        sa.Column("socket", sa.String, nullable=False),
        sa.Column("restarts", sa.Integer, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.ForeignKeyConstraint(
            ["deployment", "version"], ["versions.deployment", "versions.version"]
        ),
    )
    op.create_table(
        "operations",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("deployment", sa.String(40), nullable=False),
        sa.Column("version", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("stages", sa.JSON, nullable=False),
        sa.Column("since", sa.Double, nullable=False),
        sa.Column("error", sa.JSON(none_as_null=True)),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.ForeignKeyConstraint(
            ["deployment", "version"], ["versions.deployment", "versions.version"]
        ),
    )
    op.create_index("operations_of_version", "operations", ["deployment", "version"])
    op.create_table(
        "events",
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("time", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("deployment", sa.String(40), nullable=False),
        sa.Column("version", sa.String(64), nullable=False),
        sa.Column("data", sa.JSON, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("events_of_deployment", "events", ["deployment", "seq"])
    op.create_table(
        "gateway",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("port", sa.Integer, nullable=False),
        sa.Column("pid", sa.Integer),
        sa.Column("created", sa.Double),
        sa.Column("revision", sa.Integer, nullable=False),
    )
