"""Whose turn it is: the jobs that wait in a queue, read only as far as somebody asks.

`common/jobs/order.py` says in which order they begin; here are the statements that read it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import cache
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
from common.db.tables import Job
from common.db.tables.base import UtcDateTime
from common.jobs.limits import UNDER_WAY
from common.jobs.order import Level, UnderWay, WaitingJob, in_turn

Rows = Select[*tuple[Any, ...]]
BEFORE = aliased(Job)  # what a job waits for
PORTION = 16  # jobs that are read at first of a line of which the first could not begin


def turn_of(queue: str) -> str:
    """The name that `hold` takes while somebody takes from this queue, orders or pauses it."""
    return f"queue:{queue}"


def read_turns(session: Session, name: str) -> Iterator[WaitingJob]:
    """The waiting jobs as their turns come: the first of them that may begin is the next to begin.

    Of ten thousand waiting jobs it reads only the first ones of each person. `in_turn` says of the order.
    """
    return in_turn(_read_levels(session, name), read_under_way(session, name))


def read_waiting(session: Session, name: str) -> list[WaitingJob]:
    """All waiting jobs of the queue, in no order."""
    return [_as_waiting(row) for row in session.execute(_waiting(name))]


def waits_in(name: str) -> tuple[ColumnElement[bool], ...]:
    """What is true of the jobs that wait in a queue."""
    # The state is written out: SQLite does not look into parameters when it chooses a partial index.
    queued: ColumnElement[str] = literal_column("'queued'")
    return Job.queue == name, Job.state == queued, Job.attempt < Job.max_attempts


def startable(name: str, *wanted: Any) -> Rows:
    """These of the waiting jobs that could begin now if there were enough workers, whatever the limits are."""
    return (
        select(*wanted)
        .select_from(Job)
        .outerjoin(BEFORE, BEFORE.id == Job.after_job_id)
        .where(*waits_in(name), Job.after_job_id.is_(None) | (BEFORE.state == "succeeded"))
        .where(Job.not_before.is_(None) | (Job.not_before <= ClockTime()))
    )


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


def read_last_ends(session: Session, name: str, people: Sequence[str]) -> dict[str, datetime]:
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
