"""People are disabled, removed and renamed, names that look alike are refused, sessions tell where they are.

Names that look alike already stay: the first one keeps the key, the others have none.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from common.names import name_key

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

USER_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
USERS = sa.table("users", sa.column("id"), sa.column("name"), sa.column("name_key"))


def upgrade() -> None:
    op.add_column("users", sa.Column("name_key", sa.String(320), nullable=True))
    op.add_column("users", sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("users", sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True))
    for name, length in (("origin", 16), ("address", 64), ("device", 120)):
        column = sa.Column(name, sa.String(length), server_default="", nullable=False)
        op.add_column("tokens", column)
    op.create_table(
        "former_names",
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("user_id", USER_ID, nullable=False),
        sa.Column("given_up_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_index("ix_former_names_user_id", "former_names", ["user_id"])
    _fill_keys()
    op.create_index("ix_users_name_key", "users", ["name_key"], unique=True)


def _fill_keys() -> None:
    connection = op.get_bind()
    taken: set[str] = set()
    for user_id, name in connection.execute(sa.select(USERS.c.id, USERS.c.name).order_by("id")):
        key = name_key(name)
        if key not in taken:
            taken.add(key)
            connection.execute(USERS.update().where(USERS.c.id == user_id).values(name_key=key))


def downgrade() -> None:
    raise NotImplementedError("Restore the backup that was made before the upgrade.")
