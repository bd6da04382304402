"""Queues are read without their past: indexes of what waits, and of when what has ended did."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

PARTIAL = {
    "ix_jobs_in_turn": (
        ["queue", "priority", "created_by", "queued_at", "id"],
        "state = 'queued' AND place IS NULL",
    ),
    "ix_jobs_placed": (
        ["queue", "priority", "place", "queued_at", "id"],
        "state = 'queued' AND place IS NOT NULL",
    ),
    "ix_jobs_last_end": (
        ["queue", "created_by", "finished_at"],
        "started_at IS NOT NULL AND finished_at IS NOT NULL",
    ),
}


def upgrade() -> None:
    # Versions before 0005 did not note it; order by the index needs it.
    op.execute("UPDATE jobs SET queued_at = created_at WHERE queued_at IS NULL")
    for name, (columns, where) in PARTIAL.items():
        chosen = sa.text(where)
        op.create_index(name, "jobs", columns, sqlite_where=chosen, postgresql_where=chosen)
    op.create_index("ix_jobs_kind", "jobs", ["kind", "state", "finished_at"])
    op.create_index("ix_jobs_dataset", "jobs", ["dataset_id", "kind", "state", "finished_at"])
    op.create_index("ix_jobs_created", "jobs", ["created_at"])
    op.drop_index("ix_jobs_dataset_id", "jobs")  # ix_jobs_dataset begins with it


def downgrade() -> None:
    raise NotImplementedError("Restore the backup that was made before the upgrade.")
