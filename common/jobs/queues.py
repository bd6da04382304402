"""A queue as the database has it: whether it is paused, what runs, and what waits in which order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from common.db.engine import from_now
from common.db.tables import Job, PausedQueue, now
from common.errors import Conflict, NotFound
from common.jobs.kinds import JOB_QUEUES
from common.jobs.order import RunningJob, WaitingJob, order_jobs


@dataclass(frozen=True)
class QueueState:
    """A queue at one moment. waiting: in the order in which they begin."""

    name: str
    paused: PausedQueue | None
    running: list[RunningJob]
    waiting: list[WaitingJob]

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
        places = (at for at, job in enumerate(self.waiting, start=1) if job.id == job_id)
        return next(places, None)


def turn_of(queue: str) -> str:
    """The name that `hold` takes while somebody takes from this queue, orders or pauses it."""
    return f"queue:{queue}"


def read_queue(session: Session, name: str) -> QueueState:
    """The queue as it stands now."""
    waiting = _read_waiting(session, name)
    running = _read_running(session, name)
    people = {job.person for job in waiting}
    ends = _read_last_ends(session, name, sorted(people)) if len(people) > 1 else {}
    paused = session.get(PausedQueue, name, populate_existing=True)
    return QueueState(name, paused, running, order_jobs(waiting, running, ends))


def _read_waiting(session: Session, name: str) -> list[WaitingJob]:
    before = aliased(Job)
    rows = session.execute(
        select(
            Job.id, Job.kind, Job.created_by, Job.priority, Job.place,
            func.coalesce(Job.queued_at, Job.created_at, type_=Job.created_at.type).label("since"),
            Job.after_job_id, before.state.label("before_state"),
            (Job.not_before > from_now(session, 0)).label("pausing"),
        )
        .outerjoin(before, before.id == Job.after_job_id)
        .where(Job.queue == name, Job.state == "queued", Job.attempt < Job.max_attempts)
    )  # fmt: skip
    return [
        WaitingJob(
            row.id, row.kind, row.created_by, row.priority, row.since, row.place,
            after=None if row.before_state == "succeeded" else row.after_job_id,
            stalled=row.before_state == "stopped",
            pausing=bool(row.pausing),
        )
        for row in rows
    ]  # fmt: skip


def _read_running(session: Session, name: str) -> list[RunningJob]:
    rows = session.execute(
        select(Job.id, Job.created_by, func.coalesce(Job.started_at, Job.created_at))
        .where(Job.queue == name, Job.state.in_(("running", "stopping")))
        .order_by(Job.started_at, Job.id)
    )
    return [RunningJob(*row) for row in rows]


def _read_last_ends(session: Session, name: str, people: Sequence[str]) -> dict[str, datetime]:
    """When the last job of each of these people ended; a job that never began is none."""
    rows = session.execute(
        select(Job.created_by, func.max(Job.finished_at))
        .where(Job.queue == name, Job.created_by.in_(people), Job.started_at.is_not(None))
        .where(Job.finished_at.is_not(None))
        .group_by(Job.created_by)
    )
    return {person: ended for person, ended in rows if ended is not None}


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
