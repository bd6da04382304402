"""Who may remove the files of images: only whoever has looked, under a lock, that no row needs them.

An image's files are named by its content, so the same picture uploaded again has the same ones. The
lock is held while a row is looked for and its files are removed, and while rows are added and their
files are looked for (`workers/cpu/images/ingest.py`); so whichever comes first, no row is without files.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from common.db.engine import hold
from common.db.tables import Image


def hold_files(session: Session, dataset_id: str) -> None:
    """Nobody else adds or removes files of the dataset's images until this transaction ends."""
    hold(session, f"files:{dataset_id}")


def unneeded(session: Session, dataset_id: str, names: Sequence[str]) -> list[str]:
    """Those of the files `<sha256>.<ext>` that no image of the dataset has."""
    hashes = {name.partition(".")[0] for name in names}
    found = select(Image.sha256).where(Image.dataset_id == dataset_id, Image.sha256.in_(hashes))
    needed = set(session.scalars(found))
    return [name for name in names if name.partition(".")[0] not in needed]


def file_name(image: Image) -> str:
    """The name of an image's file in its dataset's folder of images."""
    return f"{image.sha256}.{image.ext}"


def file_keys(dataset_id: str, name: str) -> tuple[str, str]:
    """The keys of an image and of its thumbnail in the store, by the name of its file."""
    image = Image(dataset_id=dataset_id, sha256=name.partition(".")[0], ext=name.partition(".")[2])
    return image.key, image.thumb_key
