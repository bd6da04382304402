"""Jobs that wait for another one: what becomes of them when that one fails, or goes.

Whoever ends a job as failed, or removes its row, settles in the same transaction what waits for it;
whoever makes a job wait for another (`states.create_job`, `states.requeue`) locks that one's row first.
So of the two one comes first, and the other sees what it did: nobody waits for what will never be.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import ColumnElement, Row, func, or_, select, update
from sqlalchemy.orm import Session, aliased

from common.db.tables import Job, now
from common.errors import Conflict
from common.jobs.counts.ends import note_ends
from common.jobs.states import changed, get_job

BEFORE = aliased(Job)
AT_ONCE = 500  # ids in one query; SQLite takes some thousand


def followers(session: Session, job_id: str) -> list[Job]:
    """Queued jobs that wait for this one."""
    return list(
        session.scalars(select(Job).where(Job.after_job_id == job_id, Job.state == "queued"))
    )


def fail_followers(session: Session, job: Job) -> list[Job]:
    """End the jobs that wait for one that has failed, and those that wait for them; which."""
    ended: list[Job] = []
    for follower in followers(session, job.id):
        ended += _fail(session, follower.id, f"The job before it ({job.kind} {job.id}) has failed.")
    return ended


def _fail(session: Session, job_id: str, reason: str) -> list[Job]:
    error = Conflict(reason, remedy="Retry or resume that job, then retry this one.").to_dict()
    failed = (
        update(Job)
        .where(Job.id == job_id, Job.state == "queued")
        .values(state="failed", error=error, finished_at=now(), seq=Job.seq + 1)
    )
    if not changed(session, failed):
        return []
    job = get_job(session, job_id)
    return [job, *fail_followers(session, job)]


def let_go(session: Session, job_ids: Collection[str]) -> list[Job]:
    """Before these jobs' rows are removed: what waits for one that succeeded waits no more, the rest fails.

    Of the jobs themselves none is touched. Returns those that have failed.
    """
    ended: list[Job] = []
    ids = sorted(job_ids)
    for start in range(0, len(ids), AT_ONCE):
        some = ids[start : start + AT_ONCE]
        locked = select(Job.id).where(Job.id.in_(some)).order_by(Job.id).with_for_update()
        session.execute(locked).all()
        for row in _waiting_for(session, Job.after_job_id.in_(some)):
            if row.id in job_ids:
                continue
            if row.before_state == "succeeded":
                changed(session, update(Job).where(Job.id == row.id).values(after_job_id=None))
            else:
                ended += _fail(session, row.id, f"The job before it ({row.name}) was deleted.")
    note_ends(session, ended)
    return ended


def mend(session: Session) -> list[Job]:
    """End queued jobs that can never begin, as an older version or a hand in the database left them.

    Those that wait for a job that failed or is not there fail, and one that was asked to stop has
    stopped. Returns them.
    """
    ended: list[Job] = []
    lost = or_(BEFORE.id.is_(None), BEFORE.state == "failed")
    for row in _waiting_for(session, lost):
        what = "has failed" if row.before_state else "is not there any more"
        ended += _fail(session, row.id, f"The job before it ({row.name}) {what}.")
    asked = select(Job.id).where(Job.state == "queued", Job.stop_requested.is_not(None))
    for job_id in session.scalars(asked).all():
        if changed(
            session,
            update(Job)
            .where(Job.id == job_id, Job.state == "queued", Job.stop_requested.is_not(None))
            .values(state="stopped", finished_at=now(), seq=Job.seq + 1),
        ):
            ended.append(get_job(session, job_id))
    return ended


def _waiting_for(
    session: Session, which: ColumnElement[bool]
) -> Sequence[Row[str, str, str | None]]:
    """(id, name and state of the job before it) of those queued jobs that follow another one."""
    name = func.coalesce(BEFORE.kind + " ", "") + Job.after_job_id
    return session.execute(
        select(Job.id, name.label("name"), BEFORE.state.label("before_state"))
        .outerjoin(BEFORE, BEFORE.id == Job.after_job_id)
        .where(Job.state == "queued", Job.after_job_id.is_not(None), which)
    ).all()
