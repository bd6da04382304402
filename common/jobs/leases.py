"""The worker's side of a job: taking the next one, keeping its lease, ending it; and finding lost ones.

Whoever changes a row from queued to running owns that execution, and every later word of it names
the owner. Clocks jump, and those of two machines differ; so the reaper first only suspects a lease
that was not extended lately, or that lies further ahead than any runner would write it. It is lost
when it has run out, by that same clock, and a later look finds the very same lease: a runner that
lives writes a new one several times between two looks (`extend_every_s`). So no clock makes a job
run twice, and none hides a lost one. A runner that cannot write for GIVE_UP_SHARE of its lease ends
its work before anybody else may begin it.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from common.db.engine import hold
from common.db.tables import Job, now
from common.errors import ClipBrowserError, WorkerLost
from common.jobs.queues import read_pause, read_turns, turn_of
from common.jobs.states import FINISHED, changed, get_job
from common.settings import Settings

UNDER_WAY = ("running", "stopping")
INTERRUPTED = -1e9  # the place of a job that lost its worker: it had its turn, and goes on first
EXTEND_SHARE = 0.4  # of the time between two looks
APART_SHARE = 0.5  # of the same: looks that come closer upon each other prove nothing
LeaseRow = Any  # a row of `reap`'s select: id, lease_owner, lease_until, suspect_lease
FRESH_SHARE = 0.5  # of a lease must be left, or it was not extended lately
GIVE_UP_SHARE = 0.8
SLACK_S = 1.0  # that the clocks of two machines may differ without suspicion


@dataclass(frozen=True)
class Lease:
    """What a runner holds while it executes a job; `owner` is unique to this execution."""

    job_id: str
    owner: str
    attempt: int


def extend_every_s(settings: Settings) -> float:
    """How often a runner extends its lease: more often than the reaper looks."""
    return min(settings.lease_s / 5, settings.reap_every_s * EXTEND_SHARE)


def take_next(
    session: Session, queue: str, kinds: Collection[str], worker: str, lease_s: float
) -> Lease | None:
    """Take the job of this queue whose turn it is; None when none may begin now.

    kinds: those that this worker can do. One worker at a time takes from a queue, so that the order holds.
    """
    hold(session, turn_of(queue))
    if read_pause(session, queue) is not None:
        return None
    for job in read_turns(session, queue):
        if job.after is None and job.kind in kinds:
            held = take(session, job.id, worker, lease_s)
            if held is not None:
                return held
    return None


def take(session: Session, job_id: str, worker: str, lease_s: float) -> Lease | None:
    """Take this job, if it is queued. None when somebody else has it."""
    owner = f"{worker}/{secrets.token_hex(4)}"
    moment = now()
    taken = changed(
        session,
        update(Job)
        .where(Job.id == job_id, Job.state == "queued", Job.stop_requested.is_(None))
        .where(Job.attempt < Job.max_attempts)
        .values(
            state="running",
            lease_owner=owner,
            lease_until=moment + timedelta(seconds=lease_s),
            suspect_lease=None,
            place=None,
            attempt=Job.attempt + 1,
            started_at=func.coalesce(Job.started_at, moment),
            error=None,
            seq=Job.seq + 1,
        ),
    )
    if not taken:
        return None
    return Lease(job_id, owner, get_job(session, job_id).attempt)


def _mine(held: Lease) -> Any:
    return (
        update(Job)
        .where(Job.id == held.job_id, Job.lease_owner == held.owner)
        .where(Job.state.in_(UNDER_WAY))
    )


def extend_lease(session: Session, held: Lease, lease_s: float) -> tuple[bool, str | None]:
    """Heartbeat: (still mine, stop_requested). When not mine the runner must end without a trace."""
    until = now() + timedelta(seconds=lease_s)
    mine = changed(session, _mine(held).values(lease_until=until))
    wish = session.scalar(select(Job.stop_requested).where(Job.id == held.job_id))
    return mine, wish


def read_stop(session: Session, held: Lease) -> tuple[bool, str | None]:
    """(still mine, stop_requested) without writing: cheap enough for four times a second."""
    row = session.execute(
        select(Job.lease_owner, Job.state, Job.stop_requested).where(Job.id == held.job_id)
    ).first()
    if row is None:
        return False, "kill"
    mine = row.lease_owner == held.owner and row.state in UNDER_WAY
    return mine, row.stop_requested


def write_progress(session: Session, held: Lease, progress: dict[str, Any]) -> int | None:
    """Store a progress record; its `seq`, or None when the job is no longer mine."""
    mine = changed(session, _mine(held).values(progress=progress, seq=Job.seq + 1))
    return session.scalar(select(Job.seq).where(Job.id == held.job_id)) if mine else None


def write_checkpoint(session: Session, held: Lease, checkpoint: dict[str, Any] | None) -> bool:
    """Remember where to go on; the facts are the job kind's own."""
    return changed(
        session,
        update(Job)
        .where(Job.id == held.job_id, Job.lease_owner == held.owner)
        .values(checkpoint=checkpoint),
    )


def finish(
    session: Session,
    held: Lease,
    state: str,
    *,
    result: dict[str, Any] | None = None,
    error: ClipBrowserError | None = None,
) -> bool:
    """Close a job that is mine as succeeded, failed or stopped. False when it no longer is."""
    if state not in FINISHED:
        raise ValueError(f"{state} is no final state")
    return changed(
        session,
        _mine(held).values(
            state=state,
            result=result,
            error=error.to_dict() if error else None,
            finished_at=now(),
            lease_owner=None,
            lease_until=None,
            seq=Job.seq + 1,
        ),
    )


def release(session: Session, held: Lease, *, counts: bool) -> bool:
    """Give a job that is mine back to the queue; False when it may not be tried again.

    `counts`: the attempt counts (its child process was killed); a worker that shuts down in order
    gives it back uncounted.
    """
    mine = (
        update(Job)
        .where(Job.id == held.job_id, Job.lease_owner == held.owner, Job.state == "running")
        .values(
            state="queued",
            place=INTERRUPTED,
            lease_owner=None,
            lease_until=None,
            seq=Job.seq + 1,
        )
    )
    if counts:
        return changed(session, mine.where(Job.attempt < Job.max_attempts))
    return changed(session, mine.values(attempt=Job.attempt - 1))


def reap(
    session: Session, settings: Settings, moment: datetime | None = None
) -> tuple[list[Job], list[Job]]:
    """One look at all leases: (jobs queued again, jobs ended). The caller announces them.

    A lost job with attempts left is queued again; one that was being stopped ends as stopped; one
    without attempts left fails with `worker_lost`. moment: what this machine's clock says.
    """
    moment = moment or now()
    again: list[Job] = []
    ended: list[Job] = []
    leases = select(Job.id, Job.lease_owner, Job.lease_until, Job.suspect_lease)
    for row in session.execute(leases.where(Job.state.in_(UNDER_WAY))).all():
        if _is_fresh(row, settings, moment):
            if row.suspect_lease is not None:
                changed(session, _same_lease(row).values(suspect_lease=None))
        elif not _is_known_suspect(row):
            suspect = f"{_lease_text(row)} {moment.isoformat()}"
            changed(session, _same_lease(row).values(suspect_lease=suspect))
        elif _is_confirmed(row, settings, moment):
            _end_lost(session, row, again, ended)
    return again, ended


def _is_fresh(row: LeaseRow, settings: Settings, moment: datetime) -> bool:
    return _has_left(row, settings, moment, settings.lease_s * FRESH_SHARE)


def _has_left(row: LeaseRow, settings: Settings, moment: datetime, least_s: float) -> bool:
    """Whether so many seconds of a lease are left, and not more than a runner would have written."""
    if row.lease_until is None:
        return False
    left_s = (row.lease_until - moment).total_seconds()
    return bool(least_s <= left_s <= settings.lease_s + SLACK_S)


def _lease_text(row: LeaseRow) -> str:
    until = row.lease_until.isoformat() if row.lease_until else "never"
    return f"{row.lease_owner} {until}"


def _is_known_suspect(row: LeaseRow) -> bool:
    """Whether an earlier look found this very lease."""
    return (row.suspect_lease or "").rpartition(" ")[0] == _lease_text(row)


def _is_confirmed(row: LeaseRow, settings: Settings, moment: datetime) -> bool:
    """Whether it has run out, and the runner had the time to write another one since the first look."""
    if _has_left(row, settings, moment, 0.0):
        return False
    since = moment - datetime.fromisoformat(row.suspect_lease.rpartition(" ")[2])
    return abs(since.total_seconds()) >= settings.reap_every_s * APART_SHARE


def _same_lease(row: LeaseRow) -> Any:
    return (
        update(Job)
        .where(Job.id == row.id, Job.state.in_(UNDER_WAY))
        .where(Job.lease_owner.is_not_distinct_from(row.lease_owner))
        .where(Job.lease_until.is_not_distinct_from(row.lease_until))
    )


def _end_lost(session: Session, row: LeaseRow, again: list[Job], ended: list[Job]) -> None:
    cleared = {
        "lease_owner": None, "lease_until": None, "suspect_lease": None, "seq": Job.seq + 1,
    }  # fmt: skip
    final = {**cleared, "finished_at": now()}
    error = WorkerLost("The worker that ran this job was lost.").to_dict()
    lost = _same_lease(row)
    if changed(
        session, lost.where(Job.stop_requested.is_not(None)).values(state="stopped", **final)
    ) or changed(
        session,
        lost.where(Job.attempt >= Job.max_attempts).values(state="failed", error=error, **final),
    ):
        ended.append(get_job(session, row.id))
    elif changed(session, lost.values(state="queued", place=INTERRUPTED, **cleared)):
        again.append(get_job(session, row.id))
