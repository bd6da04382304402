"""How long the id of a deleted dataset stays taken: until nobody can write in its name any more.

A worker that was at it writes on until it has noticed. So its folders are removed at once, and again when
every lease of that time has run out; only then may another dataset have that id.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from common.datasets.params import CleanUpParams
from common.db.tables import Dataset, Job, now
from common.jobs import states
from common.settings import Settings

KIND = "remove_dataset"


def taken_ids(session: Session, beginning: str) -> set[str]:
    """The ids with this beginning that datasets have, or had and may not be given again yet."""
    there = set(session.scalars(select(Dataset.id).where(Dataset.id.startswith(beginning))))
    return there | {
        params.dataset_id
        for _, params in _unsettled(session)
        if params.dataset_id.startswith(beginning)
    }


def look_again(session: Session, settings: Settings, moment: datetime | None = None) -> list[Job]:
    """New jobs for the folders whose first removal is long enough ago; the caller sends them."""
    before = (moment or now()) - quiet_time(settings)
    made = []
    for job, params in _unsettled(session):
        if job.state == "succeeded" and job.finished_at and job.finished_at < before:
            again = params.model_copy(update={"is_last": True})
            made.append(
                states.create_job(
                    session, KIND, dataset_id=None, params=again.model_dump(),
                    created_by=job.created_by,
                )
            )  # fmt: skip
            job.params = params.model_copy(update={"is_followed": True}).model_dump()
    return made


def quiet_time(settings: Settings) -> timedelta:
    """After this no worker can be at a job that was deleted: its lease has run out, its child is ended."""
    return timedelta(seconds=2 * (settings.lease_s + settings.stop_grace_s))


def _unsettled(session: Session) -> list[tuple[Job, CleanUpParams]]:
    """The jobs that remove the folders of a dataset, of which the last one has not succeeded."""
    jobs = session.scalars(select(Job).where(Job.kind == KIND).order_by(Job.created_at))
    found = [(job, CleanUpParams.model_validate(job.params)) for job in jobs]
    return [
        (job, params)
        for job, params in found
        if not params.is_followed and not (params.is_last and job.state == "succeeded")
    ]
