"""What a tab holds is found by its name: without an index each claim looked at all that wait."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

HELD = sa.text("claim_holder IS NOT NULL")


def upgrade() -> None:
    op.create_index(
        "ix_images_claim_holder",
        "images",
        ["claim_holder"],
        sqlite_where=HELD,
        postgresql_where=HELD,
    )


def downgrade() -> None:
    raise NotImplementedError("Restore the backup that was made before the upgrade.")
