"""Alembic's environment: migrates over the connection that the controller hands in."""

from __future__ import annotations

from alembic import context

from jupyter_deploy.controller.schema import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    # SQLite alters a table only by copying it
    render_as_batch=True,
)
context.run_migrations()
