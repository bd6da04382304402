"""Saving captions: a revision is written only on top of the one its author has seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from common.captions import normalise_caption
from common.errors import CaptionConflict, InvalidInput, NotFound
from common.schema import CaptionRevision, Dataset, Image, now


@dataclass(frozen=True)
class Save:
    """One caption on its way: what the browser's outbox holds."""

    image_id: int
    text: str
    base_revision: int
    client_id: str
    author: str


@dataclass(frozen=True)
class Saved:
    """A durable revision; `repeated` when this client_id had been saved before."""

    dataset_id: str
    image_id: int
    revision: int
    text: str
    by: str
    client_id: str
    repeated: bool

    def event(self) -> dict[str, Any]:
        """The `caption` event."""
        return {
            "image_id": self.image_id,
            "revision": self.revision,
            "text": self.text,
            "by": self.by,
            "client_id": self.client_id,
        }


def save_caption(session: Session, save: Save) -> Saved:
    """Write a revision, once per `client_id`.

    Raises NotFound (no such image), CaptionConflict (somebody saved another revision since
    `base_revision`; details hold `current`), InvalidInput (the text, or the client_id was used
    for something else).
    """
    text = normalise_caption(save.text)
    before = session.scalar(
        select(CaptionRevision).where(CaptionRevision.client_id == save.client_id)
    )
    image = session.get(Image, save.image_id)
    if image is None:
        raise NotFound(
            f"Image {save.image_id} does not exist any more.",
            remedy="It was deleted meanwhile; the caption is kept in your browser until you drop it.",
        )
    if before is not None:
        return _repeated(before, image, text)
    return _write(session, image, save, text)


def _repeated(before: CaptionRevision, image: Image, text: str) -> Saved:
    if before.image_id != image.id or before.text != text:
        raise InvalidInput(
            f"client_id {before.client_id!r} was already used for another caption.",
            remedy="Use a new client_id for each caption typed.",
        )
    return Saved(
        image.dataset_id, image.id, before.revision, before.text, before.author,
        before.client_id, repeated=True,
    )  # fmt: skip


def _write(session: Session, image: Image, save: Save, text: str) -> Saved:
    taken = session.execute(
        update(Image)
        .where(Image.id == image.id, Image.revision == save.base_revision)
        .values(
            caption=text,
            revision=save.base_revision + 1,
            captioned_by=save.author,
            captioned_at=now(),
            claimed_by=None,
            claim_until=None,
        ),
        execution_options={"synchronize_session": False},
    )
    if taken.rowcount == 0:  # type: ignore[attr-defined]
        session.refresh(image)
        raise CaptionConflict(
            f"{image.captioned_by or 'Somebody'} saved another caption meanwhile.",
            details={"current": current_caption(image), "dataset_id": image.dataset_id},
        )
    revision = save.base_revision + 1
    session.add(
        CaptionRevision(
            image_id=image.id,
            revision=revision,
            text=text,
            author=save.author,
            client_id=save.client_id,
        )
    )
    touch_dataset(session, image.dataset_id)
    return Saved(
        image.dataset_id, image.id, revision, text, save.author, save.client_id, repeated=False
    )


def current_caption(image: Image) -> dict[str, Any]:
    """The head of an image's history, as a conflict shows it."""
    return {
        "image_id": image.id,
        "revision": image.revision,
        "text": image.caption,
        "by": image.captioned_by,
    }


def touch_dataset(session: Session, dataset_id: str) -> int:
    """Count a change of a dataset's images or captions; the new `caption_seq`."""
    session.execute(
        update(Dataset).where(Dataset.id == dataset_id).values(caption_seq=Dataset.caption_seq + 1),
        execution_options={"synchronize_session": False},
    )
    seq = session.scalar(select(Dataset.caption_seq).where(Dataset.id == dataset_id))
    return int(seq or 0)
