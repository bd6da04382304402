"""Workers, how many jobs may run at once, and what waited in the queues."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Float, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from common.db.tables.base import Base, now


class Worker(Base):
    """A worker, by the name that it takes again when it is started anew. See `common/jobs/workers.py`.

    runs: `[{job_id, kind, since}]` when it was last seen. asked: run, drain, pause or stop.
    wanted_concurrency: how many jobs it is to run at once; None: as it was started. pool: what runs them, as
    Celery calls it. left_at: when it ended in order.
    """

    __tablename__ = "workers"
    name: Mapped[str] = mapped_column(String(160), primary_key=True)
    host: Mapped[str] = mapped_column(String(120))
    pid: Mapped[int]
    queues: Mapped[list[str]] = mapped_column(JSON)
    pool: Mapped[str] = mapped_column(String(16))
    concurrency: Mapped[int]
    state: Mapped[str] = mapped_column(String(16))
    runs: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    started_at: Mapped[datetime]
    last_seen: Mapped[datetime]
    left_at: Mapped[datetime | None]
    asked: Mapped[str] = mapped_column(String(8), default="run")
    asked_by: Mapped[str | None] = mapped_column(String(80))
    asked_at: Mapped[datetime | None]
    wanted_concurrency: Mapped[int | None]


class JobLimit(Base):
    """At most so many jobs of a queue run at once, over all workers. kind: only jobs of that kind, or ""."""

    __tablename__ = "job_limits"
    queue: Mapped[str] = mapped_column(String(32), primary_key=True)
    kind: Mapped[str] = mapped_column(String(32), primary_key=True, default="")
    most: Mapped[int]
    set_by: Mapped[str] = mapped_column(String(80))
    set_at: Mapped[datetime] = mapped_column(default=now)


class QueueSample(Base):
    """What waited in a queue at a minute. oldest_s: how long the first of those that may begin had waited."""

    __tablename__ = "queue_samples"
    queue: Mapped[str] = mapped_column(String(32), primary_key=True)
    at: Mapped[datetime] = mapped_column(primary_key=True)
    waiting: Mapped[int]
    running: Mapped[int]
    oldest_s: Mapped[float] = mapped_column(Float)
    workers: Mapped[int]
    __table_args__ = (Index("ix_queue_samples_at", "at"),)
