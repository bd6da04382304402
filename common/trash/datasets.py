"""Datasets into the trash and back: marked, and so hidden from everybody and everything but the trash."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from common.db.tables import Dataset, now
from common.trash.images import nothing_there
from common.trash.removal import stop_jobs


def trash_dataset(session: Session, dataset_id: str, by: str) -> list[str]:
    """Hide a dataset and ask its jobs to save and end, which may go on after it came back; their Celery ids."""
    dataset = session.get_one(Dataset, dataset_id, with_for_update=True)
    dataset.deleted_at, dataset.deleted_by = now(), by
    session.flush()
    return stop_jobs(session, dataset_id, "save")


def restore_dataset(session: Session, dataset_id: str) -> Dataset:
    """Show a dataset again, as it was. Raises NotFound."""
    dataset = find_trashed(session, dataset_id)
    dataset.deleted_at = dataset.deleted_by = None
    return dataset


def find_trashed(session: Session, dataset_id: str) -> Dataset:
    """Raises NotFound."""
    dataset = session.scalar(
        select(Dataset)
        .where(Dataset.id == dataset_id, Dataset.deleted_at.is_not(None))
        .with_for_update()
    )
    if dataset is None:
        raise nothing_there()
    return dataset
