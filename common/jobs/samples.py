"""What waited in each queue, minute by minute, for a week: the clock writes it, the workers page draws it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from common.db.clock import read_clock
from common.db.engine import hold
from common.db.tables import QueueSample
from common.jobs.demand import read_demand
from common.jobs.kinds import JOB_QUEUES

KEPT = timedelta(days=7)
MAX_POINTS = 300  # of a chart


def take_samples(session: Session, places: dict[str, int], messages: dict[str, int]) -> int:
    """Write this minute's samples, unless another clock has; how many.

    places: how many jobs of each queue can run at once. messages: what waits in the queues without jobs.
    """
    hold(session, "queue samples")
    minute = read_clock(session).replace(second=0, microsecond=0)
    if session.scalar(select(func.count()).where(QueueSample.at == minute)):
        return 0
    for queue in JOB_QUEUES:
        demand = read_demand(session, queue)
        session.add(
            QueueSample(
                queue=queue, at=minute, waiting=sum(demand.waiting.values()), running=demand.running,
                oldest_s=demand.oldest_wait_s, workers=places.get(queue, 0),
            )
        )  # fmt: skip
    for queue, waiting in messages.items():
        there = places.get(queue, 0)
        session.add(
            QueueSample(
                queue=queue, at=minute, waiting=waiting, running=0, oldest_s=0.0, workers=there
            )
        )
    session.execute(delete(QueueSample).where(QueueSample.at < minute - KEPT))
    session.flush()
    return len(JOB_QUEUES) + len(messages)


@dataclass(frozen=True)
class Point:
    """The most that was seen within a stretch of time that begins at `at`."""

    at: datetime
    waiting: int
    running: int
    oldest_s: float
    workers: int


def read_history(session: Session, queue: str, hours: int) -> list[Point]:
    """The last hours of a queue in at most MAX_POINTS points; what was not sampled has none."""
    since = read_clock(session) - timedelta(hours=hours)
    wide_s = max(60, hours * 3600 // MAX_POINTS)
    rows = session.scalars(
        select(QueueSample)
        .where(QueueSample.queue == queue, QueueSample.at >= since)
        .order_by(QueueSample.at)
    )
    stretches: dict[int, list[QueueSample]] = {}
    for row in rows:
        stretches.setdefault(int(row.at.timestamp()) // wide_s, []).append(row)
    return [_most(each) for each in stretches.values()]


def _most(rows: list[QueueSample]) -> Point:
    return Point(
        rows[0].at,
        max(row.waiting for row in rows),
        max(row.running for row in rows),
        max(row.oldest_s for row in rows),
        max(row.workers for row in rows),
    )
