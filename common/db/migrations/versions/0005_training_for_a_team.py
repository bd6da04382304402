"""Order and groups of waiting jobs, paused queues, tags and lineage of models, a dataset's own model."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import common.db.tables

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TIME = common.db.tables.UtcDateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "paused_queues",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("paused_by", sa.String(length=80), nullable=False),
        sa.Column("reason", sa.String(length=300), nullable=False),
        sa.Column("paused_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.add_column("jobs", sa.Column("suspect_lease", sa.String(length=200), nullable=True))
    op.add_column("jobs", sa.Column("place", sa.Float(), nullable=True))
    op.add_column("jobs", sa.Column("group_id", sa.String(length=32), nullable=True))
    op.create_index("ix_jobs_group_id", "jobs", ["group_id"])
    op.add_column("jobs", sa.Column("queued_at", TIME, nullable=True))
    op.drop_column("jobs", "sent_at")
    op.add_column("datasets", sa.Column("model_id", sa.String(length=160), nullable=True))
    for column in (
        sa.Column("tags", sa.JSON(), server_default="[]", nullable=False),
        sa.Column("source", sa.String(length=16), server_default="trained", nullable=False),
        sa.Column("lineage", sa.JSON(), nullable=True),
    ):
        op.add_column("models", column)
    # A job's points in the order of writing; with it the one on job_id alone is not needed.
    op.create_index("ix_job_metrics_written", "job_metrics", ["job_id", "id"])
    op.drop_index("ix_job_metrics_job_id", "job_metrics")


def downgrade() -> None:
    raise NotImplementedError("Restore the backup that was made before the upgrade.")
