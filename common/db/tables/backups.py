"""Backups: which one reads now, and how the last ones ended."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from common.db.tables.base import Base, now


class Backup(Base):
    """A backup, and the lease of the one that runs: until it ends nothing is removed from the store.

    place: where it goes, without a secret. by: the process. state: running, succeeded or failed. until: of
    its lease, by the database's clock. snapshot: what it is called in its place. figures: what it holds.
    """

    __tablename__ = "backups"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    place: Mapped[str] = mapped_column(String(300))
    by: Mapped[str] = mapped_column(String(120))
    state: Mapped[str] = mapped_column(String(16))
    is_scheduled: Mapped[bool] = mapped_column(default=False)
    started_at: Mapped[datetime] = mapped_column(default=now)
    until: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    snapshot: Mapped[str | None] = mapped_column(String(40))
    figures: Mapped[dict[str, Any]] = mapped_column(default=dict)
    error: Mapped[dict[str, Any] | None]
    __table_args__ = (Index("ix_backups_state", "state", "finished_at"),)
