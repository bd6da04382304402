"""Who may move a waiting job in its queue, and where to."""

from __future__ import annotations

from sqlalchemy import update
from sqlalchemy.orm import Session

from api.jobs.submission import USUAL_PRIORITY
from api.people.access import Access, is_seen_job
from common.db.engine import hold
from common.db.tables import Job
from common.errors import Conflict, Forbidden, InvalidInput
from common.jobs.order import Spot, WaitingJob, put_before, swap_own
from common.jobs.queues import read_queue
from common.jobs.states import changed, get_job
from common.jobs.turns import turn_of


def move_job(
    session: Session, job_id: str, who: Access, priority: int | None, before: str | None
) -> Job:
    """Give a waiting job another priority or place; the job as it stands then.

    Administrators may set any; others lower their own jobs' priority and change places among them.
    Raises NotFound, Forbidden, InvalidInput, Conflict when it does not wait (any more).
    """
    hold(session, turn_of(get_job(session, job_id).queue))  # nobody takes it meanwhile
    job = get_job(session, job_id)
    if priority is None and before is None:
        raise InvalidInput("priority, before: one is needed", remedy="Say where the job goes.")
    if job.state != "queued":
        raise Conflict(
            f"Job {job.id} is {job.state}.", remedy="Only a queued job has a place in the queue."
        )
    if priority is not None:
        require_priority(who, priority)
        _write(session, {job.id: Spot(priority, None, job.queued_at or job.created_at)})
    if before is not None:
        _write(session, _new_spots(session, job, who, before))
    return get_job(session, job_id)


def require_priority(who: Access, priority: int) -> None:
    """Raises Forbidden when this person may not set this priority."""
    if not who.is_admin and priority < USUAL_PRIORITY:
        raise Forbidden(
            f"Priority {priority} goes before other people's jobs.",
            remedy=f"An administrator may set it; {USUAL_PRIORITY} to 9 are for everybody's own jobs.",
        )


def _new_spots(session: Session, job: Job, who: Access, before: str) -> dict[str, Spot]:
    ordered = read_queue(session, job.queue).waiting
    if not before:
        return (put_before if who.is_admin else swap_own)(ordered, job.id, "")
    target = _target(ordered if is_seen_job(session, before) else [], job, before)
    if target.person == job.created_by:
        return swap_own(ordered, job.id, before)
    if not who.is_admin:
        raise Forbidden(
            f"Job {before} is {target.person}'s.",
            remedy="An administrator may put your job before it; you may move it among your own.",
        )
    return put_before(ordered, job.id, before)


def _target(ordered: list[WaitingJob], job: Job, before: str) -> WaitingJob:
    target = next((each for each in ordered if each.id == before), None)
    if target is None or target.id == job.id:
        raise InvalidInput(
            f"before: job {before} does not wait in the queue {job.queue} beside {job.id}.",
            remedy="Name another waiting job of that queue, or '' for last.",
        )
    if target.id == job.after_job_id:
        raise Conflict(
            f"Job {job.id} waits for job {before}, so it cannot begin before it.",
            remedy="Move that one first.",
        )
    return target


def _write(session: Session, spots: dict[str, Spot]) -> None:
    for job_id, spot in spots.items():
        changed(
            session,
            update(Job)
            .where(Job.id == job_id, Job.state == "queued")
            .values(
                priority=spot.priority,
                place=spot.place,
                queued_at=spot.queued_at,
                seq=Job.seq + 1,
            ),
        )
