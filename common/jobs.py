"""The job state machine. Every change of a job's state is one of the functions below.

    queued -> running -> (stopping) -> succeeded | failed | stopped

Each change is a single UPDATE whose WHERE names the state it starts from, so of two that race
one wins and the other sees that nothing was changed. The database decides; Celery's messages
only say that there may be work.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import and_, delete, func, or_, select, update
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session

from common.errors import ClipBrowserError, Conflict, InvalidInput, NotFound, WorkerLost
from common.schema import Job, JobMetric, now

ACTIVE = ("queued", "running", "stopping")
FINISHED = ("succeeded", "failed", "stopped")
KINDS = {
    "ingest": "cpu",
    "sample": "cpu",
    "import_captions": "cpu",
    "edit_captions": "cpu",
    "undo_edit": "cpu",
    "split": "cpu",
    "augment": "cpu",
    "augment_llm": "gpu",
    "train": "gpu",
    "index": "gpu",
    "map": "cpu",
}
# Kinds whose captions can be brought back, and how the client ids of what they saved begin.
UNDOABLE = {"edit_captions": "edit", "import_captions": "import", "undo_edit": "undo"}
RESUMABLE = ("ingest", "import_captions", "train", "augment", "index")
MAX_PRIORITY = 9
MAX_UPLOADS = 2000  # files of one ingest that portions were added to: its row is written often


@dataclass(frozen=True)
class Claim:
    """What a runner holds while it executes a job; `owner` is unique to this execution."""

    job_id: str
    owner: str
    attempt: int


def queue_of(kind: str, params: dict[str, Any]) -> str:
    """The queue a job of this kind goes to; paraphrases by a language model need the GPU queue."""
    if kind == "augment" and params.get("method") == "llm":
        return KINDS["augment_llm"]
    return KINDS[kind]


def create_job(
    session: Session,
    kind: str,
    *,
    dataset_id: str | None,
    params: dict[str, Any],
    created_by: str,
    after_job_id: str | None = None,
    max_attempts: int = 3,
    priority: int = 5,
) -> Job:
    """A new queued job. Raises NotFound for an unknown `after_job_id`, InvalidInput if it failed."""
    if after_job_id is not None:
        before = get_job(session, after_job_id)
        if before.state in ("failed", "stopped"):
            raise InvalidInput(
                f"Job {after_job_id} has {before.state}, so nothing can follow it.",
                remedy="Retry or resume that job first, or leave after_job_id out.",
            )
    job = Job(
        id=secrets.token_hex(6),
        kind=kind,
        queue=queue_of(kind, params),
        state="queued",
        dataset_id=dataset_id,
        params=params,
        created_by=created_by,
        after_job_id=after_job_id,
        max_attempts=max_attempts,
        priority=priority,
        progress={},
        created_at=now(),
    )
    session.add(job)
    session.flush()
    return job


def add_uploads(
    session: Session,
    job_id: str,
    uploads: list[dict[str, str]],
    *,
    dataset_id: str,
    created_by: str,
) -> Job | None:
    """Let an ingest that has not begun take more files; None when it has, or is another's.

    The row is locked meanwhile, so a worker claims the job before it or with all its files.
    """
    job = session.scalar(
        select(Job)
        .where(Job.id == job_id, Job.kind == "ingest", Job.state == "queued", Job.attempt == 0)
        .where(Job.dataset_id == dataset_id, Job.created_by == created_by)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if job is None or job.checkpoint is not None:
        return None
    before = job.params["uploads"]
    if len(before) + len(uploads) > MAX_UPLOADS:
        return None
    job.params = {**job.params, "uploads": [*before, *uploads]}
    job.seq += 1
    session.flush()
    return job


def get_job(session: Session, job_id: str) -> Job:
    """The job as it stands in the database now. Raises NotFound."""
    job = session.get(Job, job_id, populate_existing=True)
    if job is None:
        raise NotFound(f"There is no job {job_id}.", remedy="Look at the list of jobs.")
    return job


def _changed(session: Session, statement: Any) -> bool:
    outcome: CursorResult[Any] = session.execute(  # type: ignore[assignment]
        statement, execution_options={"synchronize_session": False}
    )
    return outcome.rowcount > 0


def ready(session: Session, job: Job) -> bool:
    """Whether the job it waits for (if any) has succeeded."""
    if job.after_job_id is None:
        return True
    before = session.get(Job, job.after_job_id, populate_existing=True)
    return before is None or before.state == "succeeded"


def claim(session: Session, job_id: str, worker: str, lease_s: float) -> Claim | None:
    """Take the job, if it is queued or its lease ran out. None when somebody else has it."""
    owner = f"{worker}/{secrets.token_hex(4)}"
    moment = now()
    free = or_(Job.state == "queued", and_(Job.state == "running", Job.lease_until < moment))
    taken = _changed(
        session,
        update(Job)
        .where(Job.id == job_id, free, Job.stop_requested.is_(None))
        .where(Job.attempt < Job.max_attempts)
        .values(
            state="running",
            lease_owner=owner,
            lease_until=moment + timedelta(seconds=lease_s),
            attempt=Job.attempt + 1,
            started_at=func.coalesce(Job.started_at, moment),
            error=None,
            seq=Job.seq + 1,
        ),
    )
    if not taken:
        return None
    return Claim(job_id, owner, get_job(session, job_id).attempt)


def extend_lease(session: Session, held: Claim, lease_s: float) -> tuple[bool, str | None]:
    """Heartbeat: (still mine, stop_requested). When not mine the runner must end without a trace."""
    mine = _changed(
        session,
        update(Job)
        .where(Job.id == held.job_id, Job.lease_owner == held.owner)
        .where(Job.state.in_(("running", "stopping")))
        .values(lease_until=now() + timedelta(seconds=lease_s)),
    )
    wish = session.scalar(select(Job.stop_requested).where(Job.id == held.job_id))
    return mine, wish


def read_stop(session: Session, held: Claim) -> tuple[bool, str | None]:
    """(still mine, stop_requested) without writing: cheap enough for twice a second."""
    row = session.execute(
        select(Job.lease_owner, Job.state, Job.stop_requested).where(Job.id == held.job_id)
    ).first()
    if row is None:
        return False, "kill"
    return row.lease_owner == held.owner and row.state in (
        "running",
        "stopping",
    ), row.stop_requested


def write_progress(session: Session, held: Claim, progress: dict[str, Any]) -> int | None:
    """Store a progress record; its `seq`, or None when the job is no longer mine."""
    mine = _changed(
        session,
        update(Job)
        .where(Job.id == held.job_id, Job.lease_owner == held.owner)
        .where(Job.state.in_(("running", "stopping")))
        .values(progress=progress, seq=Job.seq + 1),
    )
    return session.scalar(select(Job.seq).where(Job.id == held.job_id)) if mine else None


def write_checkpoint(session: Session, held: Claim, checkpoint: dict[str, Any] | None) -> bool:
    """Remember where to go on; the facts are the job kind's own."""
    return _changed(
        session,
        update(Job)
        .where(Job.id == held.job_id, Job.lease_owner == held.owner)
        .values(checkpoint=checkpoint),
    )


def finish(
    session: Session,
    held: Claim,
    state: str,
    *,
    result: dict[str, Any] | None = None,
    error: ClipBrowserError | None = None,
) -> bool:
    """Close a job that is mine as succeeded, failed or stopped. False when it no longer is."""
    if state not in FINISHED:
        raise ValueError(f"{state} is no final state")
    return _changed(
        session,
        update(Job)
        .where(Job.id == held.job_id, Job.lease_owner == held.owner)
        .where(Job.state.in_(("running", "stopping")))
        .values(
            state=state,
            result=result,
            error=error.to_dict() if error else None,
            finished_at=now(),
            lease_owner=None,
            lease_until=None,
            seq=Job.seq + 1,
        ),
    )


def request_stop(session: Session, job_id: str, mode: str) -> Job:
    """Stop a queued job at once; ask a running one to. A finished one: raises Conflict."""
    if mode not in ("save", "kill"):
        raise InvalidInput(f"mode is {mode!r}", remedy="Use 'save' or 'kill'.")
    moment = now()
    stopped = _changed(
        session,
        update(Job)
        .where(Job.id == job_id, Job.state == "queued")
        .values(state="stopped", stop_requested=mode, finished_at=moment, seq=Job.seq + 1),
    )
    asked = stopped or _changed(
        session,
        update(Job)
        .where(Job.id == job_id, Job.state.in_(("running", "stopping")))
        .values(state="stopping", stop_requested=mode, seq=Job.seq + 1),
    )
    job = get_job(session, job_id)
    if not asked:
        raise Conflict(f"Job {job_id} has already {job.state}.", remedy="There is nothing to stop.")
    return job


def requeue(session: Session, job_id: str, *, fresh: bool) -> Job:
    """Queue a finished job again: resume (keeps its checkpoint) or retry (`fresh`: from the start)."""
    moved = _changed(
        session,
        update(Job)
        .where(Job.id == job_id, Job.state.in_(("stopped", "failed")))
        .values(
            state="queued",
            attempt=0,
            stop_requested=None,
            error=None,
            result=None,
            finished_at=None,
            sent_at=None,
            lease_owner=None,
            lease_until=None,
            seq=Job.seq + 1,
        ),
    )
    job = get_job(session, job_id)
    if not moved:
        raise Conflict(
            f"Job {job_id} is {job.state}.",
            remedy="Only a stopped or failed job can be resumed or retried.",
        )
    if fresh:
        job.checkpoint, job.progress, job.started_at = None, {}, None
        session.execute(delete(JobMetric).where(JobMetric.job_id == job_id))
        session.flush()
    return job


def reap(session: Session) -> tuple[list[Job], list[Job]]:
    """Jobs whose lease ran out: (queued again, ended). The caller sends and announces them.

    A job with attempts left is queued again; one that was being stopped ends as stopped; one
    without attempts left fails with `worker_lost`.
    """
    moment = now()
    lost = session.scalars(
        select(Job.id).where(Job.state.in_(("running", "stopping")), Job.lease_until < moment)
    ).all()
    again: list[Job] = []
    ended: list[Job] = []
    for job_id in lost:
        expired = update(Job).where(
            Job.id == job_id, Job.state.in_(("running", "stopping")), Job.lease_until < moment
        )
        cleared = {"lease_owner": None, "lease_until": None, "seq": Job.seq + 1}
        final = {**cleared, "finished_at": moment}
        error = WorkerLost("The worker that ran this job was lost.").to_dict()
        if _changed(
            session,
            expired.where(Job.stop_requested.is_not(None)).values(state="stopped", **final),
        ) or _changed(
            session,
            expired.where(Job.attempt >= Job.max_attempts).values(
                state="failed", error=error, **final
            ),
        ):
            ended.append(get_job(session, job_id))
        elif _changed(session, expired.values(state="queued", sent_at=None, **cleared)):
            again.append(get_job(session, job_id))
    return again, ended


def unsent(session: Session, older_than_s: float) -> list[Job]:
    """Queued jobs whose message was never sent, or so long ago that it may be lost."""
    limit = now() - timedelta(seconds=older_than_s)
    waiting = session.scalars(
        select(Job).where(
            Job.state == "queued",
            or_(
                and_(Job.sent_at.is_(None), Job.created_at < now() - timedelta(seconds=2)),
                Job.sent_at < limit,
            ),
        )
    ).all()
    return [job for job in waiting if ready(session, job)]


def mark_sent(session: Session, job_id: str, task_id: str) -> None:
    """Note that a message for this job is on its way, under which Celery task id."""
    _changed(session, update(Job).where(Job.id == job_id).values(sent_at=now(), task_id=task_id))


def followers(session: Session, job_id: str) -> list[Job]:
    """Queued jobs that wait for this one."""
    return list(
        session.scalars(select(Job).where(Job.after_job_id == job_id, Job.state == "queued"))
    )


def fail_followers(session: Session, job: Job) -> list[Job]:
    """End the jobs that wait for one that failed or was stopped; they could never run."""
    ended: list[Job] = []
    for follower in followers(session, job.id):
        error = Conflict(
            f"The job before it ({job.kind} {job.id}) has {job.state}.",
            remedy="Retry or resume that job, then retry this one.",
        ).to_dict()
        if _changed(
            session,
            update(Job)
            .where(Job.id == follower.id, Job.state == "queued")
            .values(state="failed", error=error, finished_at=now(), seq=Job.seq + 1),
        ):
            ended.append(get_job(session, follower.id))
            ended.extend(fail_followers(session, ended[-1]))
    return ended


def queue_position(session: Session, job: Job) -> int | None:
    """1 for the queued job that starts next on its queue; None when it is not queued."""
    if job.state != "queued":
        return None
    earlier = or_(
        Job.priority < job.priority,
        and_(Job.priority == job.priority, Job.created_at < job.created_at),
    )
    before = session.scalar(
        select(func.count()).where(Job.queue == job.queue, Job.state == "queued", earlier)
    )
    return int(before or 0) + 1


def last_succeeded(session: Session, dataset_id: str, kinds: Sequence[str]) -> dict[str, Job]:
    """The newest succeeded job of each kind of a dataset."""
    newest: dict[str, Job] = {}
    found = session.scalars(
        select(Job)
        .where(Job.dataset_id == dataset_id, Job.kind.in_(kinds), Job.state == "succeeded")
        .order_by(Job.finished_at)
    )
    for job in found:
        newest[job.kind] = job
    return newest


def release(session: Session, held: Claim, *, counts: bool) -> bool:
    """Give a job that is mine back to the queue; False when it may not be tried again.

    `counts`: the attempt counts (its child process was killed); a worker that shuts down in order
    gives it back uncounted.
    """
    mine = (
        update(Job)
        .where(Job.id == held.job_id, Job.lease_owner == held.owner, Job.state == "running")
        .values(state="queued", lease_owner=None, lease_until=None, sent_at=None, seq=Job.seq + 1)
    )
    if counts:
        return _changed(session, mine.where(Job.attempt < Job.max_attempts))
    return _changed(session, mine.values(attempt=Job.attempt - 1))
