"""The captions of many images as they stand now, all slots alike, and lists of them in the store."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Select, bindparam, select
from sqlalchemy.orm import Session

from common.db.rows import run
from common.db.tables import Caption, CaptionRevision, Image
from common.store import ArtifactStore

FIRST_SLOT = 0


class Head(NamedTuple):
    """The newest revision of a caption. text None: there is none (revision 0), or none any more.

    tokens: None also where they were not counted yet. author, saved_at: None at revision 0.
    """

    image_id: int
    slot: int
    revision: int = 0
    text: str | None = None
    tokens: int | None = None
    author: str | None = None
    saved_at: datetime | None = None

    @property
    def is_first(self) -> bool:
        """Whether it is the image's first caption: an image that has none is uncaptioned."""
        return self.slot == FIRST_SLOT

    def shown(self) -> dict[str, Any]:
        """As a conflict shows it."""
        return {
            "image_id": self.image_id,
            "slot": self.slot,
            "revision": self.revision,
            "text": self.text,
            "by": self.author,
        }


class Target(NamedTuple):
    """A caption that an edit means, and its revision when it was chosen."""

    image_id: int
    slot: int
    revision: int


# Built once: every save and every page asks it.
_HEADS = select(*(getattr(Caption, name) for name in Head._fields)).order_by(
    Caption.image_id, Caption.slot
)
_HEADS_OF = _HEADS.where(Caption.image_id.in_(bindparam("ids", expanding=True)))


def read_heads(session: Session, images: Sequence[int] | Select[Any]) -> list[Head]:
    """The captions of some images, given as ids or as a query of ids; by image, then by slot.

    The first slot of an image that exists is always there, also without a text. Plain rows, so that
    a save in the same transaction reads (and locks) its captions anew.
    """
    there = session.scalars(select(Image.id).where(Image.id.in_(images)).order_by(Image.id))
    return [head for own in heads_by_image(session, there.all(), images).values() for head in own]


def heads_by_image(
    session: Session, image_ids: Sequence[int], among: Sequence[int] | Select[Any] | None = None
) -> dict[int, list[Head]]:
    """The captions of each of these images by slot; the first slot is always among them.

    among: the same images or more of them, where a query names them better than many ids.
    """
    if among is None:
        rows = run(session, _HEADS_OF, {"ids": list(image_ids)})
    else:
        rows = run(session, _HEADS.where(Caption.image_id.in_(among)))
    return group_by_image(image_ids, map(Head._make, rows))


def group_by_image(image_ids: Sequence[int], heads: Iterable[Head]) -> dict[int, list[Head]]:
    """Captions, which come by slot, of each of these images; the first slot is always among them."""
    found = {image_id: [Head(image_id, FIRST_SLOT)] for image_id in image_ids}
    for head in heads:
        if head.is_first and head.image_id in found:
            found[head.image_id] = [head]
        elif head.image_id in found:
            found[head.image_id].append(head)
    return found


def first_texts(session: Session, images: Sequence[int] | Select[Any]) -> dict[int, str]:
    """The first caption of each of some images, without those that have none."""
    found = session.execute(
        select(Caption.image_id, Caption.text).where(
            Caption.image_id.in_(images), Caption.slot == FIRST_SLOT, Caption.text.is_not(None)
        )
    )
    return {image_id: str(text) for image_id, text in found}


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
