"""A queue as the database has it: whether it is paused, what runs, and what waits in which order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, cached_property
from itertools import accumulate
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    bindparam,
    column,
    func,
    literal_column,
    select,
    values,
)
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from common.db.clock import ClockTime
from common.db.tables import Job, JobLimit, PausedQueue, now
from common.db.tables.base import UtcDateTime
from common.errors import Conflict, NotFound
from common.jobs.kinds import JOB_QUEUES
from common.jobs.limits import UNDER_WAY, WHOLE, read_limits, read_room
from common.jobs.order import Level, RunningJob, UnderWay, WaitingJob, in_turn, order_jobs

Rows = Select[*tuple[Any, ...]]
Mark = tuple[tuple[tuple[Any, ...], ...], ...]
BEFORE = aliased(Job)  # what a job waits for
PORTION = 16  # jobs that are read at first of a line of which the first could not begin


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


def turn_of(queue: str) -> str:
    """The name that `hold` takes while somebody takes from this queue, orders or pauses it."""
    return f"queue:{queue}"


def read_queue(session: Session, name: str) -> QueueState:
    """The queue as it stands now."""
    waiting = [_as_waiting(row) for row in session.execute(_waiting(name))]
    people = {job.person for job in waiting}
    ends = _read_last_ends(session, name, sorted(people)) if len(people) > 1 else {}
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


def read_under_way(session: Session, name: str) -> dict[str, UnderWay]:
    """Of each person what is under way in the queue: a row a person, however many jobs run."""
    rows = session.execute(_under_way(name))
    return {person: UnderWay(count, began) for person, count, began in rows}


@cache
def _under_way(name: str) -> Rows:
    began_at = func.max(func.coalesce(Job.started_at, Job.created_at), type_=UtcDateTime())
    return (
        select(Job.created_by, func.count(), began_at)
        .where(Job.queue == name, Job.state.in_(UNDER_WAY))
        .group_by(Job.created_by)
    )


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


def startable(name: str, *wanted: Any) -> Rows:
    """These of the waiting jobs that could begin now if there were enough workers, whatever the limits are."""
    return (
        select(*wanted)
        .select_from(Job)
        .outerjoin(BEFORE, BEFORE.id == Job.after_job_id)
        .where(*waits_in(name), Job.after_job_id.is_(None) | (BEFORE.state == "succeeded"))
        .where(Job.not_before.is_(None) | (Job.not_before <= ClockTime()))
    )


def read_turns(session: Session, name: str) -> Iterator[WaitingJob]:
    """The waiting jobs as their turns come: the first of them that may begin is the next to begin.

    Of ten thousand waiting jobs it reads only the first ones of each person. `in_turn` says of the order.
    """
    return in_turn(_read_levels(session, name), read_under_way(session, name))


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


def waits_in(name: str) -> tuple[ColumnElement[bool], ...]:
    """What is true of the jobs that wait in a queue."""
    # The state is written out: SQLite does not look into parameters when it chooses a partial index.
    queued: ColumnElement[str] = literal_column("'queued'")
    return Job.queue == name, Job.state == queued, Job.attempt < Job.max_attempts


@cache
def _waiting(name: str) -> Rows:
    return _facts().where(*waits_in(name))


@cache
def _facts() -> Rows:
    return (
        select(
            Job.id, Job.kind, Job.created_by, Job.priority, Job.place, Job.queued_at,
            Job.after_job_id, BEFORE.state.label("before_state"),
            (Job.not_before > ClockTime()).label("pausing"),
        )
        .outerjoin(BEFORE, BEFORE.id == Job.after_job_id)
    )  # fmt: skip


def _as_waiting(row: Any) -> WaitingJob:
    return WaitingJob(
        row.id, row.kind, row.created_by, row.priority, row.queued_at, row.place,
        after=None if row.before_state == "succeeded" else row.after_job_id,
        stalled=row.before_state == "stopped",
        pausing=bool(row.pausing),
    )  # fmt: skip


def _read_levels(session: Session, name: str) -> Iterator[Level]:
    """The levels of `in_turn`, each read when it is asked for."""
    priority: int | None = -1
    while True:
        found = session.execute(_next_level(name), {"after": priority}).one()
        priority = found.priority
        if priority is None:
            return
        lines, ends = _read_lines(session, name, priority)
        yield Level(
            _read_placed(session, name, priority, ahead=True) if found.any_ahead else iter(()),
            lines,
            _read_placed(session, name, priority, ahead=False) if found.any_behind else iter(()),
            ends,
        )


@cache
def _next_level(name: str) -> Rows:
    """(the first priority beyond `after` at which jobs wait, whether some of them are placed ahead, or behind)."""
    after = bindparam("after", type_=Job.priority.type)
    later = select(func.min(Job.priority)).where(*waits_in(name), Job.priority > after)
    priority = later.scalar_subquery()
    placed = select(Job.id).where(*waits_in(name), Job.priority == priority, Job.place.is_not(None))
    return select(
        priority.label("priority"),
        placed.where(Job.place < 0).exists().label("any_ahead"),
        placed.where(Job.place >= 0).exists().label("any_behind"),
    )


def _read_placed(
    session: Session, name: str, priority: int, *, ahead: bool
) -> Iterator[WaitingJob]:
    side = Job.place < 0 if ahead else Job.place >= 0
    wanted = _waiting(name).where(Job.priority == priority, Job.place.is_not(None), side)
    return _in_portions(session, wanted, (Job.place, Job.queued_at, Job.id))


def _read_lines(
    session: Session, name: str, priority: int
) -> tuple[dict[str, Iterator[WaitingJob]], dict[str, datetime]]:
    """Of each person the waiting jobs without a place, and when that person's last job ended."""
    rows = session.execute(_first_of_each(name, priority)).all()
    heads = _facts().where(Job.id.in_([row.head for row in rows]))
    lines = {
        head.person: _read_line(session, name, head)
        for head in map(_as_waiting, session.execute(heads))
    }
    return lines, {row.person: row.last_end for row in rows if row.last_end is not None}


def _read_line(session: Session, name: str, head: WaitingJob) -> Iterator[WaitingJob]:
    """A person's waiting jobs without a place: the first one, and the others if somebody asks."""
    yield head
    whole = _waiting(name).where(
        Job.priority == head.priority, Job.place.is_(None), Job.created_by == head.person
    )
    yield from _in_portions(session, whole, (Job.queued_at, Job.id), start=1)


@cache
def _first_of_each(name: str, priority: int) -> Rows:
    """(person, head: the id of the first job without a place, last_end) of all who wait at a priority.

    From one person to the next by the index `ix_jobs_in_turn`, so that nobody's many jobs are counted.
    """
    in_turn_here = (*waits_in(name), Job.place.is_(None), Job.priority == priority)
    people = select(func.min(Job.created_by).label("person")).where(*in_turn_here).cte(
        "people", recursive=True
    )  # fmt: skip
    following = select(func.min(Job.created_by)).where(*in_turn_here).where(
        Job.created_by > people.c.person
    )  # fmt: skip
    people = people.union_all(
        select(following.correlate(people).scalar_subquery()).where(people.c.person.is_not(None))
    )
    head = (
        select(Job.id)
        .where(*in_turn_here, Job.created_by == people.c.person)
        .order_by(Job.queued_at, Job.id)
        .limit(1)
        .correlate(people)
        .scalar_subquery()
    )
    last_end = _last_end(name, people.c.person).correlate(people).scalar_subquery()
    return select(people.c.person, head.label("head"), last_end.label("last_end")).where(
        people.c.person.is_not(None)
    )


def _in_portions(
    session: Session,
    wanted: Rows,
    order: Sequence[InstrumentedAttribute[Any]],
    start: int = 0,
) -> Iterator[WaitingJob]:
    """Reads further the longer somebody asks."""
    size = PORTION
    while True:
        portion = session.execute(wanted.order_by(*order).offset(start).limit(size)).all()
        yield from map(_as_waiting, portion)
        if len(portion) < size:
            return
        start, size = start + size, size * 4


def _read_last_ends(session: Session, name: str, people: Sequence[str]) -> dict[str, datetime]:
    """When the last job of each of these people ended; a job that never began is none."""
    named = values(column("person", Job.created_by.type), name="named").data(
        [(person,) for person in people]
    )
    asked = named.cte("asked")
    last_end = _last_end(name, asked.c.person).correlate(asked).scalar_subquery()
    rows = session.execute(select(asked.c.person, last_end))
    return {person: ended for person, ended in rows if ended is not None}


def _last_end(name: str, person: ColumnElement[str]) -> Rows:
    """By `ix_jobs_last_end` a single look; max() in groups would read all jobs that have ended."""
    return (
        select(Job.finished_at)
        .where(Job.queue == name, Job.created_by == person)
        .where(Job.started_at.is_not(None), Job.finished_at.is_not(None))
        .order_by(Job.finished_at.desc())
        .limit(1)
    )


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
