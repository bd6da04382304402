"""For good: rows go at once, files by a job that looks again, so that no request waits and no file is forgotten."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from common.backup.lease import is_held
from common.datasets.params import CleanUpParams
from common.db.engine import SessionFactory
from common.db.tables import Dataset, Job
from common.errors import Conflict
from common.jobs import chains, states
from common.jobs.kinds import KINDS
from common.store import ArtifactStore


@dataclass(frozen=True)
class Removal:
    """job: removes the files. ended: jobs that failed since they waited for what went. tasks: Celery's, to revoke."""

    job: Job
    ended: list[Job]
    tasks: list[str]


def plan_clean_up(
    session: Session,
    by: str,
    dataset_id: str,
    *,
    images: Sequence[str] = (),
    folders: Sequence[str] = (),
) -> Job:
    """A job in the transaction that deletes the rows; the caller sends it.

    It belongs to no dataset: it outlives its own. images: `<sha256>.<ext>`. With folders those of the dataset.
    """
    params = CleanUpParams(dataset_id=dataset_id, images=list(images), folders=list(folders))
    kind = "remove_dataset" if folders else "remove_images"
    return states.create_job(
        session, kind, dataset_id=None, params=params.model_dump(), created_by=by
    )


def remove_folders(
    sessions: SessionFactory, store: ArtifactStore, folders: Sequence[str], by: str
) -> list[Job]:
    """Remove folders whose rows have gone (committed), at once; while a backup reads the store by a job that waits.

    Those jobs; the caller sends them, or beat does.
    """
    with sessions() as session:
        if is_held(session):
            params = CleanUpParams(dataset_id="", folders=list(folders)).model_dump()
            kind = "remove_images"
            return [states.create_job(session, kind, dataset_id=None, params=params, created_by=by)]
    for folder in folders:
        store.delete_prefix(folder)
    return []


def remove_dataset(session: Session, dataset_id: str, by: str) -> Removal:
    """Remove a dataset with its images, captions, jobs and indexes. Models remain."""
    tasks = stop_jobs(session, dataset_id, "kill")
    folders = [*_unread_uploads(session, dataset_id), *_run_folders(session, dataset_id)]
    folders += [f"{kind}/{dataset_id}" for kind in ("datasets", "indexes", "maps")]
    jobs = session.scalars(select(Job.id).where(Job.dataset_id == dataset_id))
    ended = chains.let_go(session, set(jobs))  # jobs of other datasets that wait for its own
    session.execute(delete(Dataset).where(Dataset.id == dataset_id))
    return Removal(plan_clean_up(session, by, dataset_id, folders=folders), ended, tasks)


def stop_jobs(session: Session, dataset_id: str, mode: str) -> list[str]:
    """Ask every active job to end; their Celery ids."""
    tasks: list[str] = []
    for job in session.scalars(
        select(Job).where(Job.dataset_id == dataset_id, Job.state.in_(states.ACTIVE))
    ).all():
        with contextlib.suppress(Conflict):  # it ended just now
            states.request_stop(session, job.id, mode)
        if job.task_id:
            tasks.append(job.task_id)
    return tasks


def _unread_uploads(session: Session, dataset_id: str) -> set[str]:
    """The folders of uploads that its jobs have not taken in."""
    found = session.scalars(
        select(Job.params).where(Job.dataset_id == dataset_id, Job.state != "succeeded")
    )
    uploads = (
        upload for each in found for upload in [*each.get("uploads", ()), each.get("upload")]
    )
    return {upload["key"].rsplit("/", 2)[0] for upload in uploads if upload}


def _run_folders(session: Session, dataset_id: str) -> list[str]:
    """What its jobs wrote elsewhere: TensorBoard's files, and copies of checkpoints."""
    folders = {kind.name: kind.folders for kind in KINDS.values() if kind.folders}
    found = session.execute(
        select(Job.id, Job.kind).where(Job.dataset_id == dataset_id, Job.kind.in_(folders))
    )
    return [f"{folder}/{row.id}" for row in found for folder in folders[row.kind]]
