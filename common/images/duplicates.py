"""Which files a dataset has already, by their content."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from sqlalchemy import select
from sqlalchemy.orm import Session

from common.db.tables import Image, ImageSource

AT_ONCE = 500  # hashes in one statement


def find_duplicates(session: Session, dataset_id: str, hashes: Iterable[str]) -> dict[str, int]:
    """{SHA-256 of a file: id of the image it is}, for those of `hashes` that the dataset has."""
    known: dict[str, int] = {}
    wanted = iter(dict.fromkeys(hashes))
    while some := list(islice(wanted, AT_ONCE)):
        stored = select(Image.sha256, Image.id).where(
            Image.dataset_id == dataset_id, Image.sha256.in_(some)
        )
        # Of all datasets: with this one named, SQLite looks at each of its images for each hash.
        changed = (
            select(ImageSource.sha256, Image.id, Image.dataset_id)
            .join(Image, Image.id == ImageSource.image_id)
            .where(ImageSource.sha256.in_(some))
        )
        known.update(
            (row.sha256, row.id) for row in session.execute(changed) if row.dataset_id == dataset_id
        )
        known.update((row.sha256, row.id) for row in session.execute(stored))
    return known
