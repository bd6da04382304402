"""Team captioning: several captions an image, flags, reviews, suggestions, claims of one tab.

`images` only gets columns: on SQLite a table that is made anew is dropped first, and that would
take all caption revisions along (ON DELETE CASCADE).
"""

import sqlalchemy as sa
from alembic import op

import common.db.tables

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

NAMES = {
    "uq": "uq_%(table_name)s_%(column_0_N_name)s"
}  # what SQLite's unnamed constraint is called


def upgrade() -> None:
    op.create_table(
        "extra_captions",
        sa.Column("image_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("slot", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("tokens", sa.Integer(), nullable=True),
        sa.Column("author", sa.String(length=80), nullable=False),
        sa.Column("saved_at", common.db.tables.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["image_id"], ["images.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("image_id", "slot"),
    )
    op.create_table(
        "reviews",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("image_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("reviewer", sa.String(length=80), nullable=False),
        sa.Column("author", sa.String(length=80), nullable=False),
        sa.Column("created_at", common.db.tables.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["image_id"], ["images.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("reviews", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_reviews_image_id"), ["image_id"], unique=False)

    op.create_table(
        "suggestions",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("image_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("text_sha256", sa.String(length=64), nullable=False),
        sa.Column("source", sa.String(length=80), nullable=False),
        sa.Column("score", sa.Double(), nullable=True),
        sa.Column("created_at", common.db.tables.UtcDateTime(timezone=True), nullable=False),
        sa.Column("dismissed_by", sa.String(length=80), nullable=True),
        sa.ForeignKeyConstraint(["image_id"], ["images.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("image_id", "text_sha256"),
    )
    sqlite = op.get_bind().dialect.name == "sqlite"
    old = (
        "uq_caption_revisions_image_id_revision"
        if sqlite
        else "caption_revisions_image_id_revision_key"
    )
    with op.batch_alter_table(
        "caption_revisions", naming_convention=NAMES if sqlite else None
    ) as batch_op:
        batch_op.drop_constraint(old, type_="unique")
        batch_op.add_column(sa.Column("slot", sa.Integer(), server_default="0", nullable=False))
        batch_op.alter_column("text", existing_type=sa.TEXT(), nullable=True)
        batch_op.create_unique_constraint(
            "uq_caption_revisions_slot", ["image_id", "slot", "revision"]
        )

    with op.batch_alter_table("datasets", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("changed_at", common.db.tables.UtcDateTime(timezone=True), nullable=True)
        )
        batch_op.add_column(
            sa.Column("stale_since", common.db.tables.UtcDateTime(timezone=True), nullable=True)
        )

    with op.batch_alter_table("images", schema=None) as batch_op:
        batch_op.add_column(sa.Column("tokens", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("claim_holder", sa.String(length=80), nullable=True))
        batch_op.add_column(sa.Column("flagged_by", sa.String(length=80), nullable=True))
        batch_op.add_column(
            sa.Column("flagged_at", common.db.tables.UtcDateTime(timezone=True), nullable=True)
        )
        batch_op.add_column(
            sa.Column("flag_note", sa.String(length=500), server_default="", nullable=False)
        )
        batch_op.add_column(sa.Column("reviewed_by", sa.String(length=80), nullable=True))
        batch_op.add_column(
            sa.Column("reviewed_at", common.db.tables.UtcDateTime(timezone=True), nullable=True)
        )
        batch_op.drop_index(batch_op.f("ix_images_dataset_revision"))
        batch_op.create_index("ix_images_dataset_id", ["dataset_id", "id"], unique=False)
        batch_op.create_index(
            "ix_images_uncaptioned",
            ["dataset_id", "id"],
            unique=False,
            sqlite_where=sa.text("caption IS NULL"),
            postgresql_where=sa.text("caption IS NULL"),
        )


def downgrade() -> None:
    raise NotImplementedError("Restore the backup that was made before the upgrade.")
