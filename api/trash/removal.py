"""Deleting and removing for good, with the messages that follow once it is written."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

from api.jobs.submission import dispatch
from api.people.identity import user
from api.services import Services
from common.db.tables import Job
from common.errors import QueueUnavailable
from common.jobs.kinds import JOB_QUEUES
from common.trash.datasets import find_trashed, trash_dataset
from common.trash.images import remove_batch
from common.trash.models import remove_model
from common.trash.removal import remove_dataset, remove_folders


def delete_into_trash(services: Services, dataset_id: str) -> None:
    """Hide a dataset and stop its jobs; or remove it at once where nothing is kept."""
    if not services.settings.keep_trash_days:
        remove_dataset_now(services, dataset_id)
        return
    with services.sessions() as session:
        tasks = trash_dataset(session, dataset_id, user().name)
    _tell(services, dataset_id, tasks)


def remove_dataset_now(services: Services, dataset_id: str, *, from_trash: bool = False) -> None:
    """Remove a dataset with its images, captions, jobs and indexes. Models remain. from_trash: raises NotFound."""
    with services.sessions() as session:
        if from_trash:
            find_trashed(session, dataset_id)
        removal = remove_dataset(session, dataset_id, user().name)
    _tell(services, dataset_id, removal.tasks)
    dispatch(services, removal.job)
    for each in removal.ended:
        services.events.job(each)


def remove_images_now(services: Services, batch: str) -> None:
    """Remove images that were deleted at once. Raises NotFound."""
    send_all(services, remove_batch(services.sessions, services.readers, batch, user().name))


def remove_model_now(services: Services, model_id: str) -> None:
    """Remove a model with its files and those of its indexes. Raises NotFound."""
    with services.sessions() as session:
        folders = remove_model(session, model_id)
    send_all(services, remove_folders(services.sessions, services.store, folders, user().name))


def send_all(services: Services, jobs: Iterable[Job]) -> None:
    """Send jobs that were planned."""
    for job in jobs:
        dispatch(services, job)


def tell_seen(services: Services, dataset_id: str) -> None:
    """Everybody looks again at who sees a dataset: all processes, and the connections in its rooms."""
    services.events.dataset(dataset_id)
    services.roles.forget()


def _tell(services: Services, dataset_id: str, tasks: list[str]) -> None:
    with contextlib.suppress(QueueUnavailable):
        for task_id in tasks:
            services.queue.revoke(task_id)
    tell_seen(services, dataset_id)
    for name in JOB_QUEUES:
        services.events.queue(name)
