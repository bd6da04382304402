"""Which files of the store the database names, and which of them are not there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from common.db.tables import Dataset, Image, Model, SearchIndex, TrashedImage, TrashedModel
from common.db.tables.images import image_key, thumb_key
from common.store import ArtifactStore

Kind = Literal["image", "thumbnail", "model", "index"]
PORTION = 5000


@dataclass(frozen=True)
class Named:
    """A file that a row names; of a model and of an index, its folder."""

    kind: Kind
    key: str
    dataset_id: str | None


def named_files(session: Session) -> Iterator[Named]:
    """All files that rows name, the trash's included: images by dataset, then models, then indexes."""
    for dataset_id in session.scalars(select(Dataset.id).order_by(Dataset.id)).all():
        yield from _images(session, dataset_id)
    for table in (Model, TrashedModel):
        rows = session.execute(select(table.folder, table.dataset_id).order_by(table.id)).all()
        yield from (Named("model", folder, dataset_id) for folder, dataset_id in rows)
    found = select(SearchIndex.prefix, SearchIndex.dataset_id).order_by(SearchIndex.id)
    for prefix, dataset_id in session.execute(found).all():
        yield Named("index", prefix, dataset_id)


def _images(session: Session, dataset_id: str) -> Iterator[Named]:
    for table, order in ((Image, Image.id), (TrashedImage, TrashedImage.image_id)):
        query = (
            select(table.sha256, table.ext).where(table.dataset_id == dataset_id).order_by(order)
        )
        for sha256, ext in session.execute(query.execution_options(yield_per=PORTION)):
            yield Named("image", image_key(dataset_id, sha256, ext), dataset_id)
            yield Named("thumbnail", thumb_key(dataset_id, sha256), dataset_id)


def find_missing(session: Session, store: ArtifactStore) -> Iterator[Named]:
    """Those of `named_files` that the store has not. Lists folders, and asks for no file alone.

    Raises StoreUnavailable.
    """
    there: set[str] = set()
    listed: str | None = None
    for named in named_files(session):
        if named.kind in ("model", "index"):
            if next(store.list(named.key), None) is None:
                yield named
            continue
        if named.dataset_id != listed:
            listed = named.dataset_id
            there = {item.key for item in store.list(f"datasets/{listed}")}
        if named.key not in there:
            yield named
