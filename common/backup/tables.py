"""The rows of a database as files, one a table, and back into another database of any kind.

A file is JSON lines, compressed: the names of the columns, then a list for each row. Times are ISO-8601, bytes
base64; what a column of JSON holds stands as its text, so that it comes back as it was.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from sqlalchemy import (
    JSON,
    Column,
    Connection,
    DateTime,
    LargeBinary,
    MetaData,
    Table,
    Text,
    cast,
    insert,
    select,
    type_coerce,
)
from sqlalchemy.types import TypeDecorator

from common.db.tables import Base, UtcDateTime

ROWS_AT_ONCE = 2000
# Of this stack, not of its data
LEFT_OUT = ("backups", "queue_samples", "schema_writers", "workers")
Row = dict[str, Any]


def dumped_tables() -> list[Table]:
    """The tables that a backup holds; those that others refer to first."""
    return [table for table in Base.metadata.sorted_tables if table.name not in LEFT_OUT]


def dump_table(connection: Connection, table: Table, path: Path) -> int:
    """Write a table's rows to a file; how many. All from the moment that the transaction sees."""
    count = 0
    wanted = select(*(_as_written(column) for column in table.columns))
    ordered = wanted.order_by(*table.primary_key.columns)
    encoders = [_encoder(column.type) for column in table.columns]
    with gzip.open(path, "wt", encoding="utf-8", compresslevel=4) as file:
        _write_line(file, [column.name for column in table.columns])
        options = {"yield_per": ROWS_AT_ONCE}
        for row in connection.execute(ordered, execution_options=options):
            values = [
                value if value is None or encode is None else encode(value)
                for encode, value in zip(encoders, row, strict=True)
            ]
            _write_line(file, values)
            count += 1
    return count


def _write_line(file: IO[str], values: list[Any]) -> None:
    file.write(json.dumps(values, ensure_ascii=False, separators=(",", ":")) + "\n")


def _as_written(column: Column[Any]) -> Any:
    """JSON as its text: PostgreSQL casts it, SQLite has nothing else."""
    return cast(column, _Raw()) if isinstance(column.type, JSON) else column


def _encoder(kind: Any) -> Callable[[Any], Any] | None:
    if isinstance(kind, UtcDateTime):
        return datetime.isoformat
    if isinstance(kind, LargeBinary):
        return lambda value: base64.b64encode(value).decode()
    return None


class _Raw(TypeDecorator[str]):
    """Text, which `cast` renders as such on both databases."""

    impl = Text
    cache_ok = True


class _JsonText(TypeDecorator[str]):
    """The text of a JSON value, written into PostgreSQL's column of JSON as it is."""

    impl = Text
    cache_ok = True

    def bind_expression(self, bindvalue: Any) -> Any:
        """PostgreSQL takes no text for JSON without being told."""
        return cast(type_coerce(bindvalue, Text), JSON)


class Loader:
    """Writes rows into tables as they are in the database, of whatever schema."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._is_postgresql = connection.dialect.name == "postgresql"
        self.metadata = MetaData()
        self.metadata.reflect(connection)

    def tables(self, names: Sequence[str]) -> list[Table]:
        """These tables, those that others refer to first. Raises KeyError on an unknown one."""
        for name in names:
            self.metadata.tables[name]
        return [table for table in self.metadata.sorted_tables if table.name in names]

    def load(self, table: Table, path: Path) -> int:
        """Insert the rows of a file; how many."""
        with gzip.open(path, "rt", encoding="utf-8", newline="\n") as file:
            names: list[str] = json.loads(next(file))
            target = self._typed(table, names)
            decoders = [self._decoder(table.c[name]) for name in names]
            count = 0
            for portion in _portions(file):
                rows = [
                    {
                        name: value if value is None or decode is None else decode(value)
                        for name, decode, value in zip(
                            names, decoders, json.loads(line), strict=True
                        )
                    }
                    for line in portion
                ]
                self._connection.execute(insert(target), rows)
                count += len(rows)
        return count

    def _typed(self, table: Table, names: list[str]) -> Table:
        """The table with these columns, JSON as text."""
        columns: list[Column[Any]] = []
        for name in names:
            kind = table.c[name].type
            if isinstance(kind, JSON):
                kind = _JsonText() if self._is_postgresql else Text()
            columns.append(Column(name, kind))
        return Table(table.name, MetaData(), *columns)

    def _decoder(self, column: Column[Any]) -> Callable[[Any], Any] | None:
        if isinstance(column.type, DateTime):
            return datetime.fromisoformat
        if isinstance(column.type, LargeBinary):
            return base64.b64decode
        if self._is_postgresql:
            return _without_nul
        return None


def _without_nul(value: Any) -> Any:
    """PostgreSQL has no text with a NUL, SQLite has."""
    return value.replace("\x00", "\ufffd") if isinstance(value, str) else value


def _portions(lines: Iterator[str]) -> Iterator[list[str]]:
    portion: list[str] = []
    for line in lines:
        portion.append(line)
        if len(portion) == ROWS_AT_ONCE:
            yield portion
            portion = []
    if portion:
        yield portion
