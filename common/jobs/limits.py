"""How many jobs of a queue may run at once, over all workers: of all kinds together, or of one.

Whoever takes a job asks within the transaction that holds the queue's turn, so no two pass a limit together.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from sqlalchemy import Select, String, bindparam, func, or_, select
from sqlalchemy.orm import Session

from common.db.tables import Job, JobLimit, PausedQueue, Worker, now
from common.errors import InvalidInput
from common.jobs.kinds import KINDS, kind_of
from common.jobs.workers import RUN

WHOLE = ""  # in the place of a kind: all of them together
UNDER_WAY = ("running", "stopping")


def read_limits(session: Session, queue: str) -> dict[str, int]:
    """`{kind: at most so many at once}`; WHOLE stands for the queue."""
    found = select(JobLimit.kind, JobLimit.most).where(JobLimit.queue == queue)
    return {row[0]: row[1] for row in session.execute(found.order_by(JobLimit.kind))}


def read_room(session: Session, queue: str) -> dict[str, int]:
    """`{kind: how many more may begin}` of each limit; 0 where it is reached or passed."""
    running = (
        select(func.count(Job.id))
        .where(Job.queue == JobLimit.queue, Job.state.in_(UNDER_WAY))
        .where(or_(JobLimit.kind == WHOLE, JobLimit.kind == Job.kind))
        .correlate(JobLimit)
        .scalar_subquery()
    )
    rows = session.execute(
        select(JobLimit.kind, JobLimit.most - running).where(JobLimit.queue == queue)
    )
    return {kind: max(0, int(left)) for kind, left in rows}


def read_room_for(session: Session, queue: str, worker: str | None) -> dict[str, int] | None:
    """`read_room`; None when the queue gives nothing to this worker, since it is paused or the worker was asked to take nothing.

    worker: None for one without a name. One question where nothing is limited: all others of the queue wait meanwhile.
    """
    asked = session.execute(_gate(), {"queue": queue, "worker": worker}).one()
    if asked.is_paused or asked.wish not in (None, RUN):
        return None
    return read_room(session, queue) if asked.is_limited else {}


@cache
def _gate() -> Select[tuple[bool, bool, str]]:
    queue, worker = bindparam("queue", type_=String), bindparam("worker", type_=String)
    return select(
        select(PausedQueue.name).where(PausedQueue.name == queue).exists().label("is_paused"),
        select(JobLimit.kind).where(JobLimit.queue == queue).exists().label("is_limited"),
        select(Worker.asked).where(Worker.name == worker).scalar_subquery().label("wish"),
    )


def has_room(room: Mapping[str, int], kind: str) -> bool:
    """Whether another job of this kind may begin."""
    return room.get(WHOLE, 1) > 0 and room.get(kind, 1) > 0


def set_limit(session: Session, queue: str, kind: str, most: int | None, by: str) -> int | None:
    """Let at most so many run at once, None: as many as there are workers; what was before.

    The caller holds the queue's turn. What runs goes on. Raises InvalidInput for a kind that goes elsewhere.
    """
    if kind != WHOLE and queue not in kind_of(kind).queues:
        here = ", ".join(each.name for each in KINDS.values() if queue in each.queues)
        raise InvalidInput(
            f"Jobs of kind {kind!r} do not go to the queue {queue}.", remedy=f"One of: {here}."
        )
    found = session.get(JobLimit, (queue, kind))
    before = found.most if found else None
    if found is not None:
        session.delete(found)
        session.flush()
    if most is not None:
        session.add(JobLimit(queue=queue, kind=kind, most=most, set_by=by, set_at=now()))
        session.flush()
    return before
