"""The numbers that a database gives next: never one that it gave before, also of a row that has gone."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, Connection, Integer, Table, func, select, text

from common.backup.tables import dumped_tables


def read_sequences(connection: Connection) -> dict[str, int]:
    """{table: the highest number given}, where the database counts by itself."""
    if connection.dialect.name == "sqlite":
        rows = connection.execute(text("SELECT name, seq FROM sqlite_sequence"))
        return {name: int(seq) for name, seq in rows}
    found = {}
    for table in dumped_tables():
        column = _numbered(table)
        sequence = None if column is None else _sequence_of(connection, table, column)
        if sequence is not None:
            last, is_called = connection.execute(
                text(f"SELECT last_value, is_called FROM {sequence}")
            ).one()
            if is_called:
                found[table.name] = int(last)
    return found


def write_sequences(connection: Connection, tables: list[Table], given: dict[str, int]) -> None:
    """Let each table go on behind what was given, and behind its rows."""
    for table in tables:
        column = _numbered(table)
        if column is None:
            continue
        highest = max(
            given.get(table.name, 0), int(connection.scalar(select(func.max(column))) or 0)
        )
        if not highest:
            continue
        if connection.dialect.name == "sqlite":
            _go_on_in_sqlite(connection, table.name, highest)
        elif (sequence := _sequence_of(connection, table, column)) is not None:
            connection.execute(
                text("SELECT setval(CAST(:name AS regclass), :last)"),
                {"name": sequence, "last": highest},
            )


def _go_on_in_sqlite(connection: Connection, name: str, highest: int) -> None:
    """Only tables that never give a number twice have a row there, or get one."""
    values = {"name": name, "last": highest}
    definition = connection.scalar(
        text("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = :name"), {"name": name}
    )
    if "AUTOINCREMENT" not in str(definition).upper():
        return
    connection.execute(text("DELETE FROM sqlite_sequence WHERE name = :name"), {"name": name})
    connection.execute(
        text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :last)"), values
    )


def _numbered(table: Table) -> Column[Any] | None:
    """The one column of whole numbers that is its primary key."""
    keys = list(table.primary_key.columns)
    if (
        len(keys) == 1
        and isinstance(keys[0].type, Integer | BigInteger)
        and not keys[0].foreign_keys
    ):
        return keys[0]
    return None


def _sequence_of(connection: Connection, table: Table, column: Column[Any]) -> str | None:
    found = connection.scalar(select(func.pg_get_serial_sequence(table.name, column.name)))
    return None if found is None else str(found)
