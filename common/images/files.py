"""Who may remove the files of images: only whoever has looked, under a lock, that no row needs them,
neither of an image nor of one in the trash.

An image's files are named by its content, so the same picture uploaded again has the same ones. The
lock is held while a row is looked for and its files are removed, and while rows are added and their
files are looked for (`workers/cpu/images/ingest.py`); so whichever comes first, no row is without files.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select, union_all
from sqlalchemy.orm import Session

from common.db.engine import hold
from common.db.tables import Image, TrashedImage


def hold_files(session: Session, dataset_id: str) -> None:
    """Nobody else adds or removes files of the dataset's images until this transaction ends."""
    hold(session, f"files:{dataset_id}")


def unneeded(session: Session, dataset_id: str, names: Sequence[str]) -> list[str]:
    """Those of the files `<sha256>.<ext>` that no image of the dataset has, in the trash or out of it."""
    hashes = {name.partition(".")[0] for name in names}
    found = [
        select(table.sha256).where(table.dataset_id == dataset_id, table.sha256.in_(hashes))
        for table in (Image, TrashedImage)
    ]
    needed = set(session.scalars(union_all(*found)))
    return [name for name in names if name.partition(".")[0] not in needed]


def file_name(image: Any) -> str:
    """The name of an image's file in its dataset's folder of images; image: its row, or one of the trash."""
    return f"{image.sha256}.{image.ext}"


def file_keys(dataset_id: str, name: str) -> tuple[str, str]:
    """The keys of an image and of its thumbnail in the store, by the name of its file."""
    image = Image(dataset_id=dataset_id, sha256=name.partition(".")[0], ext=name.partition(".")[2])
    return image.key, image.thumb_key
