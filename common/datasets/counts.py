"""How many images a dataset has and how many have a caption: counted anew only after a change."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cachetools import LRUCache
from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from common.db.tables import Dataset, Image

MAX_KEPT = 1000  # datasets


@dataclass(frozen=True)
class ImageCount:
    """What was counted, and with which marks.

    images_mark: changes with what adds or removes images; captions_mark: with what a caption is given to or
    taken from. newest_at: when the newest image came; None without any.
    """

    images: int
    captioned: int
    newest_at: datetime | None
    images_mark: tuple[int, int]
    captions_mark: int


class ImageCounts:
    """Counts of images as they are, never as they were. One per process, thread-safe.

    To count 100,000 images takes 9 ms of a core on SQLite and 30 ms of PostgreSQL, and while nothing happens
    gives the same each time. `caption_seq` grows in each transaction that changes captions or removes
    images, `images_seq` with the latter; who adds images holds the dataset's files (`hold_files`), so a newer one
    is also seen later. Marks and counts are read by one statement, so they are of one moment.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: LRUCache[str, ImageCount] = LRUCache(MAX_KEPT)

    def read(self, session: Session, dataset_id: str) -> ImageCount:
        """Of a dataset; none of one that has been deleted meanwhile."""
        with self._lock:
            known = self._known.get(dataset_id)
        count = (known and _renew(session, dataset_id, known)) or _count(session, dataset_id)
        with self._lock:
            self._known[dataset_id] = count
        return count


def _renew(session: Session, dataset_id: str, known: ImageCount) -> ImageCount | None:
    """As it is now; None if images were added or removed."""
    marked = session.execute(_marked(dataset_id)).one_or_none()
    if marked is None or _marks(marked)[0] != known.images_mark:
        return None
    if _marks(marked)[1] == known.captions_mark:
        return known
    row = session.execute(_marked(dataset_id, _uncaptioned(dataset_id))).one_or_none()
    if row is None or _marks(row)[0] != known.images_mark:
        return None
    images_mark, captions_mark = _marks(row)
    captioned = known.images - row.uncaptioned
    return ImageCount(known.images, captioned, known.newest_at, images_mark, captions_mark)


def _count(session: Session, dataset_id: str) -> ImageCount:
    images = _images(dataset_id).label("images")
    row = session.execute(_marked(dataset_id, images, _uncaptioned(dataset_id))).one_or_none()
    if row is None:
        return ImageCount(0, 0, None, (0, 0), 0)
    return ImageCount(row.images, row.images - row.uncaptioned, row.newest_at, *_marks(row))


def _marked(dataset_id: str, *counts: Any) -> Select[Any]:
    newest = select(Image.id).where(Image.dataset_id == dataset_id)
    newest = newest.order_by(Image.id.desc()).limit(1)
    return select(
        Dataset.images_seq,
        Dataset.caption_seq,
        newest.scalar_subquery().label("newest_id"),
        newest.with_only_columns(Image.created_at).scalar_subquery().label("newest_at"),
        *counts,
    ).where(Dataset.id == dataset_id)


def _marks(row: Any) -> tuple[tuple[int, int], int]:
    return (row.newest_id or 0, row.images_seq), row.caption_seq


def _images(dataset_id: str) -> Any:
    """Counted of an index alone: to read the rows for it takes five times as long."""
    return select(func.count()).where(Image.dataset_id == dataset_id).scalar_subquery()


def _uncaptioned(dataset_id: str) -> Any:
    waits = (Image.dataset_id == dataset_id, ~Image.is_captioned)
    return select(func.count()).where(*waits).scalar_subquery().label("uncaptioned")
