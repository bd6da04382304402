"""People have roles in datasets, tokens have a scope, and what was done is noted.

Who made a dataset owns it, and who has started jobs in it goes on as its manager. What everybody else could
do before, delete and train included, becomes what a captioner may.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

USER_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
OWNERS = """
    INSERT INTO members (dataset_id, user_id, role, added_by, added_at)
    SELECT datasets.id, users.id, 'owner', users.name, datasets.created_at
    FROM datasets JOIN users ON users.name = datasets.created_by
"""
MANAGERS = """
    INSERT INTO members (dataset_id, user_id, role, added_by, added_at)
    SELECT jobs.dataset_id, users.id, 'manager', users.name, MIN(jobs.created_at)
    FROM jobs JOIN users ON users.name = jobs.created_by
    WHERE jobs.dataset_id IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM members WHERE members.dataset_id = jobs.dataset_id AND members.user_id = users.id
    )
    GROUP BY jobs.dataset_id, users.id, users.name
"""


def upgrade() -> None:
    op.create_table(
        "members",
        sa.Column("dataset_id", sa.String(80), nullable=False),
        sa.Column("user_id", USER_ID, nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("added_by", sa.String(80), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["dataset_id"], ["datasets.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("dataset_id", "user_id"),
    )
    op.create_index("ix_members_user_id", "members", ["user_id"])
    op.create_table(
        "audit_events",
        sa.Column("id", USER_ID, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(80), nullable=False),
        sa.Column("act", sa.String(40), nullable=False),
        sa.Column("target", sa.String(200), nullable=False),
        sa.Column("dataset_id", sa.String(80), nullable=True),
        sa.Column("via", sa.String(16), nullable=False),
        sa.Column("address", sa.String(64), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_audit_events_at", "audit_events", ["at"])
    op.create_index("ix_audit_events_dataset", "audit_events", ["dataset_id", "id"])
    op.create_index("ix_audit_events_actor", "audit_events", ["actor", "id"])
    op.add_column(
        "datasets",
        sa.Column("everyone_role", sa.String(16), server_default="captioner", nullable=True),
    )
    op.add_column(
        "tokens", sa.Column("scope", sa.String(16), server_default="admin", nullable=False)
    )
    op.execute(OWNERS)
    op.execute(MANAGERS)


def downgrade() -> None:
    raise NotImplementedError("Restore the backup that was made before the upgrade.")
