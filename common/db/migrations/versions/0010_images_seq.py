"""A change of a dataset's images is told from one of its captions: images are counted anew only then."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "datasets", sa.Column("images_seq", sa.BigInteger(), server_default="0", nullable=False)
    )


def downgrade() -> None:
    raise NotImplementedError("Restore the backup that was made before the upgrade.")
