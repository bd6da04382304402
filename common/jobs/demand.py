"""What a queue asks for, for whoever starts and ends workers: read from the database, so that it is true without Redis."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from common.db.clock import read_clock
from common.db.tables import Job
from common.jobs.limits import UNDER_WAY, read_room
from common.jobs.queues import count_startable, read_pause
from common.jobs.turns import BEFORE, startable, waits_in


@dataclass(frozen=True)
class Demand:
    """startable: jobs that could begin now if there were enough workers, none while the queue is paused, and no
    more than its limits allow;
    oldest_wait_s: of the one among them that waits longest, since it was queued and what it follows had ended.
    running: jobs that are under way; gpus: those that they use. waiting: by kind, whatever they wait for.
    """

    startable: int
    oldest_wait_s: float
    running: int
    gpus: int
    waiting: dict[str, int]


def read_demand(session: Session, name: str) -> Demand:
    """Of a queue of jobs."""
    params = session.scalars(
        select(Job.params).where(Job.queue == name, Job.state.in_(UNDER_WAY))
    ).all()
    gpus = sum(int((each or {}).get("gpus") or 1) for each in params)
    kinds = select(Job.kind, func.count(Job.id)).where(*waits_in(name)).group_by(Job.kind)
    waiting: dict[str, int] = {row[0]: row[1] for row in session.execute(kinds)}
    count, oldest_wait_s = _read_startable(session, name) if waiting else (0, 0.0)
    return Demand(count, oldest_wait_s, len(params), gpus, waiting)


def _read_startable(session: Session, name: str) -> tuple[int, float]:
    if read_pause(session, name) is not None:
        return 0, 0.0
    follows = BEFORE.finished_at.is_not(None) & (BEFORE.finished_at > Job.queued_at)
    since = case((follows, BEFORE.finished_at), else_=Job.queued_at)
    count, oldest = session.execute(startable(name, func.count(Job.id), func.min(since))).one()
    if oldest is None:
        return 0, 0.0
    if read_room(session, name):
        count = count_startable(session, name)  # no worker could take more
    return int(count), max(0.0, (read_clock(session) - oldest).total_seconds())
