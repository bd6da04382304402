"""People come from a provider as well, with the groups they are in there, and may have a second factor."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0012"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "identities",
        sa.Column("id", BIG_ID, nullable=False),
        _user_id(),
        sa.Column("issuer", sa.String(255), nullable=False),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("shown", sa.String(200), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("used_at", MOMENT, nullable=False),
        _of_user(),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("issuer", "subject", name="uq_identities_subject"),
    )
    op.create_index("ix_identities_user_id", "identities", ["user_id"])
    op.create_table(
        "user_groups",
        _user_id(),
        sa.Column("group_name", sa.String(200), nullable=False),
        _of_user(),
        sa.PrimaryKeyConstraint("user_id", "group_name"),
    )
    op.create_table(
        "group_roles",
        sa.Column("dataset_id", sa.String(80), nullable=False),
        sa.Column("group_name", sa.String(200), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("added_by", sa.String(80), nullable=False),
        sa.Column("added_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["dataset_id"], ["datasets.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("dataset_id", "group_name"),
    )
    op.create_table(
        "second_factors",
        _user_id(),
        sa.Column("secret", sa.String(255), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("confirmed_at", MOMENT, nullable=True),
        sa.Column("last_step", BIG_ID, nullable=False),
        sa.Column("wrong_codes", sa.Integer(), nullable=False),
        _of_user(),
        sa.PrimaryKeyConstraint("user_id"),
    )
    op.create_table(
        "recovery_codes",
        _user_id(),
        sa.Column("code_hash", sa.String(64), nullable=False),
        _of_user(),
        sa.PrimaryKeyConstraint("user_id", "code_hash"),
    )


def _user_id() -> sa.Column[int]:
    return sa.Column("user_id", BIG_ID, nullable=False)


def _of_user() -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["user_id"], ["users.id"], ondelete="CASCADE")


def downgrade() -> None:
    raise NotImplementedError("Restore the backup that was made before the upgrade.")
