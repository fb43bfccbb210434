"""Failed versions that the user has acted upon."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column(
        "versions",
        sa.Column("acknowledged", sa.Boolean, nullable=False, server_default=sa.false()),
    )
