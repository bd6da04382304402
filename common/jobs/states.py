"""The job state machine, as people drive it; what workers do is in `common/jobs/leases.py`, and what
becomes of jobs that wait for others in `common/jobs/chains.py`.

    queued -> running -> (stopping) -> succeeded | failed | stopped

Each change is a single UPDATE whose WHERE names the state it starts from, so of two that race
one wins and the other sees that nothing was changed. The database decides; Celery's messages
only say that there may be work.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session

from common.db.tables import Dataset, Job, JobMetric, now
from common.errors import Conflict, InvalidInput, NotFound
from common.jobs.counts.ends import note_ends
from common.jobs.kinds import kind_of

ACTIVE = ("queued", "running", "stopping")
FINISHED = ("succeeded", "failed", "stopped")
MAX_UPLOADS = 2000  # files of one ingest that portions were added to: its row is written often


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
    group_id: str | None = None,
) -> Job:
    """A new queued job.

    Raises NotFound for an unknown `after_job_id` or a dataset in the trash, InvalidInput if that job failed.
    """
    if after_job_id is not None:
        before = _lock_before(session, after_job_id)
        if before is None:
            raise no_such_job(after_job_id)
        if before.state in ("failed", "stopped"):
            raise InvalidInput(
                f"Job {after_job_id} has {before.state}, so nothing can follow it.",
                remedy="Retry or resume that job first, or leave after_job_id out.",
            )
    if dataset_id is not None:
        _require_dataset(session, dataset_id)
    moment = now()
    job = Job(
        id=secrets.token_hex(6),
        kind=kind,
        queue=kind_of(kind).queue_of(params),
        state="queued",
        dataset_id=dataset_id,
        params=params,
        created_by=created_by,
        after_job_id=after_job_id,
        max_attempts=max_attempts,
        priority=priority,
        group_id=group_id,
        progress={},
        created_at=moment,
        queued_at=moment,
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

    The row is locked meanwhile, so a worker takes the job before it or with all its files.
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
        raise no_such_job(job_id)
    return job


def no_such_job(job_id: str) -> NotFound:
    """What is raised when no job has this id."""
    return NotFound(
        f"There is no job {job_id}.",
        remedy="Look at the list of jobs; those of a deleted dataset went with it.",
    )


def _require_dataset(session: Session, dataset_id: str) -> None:
    """Raises NotFound for a dataset in the trash; its row is locked, so that it does not go there meanwhile."""
    there = select(Dataset.deleted_at).where(Dataset.id == dataset_id)
    if session.scalar(there.with_for_update(read=True)) is not None:
        raise NotFound(
            f"The dataset {dataset_id} was deleted.", remedy="Bring it back from the trash first."
        )


def _lock_before(session: Session, job_id: str) -> Job | None:
    """The job that another is to wait for, its row locked: it ends before that is decided, or after."""
    return session.scalar(
        select(Job)
        .where(Job.id == job_id)
        .with_for_update(read=True)
        .execution_options(populate_existing=True)
    )


def changed(session: Session, statement: Any) -> bool:
    """Run an UPDATE; whether it found a row in the state that its WHERE names."""
    outcome: CursorResult[Any] = session.execute(  # type: ignore[assignment]
        statement, execution_options={"synchronize_session": False}
    )
    return outcome.rowcount > 0


def ready(session: Session, job: Job) -> bool:
    """Whether the job it waits for (if any) has succeeded."""
    if job.after_job_id is None:
        return True
    before = session.get(Job, job.after_job_id, populate_existing=True)
    return before is not None and before.state == "succeeded"


def request_stop(session: Session, job_id: str, mode: str) -> Job:
    """Stop a queued job at once; ask a running one to. A finished one: raises Conflict."""
    if mode not in ("save", "kill"):
        raise InvalidInput(f"mode is {mode!r}", remedy="Use 'save' or 'kill'.")
    moment = now()
    stopped = changed(
        session,
        update(Job)
        .where(Job.id == job_id, Job.state == "queued")
        .values(state="stopped", stop_requested=mode, finished_at=moment, seq=Job.seq + 1),
    )
    asked = stopped or changed(
        session,
        update(Job)
        .where(Job.id == job_id, Job.state.in_(("running", "stopping")))
        .values(state="stopping", stop_requested=mode, seq=Job.seq + 1),
    )
    job = get_job(session, job_id)
    if not asked:
        raise Conflict(f"Job {job_id} has already {job.state}.", remedy="There is nothing to stop.")
    note_ends(session, [job])  # of one that runs there is nothing to count yet
    return job


def requeue(session: Session, job_id: str, *, fresh: bool) -> Job:
    """Queue a finished job again: resume (keeps its checkpoint) or retry (`fresh`: from the start).

    Raises Conflict when it has not ended, or when the job that it is to follow cannot succeed any more.
    """
    after_job_id = _job_to_wait_for(session, get_job(session, job_id))
    moved = changed(
        session,
        update(Job)
        .where(Job.id == job_id, Job.state.in_(("stopped", "failed")))
        .values(
            state="queued",
            attempt=0,
            max_attempts=Job.max_attempts - Job.counted_from,
            counted_from=0,
            stop_requested=None,
            error=None,
            result=None,
            finished_at=None,
            after_job_id=after_job_id,
            queued_at=now(),
            place=None,
            not_before=None,
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
        job.checkpoint, job.progress, job.started_at, job.reached = None, {}, None, 0
        session.execute(delete(JobMetric).where(JobMetric.job_id == job_id))
        session.flush()
    return job


def _job_to_wait_for(session: Session, job: Job) -> str | None:
    """What a job waits for when it is queued again. Raises Conflict when it would wait for ever."""
    if job.after_job_id is None:
        return None
    before = _lock_before(session, job.after_job_id)
    if before is None and job.started_at is not None:
        return None  # it has begun once, so that one had succeeded
    if before is None:
        raise Conflict(
            f"Job {job.after_job_id}, which it was to follow, is not there any more.",
            remedy="Start a new job.",
        )
    if before.state in ("failed", "stopped"):
        raise Conflict(
            f"The job before it ({before.kind} {before.id}) has {before.state}.",
            remedy="Retry or resume that job first, then this one.",
        )
    return before.id


def note_message(session: Session, job_id: str, task_id: str) -> None:
    """Note under which Celery task id the message is on its way that was sent for this job."""
    changed(session, update(Job).where(Job.id == job_id).values(task_id=task_id))


def last_succeeded(session: Session, dataset_id: str, kinds: Sequence[str]) -> dict[str, Job]:
    """The newest succeeded job of each kind of a dataset."""
    newest: dict[str, Job] = {}
    for kind in kinds:
        found = session.scalar(
            select(Job)
            .where(Job.dataset_id == dataset_id, Job.kind == kind, Job.state == "succeeded")
            .order_by(Job.finished_at.desc())
            .limit(1)
        )
        if found is not None:
            newest[kind] = found
    return newest
