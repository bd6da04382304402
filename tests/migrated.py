"""New databases with the newest schema, and what costs a test time without being tested by it, made once."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path

from sqlalchemy.engine import make_url

from common.db.engine import migrate
from common.people.credentials import hash_password


def migrate_new(url: str) -> None:
    """As `migrate` does with a new, empty database; of SQLite a copy of one that was migrated before."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        migrate(url)
        return
    file = Path(str(parsed.database))
    assert not file.exists(), f"{file} is not new"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(_newest())


@functools.cache
def _newest() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        migrate(f"sqlite:///{folder}/newest.db")
        assert [each.name for each in Path(folder).iterdir()] == [
            "newest.db"
        ]  # and no log beside it
        return Path(folder, "newest.db").read_bytes()


@functools.cache
def hash_of(password: str) -> str:
    """A stored password; hashing takes a quarter of a second."""
    return hash_password(password)
