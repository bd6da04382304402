"""Images into the trash and back, in portions: on SQLite everybody who writes waits for each."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from common.datasets.changes import touch_images
from common.db.engine import SessionFactory, in_turns
from common.db.rows import run
from common.db.tables import Dataset, Image, Job, TrashedImage, now
from common.errors import NotFound
from common.images.files import file_name, hold_files
from common.trash.removal import plan_clean_up
from common.trash.rows import Packed, pack, unpack

AT_ONCE = 100  # images in a transaction
REMOVED_AT_ONCE = 1000
_TRASH: Any = TrashedImage.__table__
_FREED = {"claimed_by": None, "claim_holder": None, "claim_until": None}


@dataclass
class Moved:
    """Images that were deleted at once. batch: by what they are brought back. names: of their files."""

    batch: str
    at: datetime
    names: list[str] = field(default_factory=list)

    @property
    def images(self) -> int:
        """How many."""
        return len(self.names)


@dataclass
class Restored:
    """images: how many came back. taken: (id, file's name) of those whose picture was uploaded again meanwhile."""

    dataset_id: str
    images: int = 0
    taken: list[tuple[int, str]] = field(default_factory=list)


def trash_images(
    sessions: SessionFactory,
    dataset_id: str,
    image_ids: Sequence[int],
    by: str,
    batch: str | None = None,
) -> Moved:
    """Move those of these images that are in a dataset into the trash.

    batch: of an earlier part of the same deletion, by the same person.
    """
    moved: Moved | None = None
    for some in in_turns(sessions, sorted(set(image_ids)), AT_ONCE):
        with sessions() as session:
            moved = moved or _begin(session, dataset_id, by, batch)
            moved.names += _move(session, dataset_id, some, by, moved)
    assert moved is not None
    return moved


def _begin(session: Session, dataset_id: str, by: str, batch: str | None) -> Moved:
    """A new deletion, or the one that this goes on with."""
    begun = (
        select(TrashedImage.deleted_at)
        .where(TrashedImage.batch == batch, TrashedImage.dataset_id == dataset_id)
        .where(TrashedImage.deleted_by == by)
    )
    moment = session.scalar(begun.limit(1)) if batch else None
    if batch is None or moment is None:
        return Moved(secrets.token_hex(6), now())
    return Moved(batch, moment)


def _move(
    session: Session, dataset_id: str, image_ids: Sequence[int], by: str, moved: Moved
) -> list[str]:
    """Move one portion; the files' names."""
    hold_files(session, dataset_id)
    mine = (Image.dataset_id == dataset_id, Image.id.in_(image_ids))
    packed = pack(session, "images", session.scalars(select(Image.id).where(*mine)).all())
    if packed:
        run(session, insert(_TRASH), [
            _held(
                rows, dataset_id=dataset_id, batch=moved.batch, deleted_by=by, deleted_at=moved.at
            )
            for rows in packed.values()
        ])  # fmt: skip
        session.execute(
            delete(Image).where(Image.id.in_(list(packed))),
            execution_options={"synchronize_session": False},
        )
        touch_images(session, dataset_id)
    return [rows["images"][0]["filename"] for rows in packed.values()]


def _held(rows: Packed, **of_batch: Any) -> dict[str, Any]:
    image = rows["images"][0]
    kept = {name: image[name] for name in ("sha256", "ext", "filename", "size_bytes")}
    return {"image_id": image["id"], "rows": dict(rows), **kept, **of_batch}


def dataset_of_batch(session: Session, batch: str) -> str:
    """Raises NotFound."""
    found = session.scalar(
        select(TrashedImage.dataset_id).where(TrashedImage.batch == batch).limit(1)
    )
    if found is None:
        raise nothing_there()
    return found


def nothing_there() -> NotFound:
    """What is raised for what is not in the trash, or not any more."""
    return NotFound(
        "That is not in the trash.",
        remedy="Look at the list: it may have been brought back, or removed for good.",
    )


def restore_images(sessions: SessionFactory, readers: SessionFactory, batch: str) -> Restored:
    """Bring back the images of a batch with their ids and all they had. Raises NotFound.

    One whose picture was uploaded again meanwhile stays in the trash.
    """
    with readers() as session:
        restored = Restored(dataset_of_batch(session, batch))
        ids = session.scalars(_of(batch)).all()
    for some in in_turns(readers, ids, AT_ONCE):
        with sessions() as session:
            _bring_back(session, restored, some)
    return restored


def _of(batch: str) -> Any:
    return (
        select(TrashedImage.image_id)
        .where(TrashedImage.batch == batch)
        .order_by(TrashedImage.image_id)
    )


def _bring_back(session: Session, restored: Restored, image_ids: Sequence[int]) -> None:
    dataset_id = restored.dataset_id
    living = select(Dataset.id).where(Dataset.id == dataset_id, Dataset.deleted_at.is_(None))
    if session.scalar(living) is None:
        raise nothing_there()
    hold_files(session, dataset_id)
    held = select(_TRASH).where(_TRASH.c.image_id.in_(image_ids)).order_by(_TRASH.c.image_id)
    rows = run(session, held.with_for_update()).all()
    there = select(Image.sha256).where(
        Image.dataset_id == dataset_id, Image.sha256.in_([row.sha256 for row in rows])
    )
    taken = set(session.scalars(there))
    back = []
    for row in rows:
        if row.sha256 in taken:
            restored.taken.append((row.image_id, row.filename))
        else:
            taken.add(row.sha256)
            back.append(row)
    unpack(session, [_freed(row.rows) for row in back])
    run(session, delete(_TRASH).where(_TRASH.c.image_id.in_([row.image_id for row in back])))
    if back:
        touch_images(session, dataset_id)
    restored.images += len(back)


def _freed(rows: Packed) -> Packed:
    """Whoever held the image when it was deleted has gone on."""
    return {**rows, "images": [{**row, **_FREED} for row in rows["images"]]}


def remove_batch(
    sessions: SessionFactory, readers: SessionFactory, batch: str, by: str
) -> list[Job]:
    """Remove a batch for good: its rows now, its files by jobs, which the caller sends. Raises NotFound."""
    with readers() as session:
        dataset_of_batch(session, batch)
        ids = session.scalars(_of(batch)).all()
    jobs = []
    for some in in_turns(readers, ids, REMOVED_AT_ONCE):
        with sessions() as session:
            jobs += remove_images(session, some, by)
    return jobs


def remove_images(session: Session, image_ids: Sequence[int], by: str) -> list[Job]:
    """Take images out of the trash for good, and plan the removal of their files."""
    gone = session.execute(
        delete(TrashedImage)
        .where(TrashedImage.image_id.in_(image_ids))
        .returning(TrashedImage.dataset_id, TrashedImage.sha256, TrashedImage.ext)
    ).all()
    names: dict[str, list[str]] = {}
    for row in gone:
        names.setdefault(row.dataset_id, []).append(file_name(row))
    return [
        plan_clean_up(session, by, dataset_id, images=found) for dataset_id, found in names.items()
    ]
