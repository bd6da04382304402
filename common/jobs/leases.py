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

import math
import secrets
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from common.db.clock import from_now, read_clock
from common.db.engine import hold_among_many, longest_silence_s
from common.db.tables import Job, now
from common.errors import ClipBrowserError, InvalidInput, WorkerLost
from common.jobs.chains import fail_followers, mend
from common.jobs.cleaning import clean_json
from common.jobs.counts.ends import note_ends
from common.jobs.counts.tallies import LOST_LEASES, count
from common.jobs.limits import UNDER_WAY, WHOLE, has_room, read_room_for
from common.jobs.order import WaitingJob
from common.jobs.states import FINISHED, changed, get_job
from common.jobs.turns import read_turns, turn_of
from common.settings import Settings

INTERRUPTED = -1e9  # the place of a job that lost its worker: it had its turn, and goes on first
EXTEND_SHARE = 0.4  # of the time between two looks
APART_SHARE = 0.5  # of the same: looks that come closer upon each other prove nothing
LeaseRow = Any  # a row of `reap`'s select: id, lease_owner, lease_until, suspect_lease
FRESH_SHARE = 0.5  # of a lease must be left, or it was not extended lately
GIVE_UP_SHARE = 0.8
SLACK_S = 1.0  # that the clocks of two machines may differ without suspicion


@dataclass(frozen=True)
class Lease:
    """What a runner holds while it executes a job; `owner` is unique to this execution.

    taken_at: a moment just before it was taken, in this process's monotonic seconds.
    """

    job_id: str
    owner: str
    attempt: int
    taken_at: float


def extend_every_s(settings: Settings) -> float:
    """How often a runner extends its lease: more often than the reaper looks."""
    return min(settings.lease_s / 5, settings.reap_every_s * EXTEND_SHARE)


def require_lasting_leases(settings: Settings) -> None:
    """Raises InvalidInput when a lease ends sooner than a single silence may last, or is looked for too rarely.

    A runner extends it every `extend_every_s`; a try may then hang for as long as the database is
    waited for, and the work is given up at GIVE_UP_SHARE of the lease.
    """
    silence_s = longest_silence_s(settings.database)
    least_s = (extend_every_s(settings) + silence_s) / GIVE_UP_SHARE
    if settings.lease_s < least_s:
        raise InvalidInput(
            f"CLIP_BROWSER_LEASE_S is {settings.lease_s:g}: the database may be silent for {silence_s:g} s, "
            "and a job would be given to another worker while it runs.",
            remedy=f"Set it to {math.ceil(least_s)} or more; 30 is usual.",
        )
    if settings.reap_every_s > settings.lease_s:
        raise InvalidInput(
            f"CLIP_BROWSER_REAP_EVERY_S is {settings.reap_every_s:g}, more than the "
            f"{settings.lease_s:g} s of CLIP_BROWSER_LEASE_S.",
            remedy="Look for lost jobs more often than a lease lasts; 5 is usual.",
        )


def _leave_none(_session: Session, _job: WaitingJob) -> bool:
    return False


def take_next(
    session: Session,
    queue: str,
    kinds: Collection[str],
    worker: str,
    lease_s: float,
    leave: Callable[[Session, WaitingJob], bool] = _leave_none,
    name: str | None = None,
) -> Lease | None:
    """Take the job of this queue whose turn it is; None when none may begin now.

    kinds: those that this worker can do. leave: whether another worker had better take this one. name: of the worker,
    which may have been asked to take nothing. One worker at a time takes from a queue: its order and limits hold.
    """
    hold_among_many(session, turn_of(queue))
    room = read_room_for(session, queue, name)
    if room is None or not has_room(room, WHOLE):
        return None
    for job in read_turns(session, queue):
        may_begin = job.may_begin and job.kind in kinds and has_room(room, job.kind)
        if may_begin and not leave(session, job):
            held = take(session, job.id, worker, lease_s, name)
            if held is not None:
                return held
    return None


def take(
    session: Session, job_id: str, worker: str, lease_s: float, name: str | None = None
) -> Lease | None:
    """Take this job, if it is queued. None when somebody else has it."""
    owner = f"{worker}/{secrets.token_hex(4)}"
    moment, taken_at = now(), time.monotonic()
    taken = (
        update(Job)
        .where(Job.id == job_id, Job.state == "queued", Job.stop_requested.is_(None))
        .where(Job.attempt < Job.max_attempts)
        .values(
            state="running",
            worker=name,
            leased_at=moment,
            lease_owner=owner,
            lease_until=from_now(session, lease_s),
            suspect_lease=None,
            place=None,
            not_before=None,
            attempt=Job.attempt + 1,
            started_at=func.coalesce(Job.started_at, moment),
            error=None,
            seq=Job.seq + 1,
        )
        .returning(Job.attempt)
    )
    # others that take from this queue wait meanwhile: one trip to the database in place of two
    attempt = session.scalar(taken, execution_options={"synchronize_session": False})
    if attempt is None:
        return None
    return Lease(job_id, owner, attempt, taken_at)


def mine(held: Lease) -> Any:
    """An UPDATE of a job that does nothing when the job is another's, or has ended."""
    return (
        update(Job)
        .where(Job.id == held.job_id, Job.lease_owner == held.owner)
        .where(Job.state.in_(UNDER_WAY))
    )


def extend_lease(session: Session, held: Lease, lease_s: float) -> tuple[bool, str | None]:
    """Heartbeat: (still mine, stop_requested). When not mine the runner must end without a trace.

    One statement: with a thousand workers nothing else asks the database as often.
    """
    kept = mine(held).values(lease_until=from_now(session, lease_s)).returning(Job.stop_requested)
    row = session.execute(kept, execution_options={"synchronize_session": False}).first()
    return (False, None) if row is None else (True, row.stop_requested)


def read_stop(session: Session, held: Lease) -> tuple[bool, str | None]:
    """(still mine, stop_requested) without writing."""
    row = session.execute(
        select(Job.lease_owner, Job.state, Job.stop_requested).where(Job.id == held.job_id)
    ).first()
    if row is None:
        return False, "kill"
    return row.lease_owner == held.owner and row.state in UNDER_WAY, row.stop_requested


def write_checkpoint(session: Session, held: Lease, checkpoint: dict[str, Any] | None) -> bool:
    """Remember where to go on; the facts are the job kind's own."""
    return changed(
        session,
        update(Job)
        .where(Job.id == held.job_id, Job.lease_owner == held.owner)
        .values(checkpoint=clean_json(checkpoint)),
    )


def advance(session: Session, held: Lease, reached: int) -> None:
    """The job's kept checkpoint is so far now. Where it has moved on, attempts count anew from this one.

    So machines that are taken away (spot instances) end no run that gets on, however many they are; a
    run that dies at the same place each time ends after max_attempts. reached: in steps of its own, only
    a higher number than ever before counts, so no run goes on for ever.
    """
    changed(
        session,
        update(Job)
        .where(Job.id == held.job_id, Job.lease_owner == held.owner, Job.reached < reached)
        .values(
            reached=reached,
            max_attempts=Job.max_attempts + Job.attempt - Job.counted_from,
            counted_from=Job.attempt,
        ),
    )


def finish(
    session: Session,
    held: Lease,
    state: str,
    *,
    result: dict[str, Any] | None = None,
    error: ClipBrowserError | None = None,
) -> list[Job]:
    """Close a job that is mine as succeeded, failed or stopped; what waits for a failed one fails with it.

    The jobs that have ended, this one first; none when it is no longer mine.
    """
    if state not in FINISHED:
        raise ValueError(f"{state} is no final state")
    closed = mine(held).values(
        state=state,
        result=clean_json(result),
        error=clean_json(error.to_dict()) if error else None,
        finished_at=now(),
        lease_owner=None,
        lease_until=None,
        seq=Job.seq + 1,
    )
    if not changed(session, closed):
        return []
    ended = _with_followers(session, get_job(session, held.job_id))
    note_ends(session, ended)
    return ended


def _with_followers(session: Session, job: Job) -> list[Job]:
    """A job that has ended, and those that it took along."""
    return [job, *(fail_followers(session, job) if job.state == "failed" else [])]


def release(session: Session, held: Lease, *, counts: bool, pause_s: float = 0.0) -> bool:
    """Give a job that is mine back to the queue; False when it may not be tried again.

    `counts`: the attempt counts (its child process was killed, or something did not answer); a worker
    that shuts down in order gives it back uncounted. pause_s: nobody takes it before that has passed.
    """
    given_back = (
        update(Job)
        .where(Job.id == held.job_id, Job.lease_owner == held.owner, Job.state == "running")
        .values(
            state="queued",
            place=INTERRUPTED,
            not_before=from_now(session, pause_s) if pause_s else None,
            lease_owner=None,
            lease_until=None,
            seq=Job.seq + 1,
        )
    )
    if counts:
        return changed(session, given_back.where(Job.attempt < Job.max_attempts))
    return changed(session, given_back.values(attempt=Job.attempt - 1))


def give_way(session: Session, held: Lease) -> bool:
    """Give a job that is mine back to the queue, where it waits for its next turn like one that was queued now.

    The attempt does not count. False when it is to be stopped, or is another's.
    """
    given_back = (
        update(Job)
        .where(Job.id == held.job_id, Job.lease_owner == held.owner, Job.state == "running")
        .values(
            state="queued",
            queued_at=now(),
            attempt=Job.attempt - 1,
            lease_owner=None,
            lease_until=None,
            seq=Job.seq + 1,
        )
    )
    return changed(session, given_back)


def reap(
    session: Session, settings: Settings, moment: datetime | None = None
) -> tuple[list[Job], list[Job]]:
    """One look at all leases: (jobs queued again, jobs ended). The caller announces them.

    A lost job with attempts left is queued again; one that was being stopped ends as stopped; one
    without attempts left fails with `worker_lost`, and what waits for it too. Queued jobs that could
    never begin are ended. moment: what the database's clock says.
    """
    moment = moment or read_clock(session)
    again: list[Job] = []
    ended: list[Job] = []
    lost = 0
    leases = select(Job.id, Job.lease_owner, Job.lease_until, Job.suspect_lease)
    for row in session.execute(leases.where(Job.state.in_(UNDER_WAY))).all():
        if _is_fresh(row, settings, moment):
            if row.suspect_lease is not None:
                changed(session, _same_lease(row).values(suspect_lease=None))
        elif not _is_known_suspect(row):
            suspect = f"{_lease_text(row)} {moment.isoformat()}"
            changed(session, _same_lease(row).values(suspect_lease=suspect))
        elif _is_confirmed(row, settings, moment):
            lost += _end_lost(session, row, again, ended)
    ended += mend(session)
    note_ends(session, ended)
    count(session, LOST_LEASES, lost)
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


def _end_lost(session: Session, row: LeaseRow, again: list[Job], ended: list[Job]) -> bool:
    """Take a job from its lost worker; False when its row has changed just now: the next look sees it."""
    cleared = {
        "lease_owner": None, "lease_until": None, "suspect_lease": None, "seq": Job.seq + 1,
    }  # fmt: skip
    final = {**cleared, "finished_at": now()}
    error = WorkerLost("The worker that ran this job was lost.").to_dict()
    lost = _same_lease(row)
    unasked = lost.where(Job.stop_requested.is_(None))  # a stop may come between two statements
    if changed(
        session, lost.where(Job.stop_requested.is_not(None)).values(state="stopped", **final)
    ) or changed(
        session,
        unasked.where(Job.attempt >= Job.max_attempts).values(state="failed", error=error, **final),
    ):
        ended += _with_followers(session, get_job(session, row.id))
        return True
    tried_again = unasked.where(Job.attempt < Job.max_attempts)
    if changed(session, tried_again.values(state="queued", place=INTERRUPTED, **cleared)):
        again.append(get_job(session, row.id))
        return True
    return False
