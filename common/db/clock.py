"""The database's clock: one for all machines. SQLite's is this machine's."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, DateTime, func, select, type_coerce
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session
from sqlalchemy.sql.functions import FunctionElement

from common.db.tables.base import UtcDateTime, now


class ClockTime(FunctionElement[datetime]):
    """What the database's clock says when it comes to the row; to be compared with a stored moment."""

    type = UtcDateTime()
    inherit_cache = True


@compiles(ClockTime, "postgresql")
def _on_postgresql(_element: ClockTime, _compiler: Any, **_: Any) -> str:
    return "clock_timestamp()"


@compiles(ClockTime, "sqlite")
def _on_sqlite(_element: ClockTime, _compiler: Any, **_: Any) -> str:
    return "strftime('%Y-%m-%d %H:%M:%f', 'now')"  # as text sorts, it is stored


def read_clock(session: Session | Connection) -> datetime:
    """What the database's clock says."""
    bind = session.get_bind() if isinstance(session, Session) else session
    if bind.dialect.name == "postgresql":
        return session.execute(select(func.clock_timestamp(type_=UtcDateTime()))).scalar_one()
    return now()


def from_now(session: Session, seconds: float) -> Any:
    """A moment so many seconds from now, to be written."""
    if session.get_bind().dialect.name == "postgresql":
        moment = func.clock_timestamp(type_=DateTime(timezone=True)) + timedelta(seconds=seconds)
        return type_coerce(moment, UtcDateTime())
    return now() + timedelta(seconds=seconds)
