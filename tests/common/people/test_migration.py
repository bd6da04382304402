"""Names that look alike from before that was refused."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import text

from common.db import engine
from common.db.engine import open_engine


def test_names_that_look_alike_already_stay_and_the_first_keeps_the_key(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'old.db'}"
    config = Config()
    config.set_main_option("script_location", str(Path(engine.__file__).parent / "migrations"))
    config.attributes["url"] = url
    command.upgrade(config, "0011")
    opened = open_engine(url)
    with opened.begin() as connection:
        for name in ("Ada", "ada", "eve"):
            connection.execute(
                text("INSERT INTO users (name, role, created_at) VALUES (:name, 'member', '2026-01-01')"),
                {"name": name},
            )  # fmt: skip
        connection.execute(
            text(
                "INSERT INTO tokens (user_id, kind, name, token_hash, created_at)"
                " VALUES (1, 'api', 'x', 'hash', '2026-01-01')"
            )
        )
    command.upgrade(config, "head")
    with opened.connect() as connection:
        keys = connection.execute(text("SELECT name_key FROM users ORDER BY id")).scalars().all()
        tokens = connection.execute(text("SELECT name, device FROM tokens")).all()
    assert keys == ["ada", None, "eve"]
    assert [tuple(row) for row in tokens] == [("x", "")]
