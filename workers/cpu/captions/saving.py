"""Saving captions: a revision is written only on top of the one its author has seen.

Many saves are written in one transaction (group commit): a commit costs far more than a row.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import bindparam, select
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.orm import Session

from common.captions.clip_tokens import count_tokens
from common.captions.heads import Head, heads_by_image
from common.captions.text import MAX_CAPTIONS, normalise_caption
from common.datasets.changes import touch_dataset
from common.db.rows import insert_rows, run, update_rows
from common.db.tables import Caption, CaptionRevision, Image, now
from common.errors import CaptionConflict, ClipBrowserError, Internal, InvalidInput, NotFound
from common.people.former_names import current_names

REFUSED = (IntegrityError, DataError)  # by the database, because of a value
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Save:
    """One caption on its way: what the browser's outbox holds.

    text None takes the caption away. slot: 0 for the image's first caption, 1 for its second ...
    """

    image_id: int
    text: str | None
    base_revision: int
    client_id: str
    author: str
    slot: int = 0


@dataclass(frozen=True)
class Saved:
    """A durable revision; `repeated` when this client_id had been saved before."""

    dataset_id: str
    image_id: int
    slot: int
    revision: int
    text: str | None
    by: str
    client_id: str
    repeated: bool

    def event(self) -> dict[str, Any]:
        """The `caption` event."""
        return {
            "image_id": self.image_id,
            "slot": self.slot,
            "revision": self.revision,
            "text": self.text,
            "by": self.by,
            "client_id": self.client_id,
        }


def save_captions(session: Session, saves: Sequence[Save]) -> list[Saved | ClipBrowserError]:
    """Write many revisions in the session's transaction; of each what became of it, in order.

    Each once per `client_id`. One that cannot be saved, or that the database refuses, leaves the
    others as they are, and is given back as NotFound (no such image), CaptionConflict (somebody saved another revision since
    `base_revision`; details hold `current`) or InvalidInput (the text, the slot, or the client_id
    was used for something else) or Internal. Durable once the session has committed. Images that the session
    has loaded as objects before are not refreshed.
    """
    try:
        with session.begin_nested():
            return _save_together(session, saves)
    except REFUSED as problem:
        log.warning("%d captions are saved one by one: %s", len(saves), problem)
    alone = {}  # in the order of the images, as they are locked
    for at in sorted(range(len(saves)), key=lambda place: saves[place].image_id):
        alone[at] = _save_alone(session, saves[at])
    return [alone[at] for at in range(len(saves))]


def _save_together(session: Session, saves: Sequence[Save]) -> list[Saved | ClipBrowserError]:
    batch = _Batch(session, saves)
    outcomes = [batch.save(save) for save in saves]
    batch.write()
    for dataset_id in sorted(batch.touched):
        touch_dataset(session, dataset_id)
    return outcomes


def _save_alone(session: Session, save: Save) -> Saved | ClipBrowserError:
    """One of a list that the database refused; read anew, it may be known or its image gone."""
    try:
        with session.begin_nested():
            return _save_together(session, [save])[0]
    except REFUSED as problem:
        log.error("the caption %s of image %s", save.client_id, save.image_id, exc_info=problem)
        return Internal(
            f"The database refuses the caption of image {save.image_id}.",
            remedy="Nothing else is affected; the caption is kept in your browser. Tell whoever runs the service.",
        )


@dataclass
class _Image:
    """What a save may change of an image: plain values, which cost less than an object of the ORM."""

    id: int
    dataset_id: str
    is_captioned: bool
    claimed_by: str | None
    claim_holder: str | None
    claim_until: datetime | None
    reviewed_by: str | None
    reviewed_at: datetime | None


class _Revision(NamedTuple):
    """A row of `caption_revisions`."""

    image_id: int
    slot: int
    revision: int
    text: str | None
    author: str
    client_id: str


# Built once: to build them anew is a good part of the time that a save takes.
_LOCKED_IMAGES = (
    select(*(getattr(Image, each.name) for each in fields(_Image)))
    .where(Image.id.in_(bindparam("ids", expanding=True)))
    .order_by(Image.id)
    .with_for_update()
)
_SAVED_BEFORE = select(*(getattr(CaptionRevision, name) for name in _Revision._fields)).where(
    CaptionRevision.client_id.in_(bindparam("client_ids", expanding=True))
)


class _Batch:
    """What a list of saves needs of the database, read at once; what becomes of it, written at once.

    The images are locked (PostgreSQL; SQLite has one writer at a time), in the order of their ids,
    and with each its captions.
    """

    def __init__(self, session: Session, saves: Sequence[Save]) -> None:
        self._session = session
        ids = sorted({save.image_id for save in saves})
        found = run(session, _LOCKED_IMAGES, {"ids": ids})
        self._images = {row.id: _Image(*row) for row in found}
        # after the lock as well: who is renamed meanwhile is waited for
        self._renamed = current_names(session, (save.author for save in saves))
        self._shown = {image.id: replace(image) for image in self._images.values()}
        heads = heads_by_image(session, ids)  # after the lock, or they might be older than it
        self._heads = {head[:2]: head for own in heads.values() for head in own}
        self._stored = {place for place, head in self._heads.items() if head.revision}
        self._changed: dict[tuple[int, int], Head] = {}
        saved = run(session, _SAVED_BEFORE, {"client_ids": [save.client_id for save in saves]})
        self._before = {row.client_id: _Revision(*row) for row in saved}
        self._revisions: list[_Revision] = []
        self.touched: set[str] = set()

    def write(self) -> None:
        """Write the images, the heads and their history."""
        images = [
            {name: value for name, value in vars(image).items() if name != "dataset_id"}
            for image in self._images.values()
            if image != self._shown[image.id]
        ]  # its dataset stays, and with it the entries of three indexes
        new = [head for place, head in self._changed.items() if place not in self._stored]
        old = [head for place, head in self._changed.items() if place in self._stored]
        update_rows(self._session, Image, images)
        insert_rows(self._session, Caption, [head._asdict() for head in new])
        update_rows(self._session, Caption, [head._asdict() for head in old])
        revisions = [revision._asdict() for revision in self._revisions]
        insert_rows(self._session, CaptionRevision, revisions)

    def save(self, save: Save) -> Saved | ClipBrowserError:
        """Write one, if it may be written."""
        if save.author in self._renamed:
            save = replace(save, author=self._renamed[save.author])
        try:
            text = None if save.text is None else normalise_caption(save.text)
            image = self._image(save)
            before = self._before.get(save.client_id)
            if before is not None:
                return _repeated(before, image, save, text)
            return self._write(image, save, text)
        except ClipBrowserError as problem:
            return problem

    def _image(self, save: Save) -> _Image:
        if not 0 <= save.slot < MAX_CAPTIONS:
            raise InvalidInput(
                f"slot is {save.slot}; an image has at most {MAX_CAPTIONS} captions",
                remedy=f"Use a slot from 0 to {MAX_CAPTIONS - 1}.",
            )
        image = self._images.get(save.image_id)
        if image is None:
            raise NotFound(
                f"Image {save.image_id} does not exist any more.",
                remedy="It was deleted meanwhile; the caption is kept in your browser until you drop it.",
            )
        return image

    def _write(self, image: _Image, save: Save, text: str | None) -> Saved:
        place = (image.id, save.slot)
        head = self._heads.get(place, Head(*place))
        if head.revision != save.base_revision:
            raise _conflict(image, head)
        revision = save.base_revision + 1
        tokens = None if text is None else count_tokens(text)
        self._heads[place] = self._changed[place] = Head(
            *place, revision, text, tokens, save.author, now()
        )
        if head.is_first:
            image.is_captioned = text is not None
            if image.claimed_by == save.author:
                image.claimed_by = image.claim_holder = image.claim_until = None
        image.reviewed_by = image.reviewed_at = None  # a new text needs a new look
        row = _Revision(*place, revision, text, save.author, save.client_id)
        self._before[save.client_id] = row
        self._revisions.append(row)
        self.touched.add(image.dataset_id)
        return Saved(
            image.dataset_id, *place, revision, text, save.author, save.client_id, repeated=False
        )


def _repeated(before: _Revision, image: _Image, save: Save, text: str | None) -> Saved:
    if (before.image_id, before.slot, before.text) != (image.id, save.slot, text):
        raise InvalidInput(
            f"client_id {before.client_id!r} was already used for another caption.",
            remedy="Use a new client_id for each caption typed.",
        )
    return Saved(
        image.dataset_id, image.id, before.slot, before.revision, before.text, before.author,
        before.client_id, repeated=True,
    )  # fmt: skip


def _conflict(image: _Image, head: Head) -> CaptionConflict:
    return CaptionConflict(
        f"{head.author or 'Somebody'} saved another caption meanwhile.",
        details={"current": head.shown(), "dataset_id": image.dataset_id},
    )
