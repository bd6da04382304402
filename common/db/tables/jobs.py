"""Jobs, what they report, and paused queues."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Float,
    ForeignKey,
    Index,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.engine.default import DefaultExecutionContext
from sqlalchemy.orm import Mapped, mapped_column

from common.db.tables.base import Base, BigId, now


def _partial(name: str, *columns: str, where: str) -> Index:
    return Index(name, *columns, sqlite_where=text(where), postgresql_where=text(where))


def _as_created(context: DefaultExecutionContext) -> datetime:
    """A job waits from its creation on."""
    created: datetime = context.get_current_parameters()["created_at"]  # type: ignore[no-untyped-call]
    return created


class Job(Base):
    """A piece of work. Who may change what, and when, stands in `common/jobs/states.py`.

    queued_at: when it began to wait, at first or to be done again. place: where
    somebody put it among the waiting jobs of the same priority (the lower the earlier); None: as is
    fair, see `common/jobs/order.py`. group_id: of the sweep that it belongs to. suspect_lease: the
    lease that the reaper found to be wrong, and when; it is lost when a later look finds it unchanged.
    reached: how far its kept checkpoint is, in steps of its own; counted_from: the attempt in which that last
    grew. Those before it do not count, so max_attempts grew by as many.
    not_before: until then, by the database's clock, nobody takes it, as something did not answer.
    worker, leased_at: which worker took it last, by its name, and when.
    """

    __tablename__ = "jobs"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    kind: Mapped[str] = mapped_column(String(32))
    queue: Mapped[str] = mapped_column(String(32))
    state: Mapped[str] = mapped_column(String(16))
    dataset_id: Mapped[str | None] = mapped_column(ForeignKey("datasets.id", ondelete="CASCADE"))
    params: Mapped[dict[str, Any]] = mapped_column(default=dict)
    result: Mapped[dict[str, Any] | None]
    error: Mapped[dict[str, Any] | None]
    checkpoint: Mapped[dict[str, Any] | None]
    progress: Mapped[dict[str, Any]] = mapped_column(default=dict)
    seq: Mapped[int] = mapped_column(BigInteger, default=0)
    priority: Mapped[int] = mapped_column(default=5)
    attempt: Mapped[int] = mapped_column(default=0)
    max_attempts: Mapped[int] = mapped_column(default=3)
    reached: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    counted_from: Mapped[int] = mapped_column(default=0, server_default="0")
    worker: Mapped[str | None] = mapped_column(String(160))
    leased_at: Mapped[datetime | None]
    lease_owner: Mapped[str | None] = mapped_column(String(120))
    lease_until: Mapped[datetime | None]
    suspect_lease: Mapped[str | None] = mapped_column(String(200))
    place: Mapped[float | None] = mapped_column(Float)
    group_id: Mapped[str | None] = mapped_column(String(32), index=True)
    stop_requested: Mapped[str | None] = mapped_column(String(8))
    after_job_id: Mapped[str | None] = mapped_column(String(32), index=True)
    created_by: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[datetime] = mapped_column(default=now)
    task_id: Mapped[str | None] = mapped_column(String(40))
    notes: Mapped[list[str]] = mapped_column(JSON, default=list)
    queued_at: Mapped[datetime | None] = mapped_column(default=_as_created)
    not_before: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    __table_args__ = (
        Index("ix_jobs_state_queue", "state", "queue", "priority", "created_at"),
        _partial(  # the first waiting job of each person
            "ix_jobs_in_turn", "queue", "priority", "created_by", "queued_at", "id",
            where="state = 'queued' AND place IS NULL",
        ),
        _partial(
            "ix_jobs_placed", "queue", "priority", "place", "queued_at", "id",
            where="state = 'queued' AND place IS NOT NULL",
        ),
        _partial(  # when a person's last job ended
            "ix_jobs_last_end", "queue", "created_by", "finished_at",
            where="started_at IS NOT NULL AND finished_at IS NOT NULL",
        ),
        _partial(  # what a worker runs
            "ix_jobs_worker", "worker", where="state IN ('running', 'stopping')",
        ),
        Index("ix_jobs_kind", "kind", "state", "finished_at"),  # the last ones of a kind
        Index("ix_jobs_dataset", "dataset_id", "kind", "state", "finished_at"),
        Index("ix_jobs_created", "created_at"),  # the newest ones, for lists
    )  # fmt: skip


class PausedQueue(Base):
    """A queue of which no further job is begun until somebody lets it go on."""

    __tablename__ = "paused_queues"
    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    paused_by: Mapped[str] = mapped_column(String(80))
    reason: Mapped[str] = mapped_column(String(300), default="")
    paused_at: Mapped[datetime] = mapped_column(default=now)


class JobMetric(Base):
    """A point of a job's series (train/loss, val/t2i_r1 ...)."""

    __tablename__ = "job_metrics"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(64))
    step: Mapped[int]
    epoch: Mapped[float | None]
    value: Mapped[float] = mapped_column(Float)
    time: Mapped[datetime] = mapped_column(default=now)

    __table_args__ = (Index("ix_job_metrics_written", "job_id", "id"),)


class JobLog(Base):
    """A chunk of a job's log. `start` is the offset of its first character in the whole log."""

    __tablename__ = "job_logs"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    start: Mapped[int] = mapped_column(BigInteger)
    text: Mapped[str] = mapped_column(Text)
    __table_args__ = (UniqueConstraint("job_id", "start"),)


class Tally(Base):
    """How often something happened, see `common/jobs/counts/tallies.py`."""

    __tablename__ = "tallies"
    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    count: Mapped[int] = mapped_column(BigInteger, default=0)


class JobEnd(Base):
    """How many jobs of a kind ended so, and after how long, see `common/jobs/counts/ends.py`."""

    __tablename__ = "job_ends"
    kind: Mapped[str] = mapped_column(String(32), primary_key=True)
    state: Mapped[str] = mapped_column(String(16), primary_key=True)
    code: Mapped[str] = mapped_column(String(40), primary_key=True)
    bound_s: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    count: Mapped[int] = mapped_column(BigInteger, default=0)
    seconds: Mapped[float] = mapped_column(Float, default=0.0)
