"""A queue as the database has it: whether it is paused, what runs, and what waits in which order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from common.db.tables import Job, JobLimit, PausedQueue, now
from common.errors import Conflict, NotFound
from common.jobs.kinds import JOB_QUEUES
from common.jobs.limits import UNDER_WAY, WHOLE, read_limits, read_room
from common.jobs.order import RunningJob, WaitingJob, order_jobs
from common.jobs.turns import (
    read_last_ends,
    read_turns,
    read_under_way,
    read_waiting,
    startable,
)

Mark = tuple[tuple[tuple[Any, ...], ...], ...]


@dataclass(frozen=True)
class QueueState:
    """A queue at one moment. waiting: in the order in which they begin. limits: see `limits.read_limits`."""

    name: str
    paused: PausedQueue | None
    running: list[RunningJob]
    waiting: list[WaitingJob]
    limits: dict[str, int] = field(default_factory=dict)

    @cached_property
    def positions(self) -> dict[str, int]:
        """1 for the job that begins next, and so on; of those that wait."""
        return {job.id: at for at, job in enumerate(self.waiting, start=1)}

    @cached_property
    def startable_before(self) -> list[int]:
        """Of each waiting job, how many before it may begin."""
        return list(accumulate((job.may_begin for job in self.waiting), initial=0))

    @property
    def startable(self) -> int:
        """How many jobs could begin now if there were enough workers."""
        return 0 if self.paused else sum(job.may_begin for job in self.waiting)

    @property
    def ids(self) -> list[str]:
        """Of all jobs, those that run first."""
        return [job.id for job in self.running] + [job.id for job in self.waiting]

    def position(self, job_id: str) -> int | None:
        """1 for the job that begins next; None when it does not wait here."""
        return self.positions.get(job_id)


def read_queue(session: Session, name: str) -> QueueState:
    """The queue as it stands now."""
    waiting = read_waiting(session, name)
    people = {job.person for job in waiting}
    ends = read_last_ends(session, name, sorted(people)) if len(people) > 1 else {}
    running = read_running(session, name)
    ordered = order_jobs(waiting, running, ends)
    return QueueState(name, read_pause(session, name), running, ordered, read_limits(session, name))


def read_mark(session: Session) -> Mark:
    """Another one whenever another job waits or runs in any queue, moves, reports, or waits no longer.

    (Of each queue its name and number of waiting jobs, of each running job its id, pauses, limits.) Who waits for a job is not asked: what makes a difference to them changes that job as well.
    """
    waits = session.execute(
        select(Job.queue, func.count(), func.sum(Job.seq), func.max(Job.queued_at))
        .where(Job.state == "queued")
        .group_by(Job.queue)
        .order_by(Job.queue)
    )
    runs = select(Job.id, Job.state, Job.seq).where(Job.state.in_(UNDER_WAY))
    paused = select(PausedQueue.name, PausedQueue.paused_at).order_by(PausedQueue.name)
    running = session.execute(runs.order_by(Job.id))
    limits = select(JobLimit.queue, JobLimit.kind, JobLimit.most)
    limited = session.execute(limits.order_by(JobLimit.queue, JobLimit.kind))
    return _rows(waits), _rows(running), _rows(session.execute(paused)), _rows(limited)


def _rows(found: Iterable[Any]) -> tuple[tuple[Any, ...], ...]:
    return tuple(map(tuple, found))


def read_pause(session: Session, name: str) -> PausedQueue | None:
    """Who paused the queue and why; None when its jobs begin."""
    return session.get(PausedQueue, name, populate_existing=True)


def read_running(session: Session, name: str) -> list[RunningJob]:
    """The jobs of the queue that are under way, the oldest first."""
    rows = session.execute(
        select(Job.id, Job.created_by, func.coalesce(Job.started_at, Job.created_at), Job.kind)
        .where(Job.queue == name, Job.state.in_(UNDER_WAY))
        .order_by(Job.started_at, Job.id)
    )
    return [RunningJob(*row) for row in rows]


def count_startable(session: Session, name: str) -> int:
    """How many waiting jobs could begin now if there were enough workers; 0 while the queue is paused."""
    if read_pause(session, name) is not None:
        return 0
    room = read_room(session, name)
    if not room:
        return int(session.scalar(startable(name, func.count(Job.id))) or 0)
    by_kind = session.execute(startable(name, Job.kind, func.count(Job.id)).group_by(Job.kind))
    in_all = sum(min(number, room.get(kind, number)) for kind, number in by_kind)
    return int(min(in_all, room.get(WHOLE, in_all)))


def others_wait(session: Session, job_id: str) -> bool:
    """Whether somebody else's job would begin at once if this running one went back to the queue."""
    own = session.execute(
        select(Job.queue, Job.kind, Job.priority, Job.created_by).where(Job.id == job_id)
    ).first()
    if own is None or read_pause(session, own.queue) is not None:
        return False
    full = {kind for kind, left in read_room(session, own.queue).items() if not left}
    closed = full - {WHOLE, own.kind}  # when it goes back, it leaves room for one like it
    turns = read_turns(session, own.queue)
    following = next((job for job in turns if job.may_begin and job.kind not in closed), None)
    if following is None or following.person == own.created_by or following.priority > own.priority:
        return False
    under_way = read_under_way(session, own.queue)
    theirs, ours = under_way.get(following.person), under_way.get(own.created_by)
    return (theirs.count if theirs else 0) < (ours.count if ours else 0)


def require_job_queue(name: str) -> str:
    """The name, if jobs wait in such a queue. Raises NotFound."""
    if name not in JOB_QUEUES:
        raise NotFound(
            f"There is no queue of jobs called {name!r}.", remedy=f"Name {' or '.join(JOB_QUEUES)}."
        )
    return name


def pause_queue(session: Session, name: str, by: str, reason: str) -> None:
    """Let no further job of this queue begin; what runs goes on. Raises Conflict when it is paused."""
    found = session.get(PausedQueue, name)
    if found is not None:
        raise Conflict(
            f"The queue {name} was paused by {found.paused_by} already.",
            remedy="Resume it first to give another reason.",
        )
    session.add(PausedQueue(name=name, paused_by=by, reason=reason, paused_at=now()))
    session.flush()


def resume_queue(session: Session, name: str) -> None:
    """Let jobs of this queue begin again. Raises Conflict when it is not paused."""
    found = session.get(PausedQueue, name)
    if found is None:
        raise Conflict(f"The queue {name} is not paused.", remedy="There is nothing to resume.")
    session.delete(found)
    session.flush()
