"""Rows as JSON and back: an image's own, and those of every table that refers to it.

The tables are found by their foreign keys, so a new one is held from the day it is there. Rows are read back
by versions of the service that came later: a column that is new gets its default, one that went is left out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Column, Table, insert, select
from sqlalchemy.orm import Session

from common.db.rows import run
from common.db.tables import Base, UtcDateTime

Row = dict[str, Any]
Packed = dict[str, list[Row]]  # by the name of the table


def table_of(name: str) -> Table:
    """A table, by its name."""
    return Base.metadata.tables[name]


@cache
def hanging_on(name: str) -> tuple[Column[Any], ...]:
    """The columns that refer to rows of this table and go with them.

    Raises LookupError when something hangs on one of those tables in turn: that would be lost.
    """
    found = tuple(
        key.parent
        for table in Base.metadata.sorted_tables
        for key in table.foreign_keys
        if key.column.table.name == name and (key.ondelete or "").upper() == "CASCADE"
    )
    for column in found:
        if hanging_on(column.table.name):
            raise LookupError(f"rows hang on {column.table.name}, which the trash does not hold")
    return found


def pack(session: Session, name: str, ids: Sequence[Any]) -> dict[Any, Packed]:
    """The rows with these ids and all that hang on them, by id and table, in the order of their keys."""
    table = table_of(name)
    packed: dict[Any, Packed] = {}
    own = select(table).where(table.c.id.in_(ids)).order_by(table.c.id).with_for_update()
    for row in run(session, own).mappings():
        packed[row["id"]] = defaultdict(list, {name: [as_json(row)]})
    for column in hanging_on(name):
        rows = select(column.table).where(column.in_(ids)).order_by(*column.table.primary_key)
        for row in run(session, rows).mappings():
            packed[row[column.name]][column.table.name].append(as_json(row))
    return packed


def unpack(session: Session, packed: Iterable[Packed]) -> None:
    """Insert what `pack` has taken, the rows that others refer to first."""
    rows: dict[str, list[Row]] = defaultdict(list)
    for each in packed:
        for name, found in each.items():
            rows[name] += found
    for table in Base.metadata.sorted_tables:
        insert_rows(session, table, rows.get(table.name, []))


def insert_rows(session: Session, table: Table, rows: Sequence[Row]) -> None:
    """Insert rows of one table that came from JSON."""
    by_columns: dict[frozenset[str], list[Row]] = defaultdict(list)
    for row in rows:
        values = from_json(table, row)
        by_columns[frozenset(values)].append(values)
    for values_list in by_columns.values():
        run(session, insert(table), values_list)


def as_json(row: Mapping[Any, Any]) -> Row:
    """A row's values as JSON has them; times as ISO-8601."""
    return {
        str(name): value.isoformat() if isinstance(value, datetime) else value
        for name, value in row.items()
    }


def from_json(table: Table, row: Row) -> Row:
    """The values to insert. A number that the database gives is given anew where it could have gone to another row."""
    values = {}
    for column in table.columns:
        if column.name not in row or (_is_numbered(table) and column.primary_key):
            continue
        value = row[column.name]
        is_moment = isinstance(column.type, UtcDateTime) and value is not None
        values[column.name] = datetime.fromisoformat(value) if is_moment else value
    return values


def _is_numbered(table: Table) -> bool:
    """Whether SQLite may give a row's number again after it was deleted; images and variants keep theirs."""
    keeps = table.dialect_options["sqlite"].get("autoincrement", False)
    return [column.name for column in table.primary_key] == ["id"] and not (
        keeps or isinstance(table.c.id.type.python_type(), str)
    )
