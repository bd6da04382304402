"""Jobs that wait until they are tried again, and counts of what happened to jobs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import common.db.tables

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

TIME = common.db.tables.UtcDateTime(timezone=True)


def upgrade() -> None:
    op.add_column("jobs", sa.Column("not_before", TIME, nullable=True))
    op.create_table(
        "tallies",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )


def downgrade() -> None:
    raise NotImplementedError("Restore the backup that was made before the upgrade.")
