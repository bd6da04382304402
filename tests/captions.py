"""Captions in a test's database: put there as they stand, saved as the captions worker does, read."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from common.db.tables import Caption, Image
from common.errors import ClipBrowserError
from workers.cpu.captions.saving import Save, Saved, save_captions


def put_caption(
    session: Session, image: Image, text: str | None, *, slot: int = 0, **columns: Any
) -> None:
    """A caption as it stands, without a history. columns: what is not as after a first save by ada."""
    session.flush()
    values = {"revision": 1, "author": "ada", **columns}
    session.merge(Caption(image_id=image.id, slot=slot, text=text, **values))
    if slot == 0:
        image.is_captioned = text is not None


def save_one(session: Session, save: Save) -> Saved:
    """Save a caption. Raises what `save_captions` gives back as the outcome."""
    [outcome] = save_captions(session, [save])
    if isinstance(outcome, ClipBrowserError):
        raise outcome
    return outcome


def head_of(session: Session, image_id: int, slot: int = 0) -> Caption:
    """The caption that stands in a slot; one that was never written has revision 0 and no text."""
    found = session.scalar(
        select(Caption).where(Caption.image_id == image_id, Caption.slot == slot)
    )
    return found or Caption(image_id=image_id, slot=slot, revision=0)
