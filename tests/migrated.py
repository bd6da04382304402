"""New databases with the newest schema, and what costs a test time without being tested by it, made once."""

from __future__ import annotations

import functools
import secrets
import tempfile
from pathlib import Path

import psycopg
from sqlalchemy.engine import URL, make_url

from common.db.engine import migrate
from common.people.credentials import hash_password


def migrate_new(url: str) -> None:
    """As `migrate` does with a new, empty database: a copy of one that was migrated before."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        _copy_in_postgresql(parsed)
        return
    file = Path(str(parsed.database))
    assert not file.exists(), f"{file} is not new"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(_newest())


def _copy_in_postgresql(url: URL) -> None:
    """PostgreSQL copies as it creates, so the empty database makes way. Fails when somebody uses it."""
    server = url.set(database="postgres").render_as_string(hide_password=False)
    newest = _newest_in_postgresql(server)
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{url.database}"')
        connection.execute(f'CREATE DATABASE "{url.database}" TEMPLATE {newest}')


@functools.cache
def _newest_in_postgresql(server: str) -> str:
    """The name of a database of this server that has the newest schema and is only copied.

    A server that is reached at two addresses, one of them a proxy's, has two.
    """
    name = f"newest_{secrets.token_hex(4)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    migrate(make_url(server).set(database=name).render_as_string(hide_password=False))
    return name


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
