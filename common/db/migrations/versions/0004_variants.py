"""Variants of captions with what people decided on them, tags of images, the split's snapshot."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import common.db.tables

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = common.db.tables.UtcDateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "variants",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("dataset_id", sa.String(length=80), nullable=False),
        sa.Column("job_id", sa.String(length=32), nullable=False),
        sa.Column("image_id", BIG_ID, nullable=False),
        sa.Column("slot", sa.Integer(), nullable=False),
        sa.Column("source_revision", sa.Integer(), nullable=False),
        sa.Column("source_text", sa.Text(), nullable=False),
        sa.Column("proposed", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("method", sa.String(length=16), nullable=False),
        sa.Column("model", sa.String(length=300), nullable=True),
        sa.Column("seed", sa.Integer(), nullable=False),
        sa.Column("score", sa.Double(), nullable=True),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.Column("is_doubted", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("decided_by", sa.String(length=80), nullable=True),
        sa.Column("decided_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(["dataset_id"], ["datasets.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["image_id"], ["images.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_variants_image_id", "variants", ["image_id"])
    op.create_index("ix_variants_dataset_job", "variants", ["dataset_id", "job_id", "id"])
    for column in (
        sa.Column("snapshot_id", sa.String(length=16), nullable=True),
        sa.Column("variants_job_id", sa.String(length=32), nullable=True),
        sa.Column("variants_seq", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("train_csv_seq", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("variants_changed_at", TIME, nullable=True),
        sa.Column("variants_stale_since", TIME, nullable=True),
        sa.Column("train_rows", sa.Integer(), nullable=True),
    ):
        op.add_column("datasets", column)
    op.add_column("images", sa.Column("tag", sa.String(length=80), nullable=True))


def downgrade() -> None:
    raise NotImplementedError("Restore the backup that was made before the upgrade.")
