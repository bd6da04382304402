"""How far a job's kept checkpoint is, and since which attempt attempts count; how many jobs ended how."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("reached", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column(
        "jobs", sa.Column("counted_from", sa.Integer(), nullable=False, server_default="0")
    )
    op.create_table(
        "job_ends",
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("bound_s", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "state", "code", "bound_s"),
    )


def downgrade() -> None:
    raise NotImplementedError("Restore the backup that was made before the upgrade.")
