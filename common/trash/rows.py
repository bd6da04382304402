"""Rows as JSON and back: an image's own, and those of every table that refers to it.

The tables are found by their foreign keys, so a new one is held from the day it is there. Rows are read back
by versions of the service that came later: a column that is new gets its default, one that went is left out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Column, Select, String, Table, insert, select
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
    for row in read_rows(session, table, own):
        packed[row["id"]] = defaultdict(list, {name: [row]})
    for column in hanging_on(name):
        rows = select(column.table).where(column.in_(ids)).order_by(*column.table.primary_key)
        for row in read_rows(session, column.table, rows):
            packed[row[column.name]][column.table.name].append(row)
    return packed


def read_rows(session: Session, table: Table, wanted: Select[Any]) -> list[Row]:
    """The whole rows of a table that fit, as JSON has them; times as ISO-8601."""
    names = [column.name for column in table.columns]
    moments = [column.name for column in table.columns if isinstance(column.type, UtcDateTime)]
    rows = [dict(zip(names, row, strict=True)) for row in run(session, wanted)]
    for row in rows:
        for name in moments:
            if row[name] is not None:
                row[name] = row[name].isoformat()
    return rows


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


def from_json(table: Table, row: Row) -> Row:
    """The values to insert. A number that the database gives is given anew where it could have gone to another row."""
    given, moments = _columns(table.name)
    values = {name: row[name] for name in row.keys() & given}
    for name in moments:
        if values.get(name) is not None:
            values[name] = datetime.fromisoformat(values[name])
    return values


@cache
def _columns(name: str) -> tuple[frozenset[str], tuple[str, ...]]:
    """(which columns are inserted, which of them are times)"""
    table = table_of(name)
    given = [c for c in table.columns if not (c.primary_key and _is_numbered(table))]
    moments = tuple(c.name for c in given if isinstance(c.type, UtcDateTime))
    return frozenset(c.name for c in given), moments


def _is_numbered(table: Table) -> bool:
    """Whether SQLite may give a row's number again after it was deleted; images and variants keep theirs."""
    keeps = table.dialect_options["sqlite"].get("autoincrement", False)
    is_text = isinstance(table.c.get("id", table.columns[0]).type, String)
    return [column.name for column in table.primary_key] == ["id"] and not (keeps or is_text)
