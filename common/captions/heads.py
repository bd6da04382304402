"""The captions of many images as they stand now, all slots alike, and lists of them in the store."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from common.db.tables import CaptionRevision, ExtraCaption, Image
from common.store import ArtifactStore


class Head(NamedTuple):
    """The newest revision of a caption. text None: there is none (revision 0), or none any more."""

    image_id: int
    slot: int
    revision: int
    text: str | None


class Target(NamedTuple):
    """A caption that an edit means, and its revision when it was chosen."""

    image_id: int
    slot: int
    revision: int


def read_heads(session: Session, images: Sequence[int] | Select[Any]) -> list[Head]:
    """The captions of some images, given as ids or as a query of ids; by image, then by slot.

    The first slot of an image is always there, also without a text. Plain rows, so that a save
    in the same transaction reads (and locks) its images anew.
    """
    first = session.execute(
        select(Image.id, Image.revision, Image.caption).where(Image.id.in_(images))
    )
    extras = session.execute(
        select(
            ExtraCaption.image_id, ExtraCaption.slot, ExtraCaption.revision, ExtraCaption.text
        ).where(ExtraCaption.image_id.in_(images))
    )
    heads = [Head(image_id, 0, revision, text) for image_id, revision, text in first]
    return sorted([*heads, *(Head(*row) for row in extras)], key=lambda head: head[:2])


def newest_revision(session: Session) -> int:
    """A mark in time: revisions saved from now on have a greater id."""
    newest = select(CaptionRevision.id).order_by(CaptionRevision.id.desc()).limit(1)
    return session.scalar(newest) or 0


def revisions_before(session: Session, dataset_id: str, mark: int) -> dict[tuple[int, int], int]:
    """(image, slot) -> revision it had at the mark, of the captions saved since."""
    since = session.execute(
        select(CaptionRevision.image_id, CaptionRevision.slot, CaptionRevision.revision)
        .join(Image, Image.id == CaptionRevision.image_id)
        .where(CaptionRevision.id > mark, Image.dataset_id == dataset_id)
        .order_by(CaptionRevision.revision.desc())
    )
    return {(image_id, slot): revision - 1 for image_id, slot, revision in since}


def store_targets(store: ArtifactStore, key: str, targets: Iterable[Target]) -> None:
    """Keep a list of captions under a key. Raises StoreUnavailable."""
    store.put_bytes(key, json.dumps(list(targets)).encode(), "application/json")


def load_targets(store: ArtifactStore, key: str) -> list[Target]:
    """The list kept under a key. Raises NotFound, StoreUnavailable."""
    return [Target(*row) for row in json.loads(store.get_bytes(key))]
