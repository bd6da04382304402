"""The captions of a dataset as rows: one row a caption, an image's captions one after the other.

What index.csv, the split and the export are made from. Columns are selected, not objects: 100,000
captions are read within a second.
"""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import literal, select
from sqlalchemy.orm import Session

from common.db.tables import ExtraCaption, Image


class StoredCaption(NamedTuple):
    """A caption. path: of its image below `datasets/<id>/`, such as `images/<sha256>.png`."""

    image_id: int
    slot: int
    path: str
    text: str
    revision: int


def caption_rows(session: Session, dataset_id: str) -> list[StoredCaption]:
    """Every caption there is, by image and slot, as they stand at one moment."""
    first = select(
        Image.id.label("image_id"),
        literal(0).label("slot"),
        Image.sha256,
        Image.ext,
        Image.caption.label("text"),
        Image.revision.label("revision"),
    ).where(Image.dataset_id == dataset_id, Image.caption.is_not(None))
    others = (
        select(
            Image.id,
            ExtraCaption.slot,
            Image.sha256,
            Image.ext,
            ExtraCaption.text,
            ExtraCaption.revision,
        )
        .join(ExtraCaption, ExtraCaption.image_id == Image.id)
        .where(Image.dataset_id == dataset_id, ExtraCaption.text.is_not(None))
    )
    found = session.execute(first.union_all(others).order_by("image_id", "slot"))
    return [
        StoredCaption(image_id, slot, f"images/{sha256}.{ext}", str(text), revision)
        for image_id, slot, sha256, ext, text, revision in found
    ]


def index_rows(session: Session, dataset_id: str) -> list[tuple[str, str]]:
    """The rows of index.csv: (path below `datasets/<id>/`, caption)."""
    return [(row.path, row.text) for row in caption_rows(session, dataset_id)]
