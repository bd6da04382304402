"""Rows of images as answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session

from api.capability import PREFIX
from api.images.schemas import ExtraCaptionOut, ImageOut, NextSlot
from common.captions.claims import ClaimedRow
from common.captions.heads import Head, heads_by_image
from common.captions.text import MAX_CAPTIONS
from common.db.tables import Image, now


def file_url(image: Image | ClaimedRow) -> str:
    """The original's address. It holds the content's hash, since browsers keep it for ever."""
    return f"{PREFIX}/images/{image.id}/file?v={image.sha256[:12]}"


def thumb_url(image: Image | ClaimedRow) -> str:
    """The thumbnail's address."""
    return f"{PREFIX}/images/{image.id}/thumb?v={image.sha256[:12]}"


def answer_images(session: Session, images: Sequence[Image]) -> list[ImageOut]:
    """Images as lists and claims show them, with their captions (one query)."""
    heads = heads_by_image(session, [image.id for image in images])
    return [_answer(image, heads[image.id]) for image in images]


def answer_image(session: Session, image: Image) -> ImageOut:
    """One image, with its captions."""
    return answer_images(session, [image])[0]


def _answer(image: Image, heads: Sequence[Head]) -> ImageOut:
    return ImageOut.of(image, **own_values(image, heads))


def own_values(image: Image | ClaimedRow, heads: Sequence[Head]) -> dict[str, Any]:
    """What an answer shows that is not simply the row's value of that name.

    heads: the image's captions by slot, also those that were taken away, the first always.
    """
    first, *others = heads
    return {
        "caption": first.text,
        "revision": first.revision,
        "captioned_by": first.author,
        "captioned_at": first.saved_at,
        "tokens": first.tokens,
        "captions": [_other(other) for other in others if other.text is not None],
        "next_slot": _next_slot(heads),
        "claimed_by": _claimer(image),
        "url": file_url(image),
        "thumb_url": thumb_url(image),
    }


def _other(other: Head) -> ExtraCaptionOut:
    return ExtraCaptionOut.of(other, by=other.author, at=other.saved_at)


def _claimer(image: Image | ClaimedRow) -> str | None:
    """Who holds the image now; a claim that has run out is none."""
    held = image.claim_until is not None and image.claim_until > now()
    return image.claimed_by if held else None


def _next_slot(heads: Sequence[Head]) -> NextSlot | None:
    """Where another caption goes, and the revision it is typed over; None when all are taken."""
    taken = {head.slot for head in heads if head.text is not None}
    revisions = {head.slot: head.revision for head in heads}
    for slot in range(MAX_CAPTIONS):
        if slot not in taken:
            return NextSlot(slot=slot, revision=revisions.get(slot, 0))
    return None
