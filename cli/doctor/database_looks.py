"""The database: whether it answers quickly, has room for those who come, and is whole."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from cli.doctor.findings import Finding
from cli.doctor.place import Place, took_ms
from common.db.engine import LEAST_OVERFLOW, POOL_OVERFLOW, POOL_SIZE

OLDEST_POSTGRESQL = 130000
SLOW_MS = 20.0
OF_A_WORKER = 5  # job, heartbeat, reports, and what a moment adds


def look_at_database(place: Place) -> Iterator[Finding]:
    """SQLite or PostgreSQL."""
    if place.database is None:
        yield Finding(
            "database", "fail", f"there is no database at {place.settings.database}",
            "Start the service once, name its folder with --data-dir, or set CLIP_BROWSER_DATABASE_URL.",
        )  # fmt: skip
        return
    reading = place.database.execution_options(read_only=True)
    try:
        with reading.connect() as connection:
            if place.database.dialect.name == "sqlite":
                yield from _sqlite(connection)
            else:
                yield from _postgresql(connection, place.settings.processes)
    except SQLAlchemyError as problem:
        yield Finding(
            "database", "fail", f"it does not answer: {str(problem).splitlines()[0][:200]}",
            "Start it, or check CLIP_BROWSER_DATABASE_URL.",
        )  # fmt: skip


def _sqlite(connection: Connection) -> Iterator[Finding]:
    version = connection.scalar(text("SELECT sqlite_version()"))
    damage = connection.scalars(text("PRAGMA quick_check(1)")).all()
    if damage != ["ok"]:
        yield Finding(
            "database", "fail", f"SQLite {version} finds it damaged: {damage[0]}",
            "Stop the service and restore the last backup.",
        )  # fmt: skip
        return
    yield _speed(connection, f"SQLite {version}, whole")


def _speed(connection: Connection, name: str) -> Finding:
    answer_ms = took_ms(lambda: connection.scalar(text("SELECT 1")))
    if answer_ms <= SLOW_MS:
        return Finding("database", "ok", f"{name}, answers in {answer_ms:.1f} ms")
    return Finding(
        "database", "warn", f"{name}, answers in {answer_ms:.0f} ms",
        "Bring it nearer, or look at its load: a page asks some ten times.",
    )  # fmt: skip


def _postgresql(connection: Connection, processes: int) -> Iterator[Finding]:
    number = int(connection.scalar(text("SHOW server_version_num")) or 0)
    name = f"PostgreSQL {connection.scalar(text('SHOW server_version'))}"
    encoding = connection.scalar(text("SHOW server_encoding"))
    if number < OLDEST_POSTGRESQL:
        yield Finding("database", "fail", f"{name} is too old", "Use PostgreSQL 13 or newer.")
    elif encoding != "UTF8":
        yield Finding(
            "database", "fail", f"{name} keeps texts as {encoding}, which cannot hold every caption",
            "Make the database anew with ENCODING 'UTF8', and restore a backup into it.",
        )  # fmt: skip
    else:
        yield _speed(connection, name)
    yield _connections(connection, processes)


def _connections(connection: Connection, processes: int) -> Finding:
    most = int(connection.scalar(text("SHOW max_connections")) or 0)
    kept = int(connection.scalar(text("SHOW superuser_reserved_connections")) or 0)
    used = int(connection.scalar(text("SELECT count(*) FROM pg_stat_activity")) or 0)
    need = needed_connections(processes)
    found = (
        f"{used} of {most} in use; one API container may take {need}, a worker about {OF_A_WORKER}"
    )
    if most - kept < need + OF_A_WORKER * 5:
        return Finding(
            "database: connections", "fail", found,
            f"Set max_connections to {need + OF_A_WORKER * 5 + kept + 20} or more; with more API containers, more.",
        )  # fmt: skip
    if used > 0.8 * (most - kept):
        return Finding(
            "database: connections", "warn", found, "Raise max_connections, or look who holds them."
        )
    return Finding("database: connections", "ok", found)


def needed_connections(processes: int) -> int:
    """What the processes of one API may open together, see `common.db.engine.open_engine`."""
    each = max(1, POOL_SIZE // processes) + max(LEAST_OVERFLOW, POOL_OVERFLOW // processes)
    return each * processes
