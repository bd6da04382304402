"""Rows read and written past the ORM: for what is asked all the time, its own work is half the cost.

Objects that a session has loaded before are not refreshed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    CursorResult,
    Executable,
    Insert,
    Table,
    Update,
    and_,
    bindparam,
    insert,
    update,
)
from sqlalchemy.orm import Session

from common.db.tables.base import Base

KEY = "key of "
Values = Mapping[str, Any] | Sequence[Mapping[str, Any]] | None


def run(
    session: Session, statement: Executable, values: Values = None
) -> CursorResult[*tuple[Any, ...]]:
    """A statement in the session's transaction, after what its objects have still to write."""
    session.flush()
    return session.connection().execute(statement, values)


def insert_rows(session: Session, table: type[Base], rows: Sequence[Mapping[str, Any]]) -> None:
    """Add rows, which all name the same columns; the columns' defaults apply."""
    if rows:
        run(session, _insert(table), list(rows))


def update_rows(session: Session, table: type[Base], rows: Sequence[Mapping[str, Any]]) -> None:
    """Change rows, each named by its primary key; all give values for the same columns."""
    if not rows:
        return
    keys = frozenset(column.name for column in _of(table).primary_key)
    named = [{KEY + name if name in keys else name: row[name] for name in row} for row in rows]
    run(session, _update(table, frozenset(rows[0]) - keys), named)


def _of(table: type[Base]) -> Table:
    found = table.__table__
    assert isinstance(found, Table)
    return found


@cache
def _insert(table: type[Base]) -> Insert:
    return insert(_of(table))


@cache
def _update(table: type[Base], columns: frozenset[str]) -> Update:
    own = [column == bindparam(KEY + column.name) for column in _of(table).primary_key]
    return update(_of(table)).where(and_(*own)).values({n: bindparam(n) for n in sorted(columns)})
