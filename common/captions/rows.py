"""The captions of a dataset as rows: one row a caption, an image's captions one after the other.

What index.csv, the split and the export are made from. Columns are selected, not objects: 100,000
captions are read within a second.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from common.db.tables import Caption, Image

AT_ONCE = 2000  # rows


class StoredCaption(NamedTuple):
    """A caption. path: of its image below `datasets/<id>/`, such as `images/<sha256>.png`."""

    image_id: int
    slot: int
    path: str
    text: str
    revision: int


def caption_rows(session: Session, dataset_id: str) -> list[StoredCaption]:
    """Every caption there is, by image and slot, as they stand at one moment."""
    columns = (Image.id, Caption.slot, Image.sha256, Image.ext, Caption.text, Caption.revision)
    found = session.execute(_captions(dataset_id, *columns))
    return [
        StoredCaption(image_id, slot, f"images/{sha256}.{ext}", str(text), revision)
        for image_id, slot, sha256, ext, text, revision in found
    ]


def index_rows(session: Session, dataset_id: str) -> Iterator[tuple[str, str]]:
    """The rows of index.csv: (path below `datasets/<id>/`, caption). Read in portions, from one moment."""
    wanted = _captions(dataset_id, Image.sha256, Image.ext, Caption.text)
    for sha256, ext, text in session.execute(wanted, execution_options={"yield_per": AT_ONCE}):
        yield f"images/{sha256}.{ext}", text


def spreadsheet_rows(session: Session, dataset_id: str) -> Iterator[tuple[str, ...]]:
    """What people want to see of each caption: (image, number from 1, caption, author, date in UTC)."""
    columns = (Image.filename, Caption.slot, Caption.text, Caption.author, Caption.saved_at)
    wanted = _captions(dataset_id, *columns)
    for name, slot, text, author, at in session.execute(
        wanted, execution_options={"yield_per": AT_ONCE}
    ):
        yield name, str(slot + 1), text, author, f"{at:%Y-%m-%d %H:%M:%S}"


def _captions(dataset_id: str, *columns: Any) -> Select[Any]:
    return (
        select(*columns)
        .join(Caption, Caption.image_id == Image.id)
        .where(Image.dataset_id == dataset_id, Caption.text.is_not(None))
        .order_by(Image.id, Caption.slot)
    )
