"""What has lain in the trash for long enough is removed for good."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from common.db.tables import Dataset, Image, Job, TrashedImage, TrashedModel
from common.people.audit import note
from common.settings import Settings
from common.trash.images import REMOVED_AT_ONCE, remove_images
from common.trash.models import remove_model
from common.trash.removal import remove_dataset

T = TypeVar("T")
SERVICE = "CLIP Browser"
MODELS_AT_ONCE = 20


@dataclass
class Expired:
    """What the caller does once the rows have gone: jobs to send, folders of the store to remove."""

    jobs: list[Job] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)


def kept_since(settings: Settings, moment: datetime) -> datetime:
    """What was deleted before this is kept no longer."""
    return moment - timedelta(days=settings.keep_trash_days)


def remove_expired(session: Session, settings: Settings, moment: datetime) -> Expired:
    """Remove one portion: up to a thousand images, some models, and one dataset, which is large by itself."""
    before, gone = kept_since(settings, moment), Expired()
    images = _ids(session, TrashedImage.image_id, TrashedImage.deleted_at < before, REMOVED_AT_ONCE)
    if images:
        gone.jobs += remove_images(session, images, SERVICE)
        _note(session, "images", None, images=len(images))
    for model_id in _ids(
        session, TrashedModel.id, TrashedModel.deleted_at < before, MODELS_AT_ONCE
    ):
        gone.folders += remove_model(session, model_id)
        _note(session, f"model:{model_id}", None)
    for dataset_id in _ids(session, Dataset.id, Dataset.deleted_at < before, 1):
        removal = remove_dataset(session, dataset_id, SERVICE)
        gone.jobs.append(removal.job)
        _note(session, f"dataset:{dataset_id}", dataset_id)
    return gone


def _ids(
    session: Session, column: InstrumentedAttribute[T], which: ColumnElement[bool], limit: int
) -> list[T]:
    return list(session.scalars(select(column).where(which).limit(limit)))


def _note(session: Session, target: str, dataset_id: str | None, **details: int) -> None:
    note(session, SERVICE, "trash.expire", target, dataset_id=dataset_id, details=details)


def count_expired(
    session: Session, settings: Settings, moment: datetime
) -> Iterator[tuple[str, int, int]]:
    """(what, how many images, their bytes) of all that `remove_expired` would remove in all its portions."""
    before = kept_since(settings, moment)
    size = func.coalesce(func.sum(TrashedImage.size_bytes), 0)
    images = select(TrashedImage.dataset_id, func.count(), size).where(
        TrashedImage.deleted_at < before
    )
    for dataset_id, count, size_bytes in session.execute(images.group_by(TrashedImage.dataset_id)):
        yield f"images of {dataset_id}", count, int(size_bytes)
    for model in session.scalars(select(TrashedModel).where(TrashedModel.deleted_at < before)):
        yield f"model {model.id}", 1, model.size_bytes
    of_datasets = (
        select(Dataset.id, func.count(Image.id), func.coalesce(func.sum(Image.size_bytes), 0))
        .outerjoin(Image, Image.dataset_id == Dataset.id)
        .where(Dataset.deleted_at < before)
    )
    for dataset_id, count, size_bytes in session.execute(of_datasets.group_by(Dataset.id)):
        yield f"dataset {dataset_id}", count, int(size_bytes)
