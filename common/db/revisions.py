"""Which schema a database has, whether this code knows it, and which version wrote it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, Engine, insert, inspect, select, text
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from common.db.tables import SchemaWriter
from common.errors import NewerSchema
from common.version import VERSION

SCRIPTS = Path(__file__).parent / "migrations" / "versions"


@dataclass(frozen=True)
class SchemaState:
    """revision: None for a database without tables. written_by, written_at: None before that was noted."""

    revision: str | None
    written_by: str | None = None
    written_at: datetime | None = None


def known_revisions() -> list[str]:
    """All that this code knows, the oldest first: the names of the migrations begin with them."""
    return sorted(path.name[:4] for path in SCRIPTS.glob("[0-9]*_*.py"))


def read_schema(connection: Connection) -> SchemaState:
    """What the database says of itself; it may be of any version. Raises SQLAlchemyError."""
    tables = inspect(connection).get_table_names()
    if "alembic_version" not in tables:
        return SchemaState(None)
    revision = connection.scalar(text("SELECT version_num FROM alembic_version"))
    if revision is None or SchemaWriter.__tablename__ not in tables:
        return SchemaState(revision)
    row = connection.execute(
        select(SchemaWriter.version, SchemaWriter.written_at).where(
            SchemaWriter.revision == revision
        )
    ).first()
    return SchemaState(revision, *row) if row else SchemaState(revision)


def require_known(engine: Engine) -> None:
    """Look, and change nothing. Raises NewerSchema when a newer version has been here.

    A database that does not answer is no reason: whoever uses it says so.
    """
    try:
        with engine.execution_options(read_only=True).connect() as connection:
            found = read_schema(connection)
    except SQLAlchemyError:
        return
    known = known_revisions()
    if found.revision is not None and found.revision not in known:
        raise _newer(found, known[-1])


def _newer(found: SchemaState, newest: str) -> NewerSchema:
    writer = f"CLIP Browser {found.written_by}" if found.written_by else "a newer CLIP Browser"
    wanted = f"CLIP Browser {found.written_by}" if found.written_by else "that version"
    return NewerSchema(
        f"The database has schema {found.revision}, written by {writer}; this is CLIP Browser {VERSION}, "
        f"which knows schemas up to {newest}.",
        remedy=f"Install {wanted} or a newer one, or restore the backup that was made before the upgrade; "
        "nothing was changed.",
    )


def note_writer(engine: Engine) -> None:
    """Note that this version brought the database to its newest schema, unless one has before."""
    with engine.execution_options(read_only=True).connect() as connection:
        found = read_schema(connection)
    if found.written_by is not None:
        return
    try:
        with engine.begin() as connection:
            connection.execute(
                insert(SchemaWriter).values(revision=found.revision, version=VERSION)
            )
    except IntegrityError:
        return  # several processes start at once: another one was first
