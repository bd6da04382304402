"""The workers as the database has them: who was there when, what it ran, and what it is asked to do.

Each writes its row every few seconds (`WRITE_EVERY_S`), by the database's clock. One that ended in order says so;
one that has not been seen for `LOST_AFTER_S` was lost: it was killed, or its machine has gone.
What a worker is asked counts at once where it takes jobs, since whoever takes one asks here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, delete, literal_column, or_, select, update
from sqlalchemy.orm import Session

from common.db.clock import from_now, read_clock
from common.db.tables import Job, Worker
from common.errors import Conflict, InvalidInput, NotFound
from common.jobs.kinds import GPU
from common.jobs.states import changed

RUN, DRAIN, PAUSE, STOP = "run", "drain", "pause", "stop"
ORDERS = (RUN, DRAIN, PAUSE, STOP)
PREFORK = "prefork"  # the only pool whose size can be changed
WRITE_EVERY_S = 12.0
LOST_AFTER_S = 36.0
LEFT_KEPT_S = 3600.0
LOST_KEPT_S = 7 * 86_400.0
MAX_CONCURRENCY = 256


@dataclass(frozen=True)
class Facts:
    """What a worker is. started_at: by its own clock; with the pid it tells one life of it from the next."""

    name: str
    host: str
    pid: int
    queues: list[str]
    pool: str
    concurrency: int
    started_at: datetime


@dataclass(frozen=True)
class Wish:
    """What a worker is asked. concurrency: None, as it was started."""

    asked: str = RUN
    concurrency: int | None = None


@dataclass(frozen=True)
class Seen:
    """A worker's row at a moment. fate: there, lost or left."""

    row: Worker
    fate: str


def register(session: Session, facts: Facts) -> Wish:
    """A worker begins. A pause and a size last over its lives; a drain and a stop end with the life they meant."""
    row = session.get(Worker, facts.name)
    if row is None:
        row = Worker(name=facts.name, asked=RUN)
        session.add(row)
    if row.asked != PAUSE:
        row.asked, row.asked_by, row.asked_at = RUN, None, None
    row.host, row.pid, row.queues, row.pool = facts.host, facts.pid, facts.queues, facts.pool
    row.concurrency, row.started_at, row.left_at = facts.concurrency, facts.started_at, None
    row.state, row.runs, row.last_seen = "ready", [], from_now(session, 0.0)
    session.flush()
    return Wish(row.asked, row.wanted_concurrency)


def see(
    session: Session, facts: Facts, state: str, concurrency: int, runs: list[dict[str, Any]]
) -> bool:
    """A worker is there; False when its row is another's or was forgotten: it registers again; or when it has left,
    and this was under way meanwhile.
    """
    seen = _of_life(facts).values(
        last_seen=from_now(session, 0.0), state=state, concurrency=concurrency, runs=runs
    )
    return changed(session, seen.where(Worker.left_at.is_(None)))


def leave(session: Session, facts: Facts) -> None:
    """A worker has ended in order."""
    moment = from_now(session, 0.0)
    session.execute(_of_life(facts).values(left_at=moment, last_seen=moment, runs=[], state="left"))


def _of_life(facts: Facts) -> Any:
    return (
        update(Worker)
        .where(Worker.name == facts.name, Worker.pid == facts.pid)
        .where(Worker.host == facts.host, Worker.started_at == facts.started_at)
    )


def read_entry(session: Session, name: str) -> tuple[Wish, list[dict[str, Any]]]:
    """What a worker is asked (to run, if nobody knows it), and `[{job_id, kind, since}]` of what it runs, the oldest first.

    One statement: a thousand workers ask every few seconds.
    """
    is_its = (Job.worker == Worker.name) & _is_under_way()
    wanted = (Worker.asked, Worker.wanted_concurrency, Job.id, Job.kind, Job.leased_at)
    rows = session.execute(
        select(*wanted)
        .outerjoin(Job, is_its)
        .where(Worker.name == name)
        .order_by(Job.leased_at, Job.id)
    ).all()
    runs = [
        {"job_id": row.id, "kind": row.kind, "since": at.isoformat() if (at := row.leased_at) else None}
        for row in rows
        if row.id is not None
    ]  # fmt: skip
    return Wish(rows[0].asked, rows[0].wanted_concurrency) if rows else Wish(), runs


def _is_under_way() -> ColumnElement[bool]:
    # Written out, so that the planner sees the partial index `ix_jobs_worker`.
    return Job.state.in_([literal_column("'running'"), literal_column("'stopping'")])


def read_workers(session: Session) -> list[Seen]:
    """All that are known, by name."""
    moment = read_clock(session)
    rows = session.scalars(select(Worker).order_by(Worker.name)).all()
    return [Seen(row, _fate(row, moment)) for row in rows]


def _fate(row: Worker, moment: datetime) -> str:
    if row.left_at is not None:
        return "left"
    return "lost" if (moment - row.last_seen).total_seconds() > LOST_AFTER_S else "there"


def get_worker(session: Session, name: str) -> Seen:
    """One of them. Raises NotFound."""
    row = session.get(Worker, name)
    if row is None:
        raise NotFound(
            f"There is no worker called {name!r}.", remedy="Look at the list of workers."
        )
    return Seen(row, _fate(row, read_clock(session)))


def ask(session: Session, name: str, order: str, by: str) -> Worker:
    """Ask a worker to run, drain, pause or stop. Raises NotFound, and Conflict when it has gone."""
    found = get_worker(session, name)
    if found.fate != "there" and order not in (RUN, PAUSE):
        raise Conflict(f"The worker {name} has gone.", remedy="There is nothing to end.")
    row = found.row
    row.asked, row.asked_by, row.asked_at = order, by, from_now(session, 0.0)
    session.flush()
    session.refresh(row)
    return row


def ask_size(session: Session, name: str, concurrency: int) -> Worker:
    """Ask a worker to run so many jobs at once. Raises NotFound, InvalidInput when it cannot."""
    row = get_worker(session, name).row
    if row.pool != PREFORK or GPU in row.queues:
        raise InvalidInput(
            f"The worker {name} runs one job at a time.",
            remedy="Only workers with a pool of processes and without a GPU can run more; start another worker.",
        )
    row.wanted_concurrency = concurrency
    session.flush()
    return row


def asked_state(asked: str, is_busy: bool) -> str:
    """The state of a worker that was asked for something else than to run."""
    if asked == DRAIN:
        return "draining" if is_busy else "drained"
    return "paused" if asked == PAUSE else "stopping"


def forget(session: Session, name: str) -> None:
    """Remove one that has gone. Raises NotFound, Conflict when it is there."""
    found = get_worker(session, name)
    if found.fate == "there":
        raise Conflict(f"The worker {name} is there.", remedy="Stop it first.")
    session.delete(found.row)
    session.flush()


def trim_workers(session: Session) -> None:
    """Forget those that left an hour ago, and those that were lost a week ago."""
    left = Worker.left_at < _ago(session, LEFT_KEPT_S)
    lost = Worker.left_at.is_(None) & (Worker.last_seen < _ago(session, LOST_KEPT_S))
    session.execute(delete(Worker).where(or_(left, lost)))


def _ago(session: Session, seconds: float) -> datetime:
    return read_clock(session) - timedelta(seconds=seconds)
