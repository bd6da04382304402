"""One table of captions: the first caption of an image leaves its row, the others `extra_captions`.

`images` only gets and loses columns: on SQLite a table that is made anew is dropped first, and that
would take all revisions along (ON DELETE CASCADE). SQLite drops a column in place since 3.35, once
no index speaks of it.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import common.db.tables

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

MOVED = ("caption", "revision", "captioned_by", "captioned_at", "tokens")
# Rows of versions that did not note who or when get an empty name and the image's own time.
FILL = """
INSERT INTO captions (image_id, slot, text, revision, tokens, author, saved_at)
SELECT id, 0, caption, revision, tokens, coalesce(captioned_by, ''), coalesce(captioned_at, created_at)
FROM images WHERE revision > 0 OR caption IS NOT NULL
UNION ALL
SELECT image_id, slot, text, revision, tokens, author, saved_at FROM extra_captions
ORDER BY 1, 2
"""


def upgrade() -> None:
    op.create_table(
        "captions",
        sa.Column("image_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("slot", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("tokens", sa.Integer(), nullable=True),
        sa.Column("author", sa.String(length=80), nullable=False),
        sa.Column("saved_at", common.db.tables.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["image_id"], ["images.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("image_id", "slot"),
        sqlite_with_rowid=False,
    )
    op.execute(FILL)
    further = sa.text("slot > 0 AND text IS NOT NULL")
    op.create_index(
        "ix_captions_further",
        "captions",
        ["image_id"],
        sqlite_where=further,
        postgresql_where=further,
    )
    op.add_column(
        "images",
        sa.Column("is_captioned", sa.Boolean(), server_default=sa.false(), nullable=False),
    )
    op.execute(
        "UPDATE images SET is_captioned = (1 = 1) WHERE caption IS NOT NULL"
    )  # a truth that both databases know
    op.drop_index("ix_images_uncaptioned", "images")
    op.create_index(
        "ix_images_uncaptioned",
        "images",
        ["dataset_id", "id"],
        sqlite_where=sa.text("is_captioned = 0"),
        postgresql_where=sa.text("NOT is_captioned"),
    )
    for name in MOVED:
        op.drop_column("images", name)
    op.drop_table("extra_captions")


def downgrade() -> None:
    raise NotImplementedError("Restore the backup that was made before the upgrade.")
