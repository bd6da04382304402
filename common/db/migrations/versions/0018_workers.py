"""Workers are rows: what they are asked, what they ran last; limits of queues, and what waited in them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import common.db.tables

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

TIME = common.db.tables.UtcDateTime(timezone=True)
UNDER_WAY = sa.text("state IN ('running', 'stopping')")


def upgrade() -> None:
    op.add_column("jobs", sa.Column("worker", sa.String(160), nullable=True))
    op.add_column("jobs", sa.Column("leased_at", TIME, nullable=True))
    op.create_index(
        "ix_jobs_worker", "jobs", ["worker"], sqlite_where=UNDER_WAY, postgresql_where=UNDER_WAY
    )
    op.create_table(
        "workers",
        sa.Column("name", sa.String(160), nullable=False),
        sa.Column("host", sa.String(120), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("queues", sa.JSON(), nullable=False),
        sa.Column("pool", sa.String(16), nullable=False),
        sa.Column("concurrency", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("runs", sa.JSON(), nullable=False),
        sa.Column("started_at", TIME, nullable=False),
        sa.Column("last_seen", TIME, nullable=False),
        sa.Column("left_at", TIME, nullable=True),
        sa.Column("asked", sa.String(8), nullable=False),
        sa.Column("asked_by", sa.String(80), nullable=True),
        sa.Column("asked_at", TIME, nullable=True),
        sa.Column("wanted_concurrency", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "job_limits",
        sa.Column("queue", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("most", sa.Integer(), nullable=False),
        sa.Column("set_by", sa.String(80), nullable=False),
        sa.Column("set_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("queue", "kind"),
    )
    op.create_table(
        "queue_samples",
        sa.Column("queue", sa.String(32), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("waiting", sa.Integer(), nullable=False),
        sa.Column("running", sa.Integer(), nullable=False),
        sa.Column("oldest_s", sa.Float(), nullable=False),
        sa.Column("workers", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("queue", "at"),
    )
    op.create_index("ix_queue_samples_at", "queue_samples", ["at"])


def downgrade() -> None:
    raise NotImplementedError("Restore the backup that was made before the upgrade.")
