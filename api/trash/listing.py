"""What somebody may bring back: read from the three places where it lies."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, and_, func, select
from sqlalchemy.orm import Session

from api.people.access import Access
from api.trash.schemas import TrashItem
from common.db.tables import Dataset, Image, TrashedImage, TrashedModel
from common.errors import InvalidInput
from common.settings import Settings

_THERE = Dataset.deleted_at.is_(None)


def read_trash(
    session: Session, who: Access, settings: Settings, limit: int, cursor: str | None = None
) -> list[TrashItem]:
    """At most so many things, the newest first. Raises InvalidInput for a cursor of another kind."""
    before = _read_cursor(cursor)
    found: list[TrashItem] = []
    for read in (_datasets, _images, _models):
        found += read(session, who, settings, limit, before)
    return sorted(found, key=lambda item: (item.deleted_at, item.key), reverse=True)[:limit]


def _read_cursor(cursor: str | None) -> datetime | None:
    try:
        return None if cursor is None else datetime.fromisoformat(cursor)
    except ValueError:
        raise InvalidInput(
            f"cursor is {cursor!r}.", remedy="Use next_cursor of the page before."
        ) from None


def _page(
    query: Select[*tuple[Any, ...]], column: Any, limit: int, before: datetime | None
) -> Select[*tuple[Any, ...]]:
    older = query if before is None else query.where(column < before)
    return older.order_by(column.desc()).limit(limit)


def _datasets(
    session: Session, who: Access, settings: Settings, limit: int, before: datetime | None
) -> Iterator[TrashItem]:
    if who.scope != "admin":
        return  # an owner's, and this token is for less
    mine = select(Dataset).where(~_THERE, who.is_at_least("owner"))
    for dataset in session.scalars(_page(mine, Dataset.deleted_at, limit, before)):
        count, size = session.execute(
            select(func.count(Image.id), func.coalesce(func.sum(Image.size_bytes), 0)).where(
                Image.dataset_id == dataset.id
            )
        ).one()
        yield _item(
            settings, dataset, kind="dataset", key=dataset.id, name=dataset.name, dataset_id=None,
            dataset_name=None, count=count, size_bytes=int(size), may_remove=True,
        )  # fmt: skip


def _images(
    session: Session, who: Access, settings: Settings, limit: int, before: datetime | None
) -> Iterator[TrashItem]:
    batches = (
        select(
            TrashedImage.batch,
            TrashedImage.dataset_id,
            Dataset.name,
            TrashedImage.deleted_by,
            TrashedImage.deleted_at,
            func.count().label("count"),
            func.sum(TrashedImage.size_bytes).label("size_bytes"),
            func.min(TrashedImage.filename).label("filename"),
        )
        .join(Dataset, Dataset.id == TrashedImage.dataset_id)
        .where(_THERE, who.is_at_least("manager"))
        .group_by(
            TrashedImage.batch,
            TrashedImage.dataset_id,
            Dataset.name,
            TrashedImage.deleted_by,
            TrashedImage.deleted_at,
        )
    )
    for row in session.execute(_page(batches, TrashedImage.deleted_at, limit, before)):
        yield _item(
            settings, row, kind="images", key=row.batch, name=row.filename,
            dataset_id=row.dataset_id, dataset_name=row.name, count=row.count,
            size_bytes=int(row.size_bytes), may_remove=who.role_in(row.dataset_id) == "owner",
        )  # fmt: skip


def _models(
    session: Session, who: Access, settings: Settings, limit: int, before: datetime | None
) -> Iterator[TrashItem]:
    mine = select(TrashedModel, Dataset).outerjoin(
        Dataset, and_(Dataset.id == TrashedModel.dataset_id, _THERE)
    )
    if not who.is_admin:
        of_dataset = Dataset.id.is_not(None) & who.is_at_least("manager")
        own = Dataset.id.is_(None) & (TrashedModel.created_by == who.name)
        mine = mine.where(of_dataset | own)
    for model, dataset in session.execute(_page(mine, TrashedModel.deleted_at, limit, before)):
        role = who.role_in(dataset.id) if dataset else "owner"
        yield _item(
            settings, model, kind="model", key=model.id, name=model.name,
            dataset_id=dataset and dataset.id, dataset_name=dataset and dataset.name, count=0,
            size_bytes=model.size_bytes, may_remove=role == "owner" and who.scope == "admin",
        )  # fmt: skip


def _item(settings: Settings, row: Any, **values: Any) -> TrashItem:
    """row: with deleted_by and deleted_at."""
    return TrashItem(
        deleted_by=row.deleted_by,
        deleted_at=row.deleted_at,
        until=row.deleted_at + timedelta(days=settings.keep_trash_days),
        **values,
    )
