"""Claims: each captioner is served another uncaptioned image. A claim runs out.

A claim is held by one tab (or token) of a person, so that two tabs of one person, too, are served
different images.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, or_, select, update
from sqlalchemy.orm import Session

from common.db.tables import Image, now
from common.errors import Conflict, NotFound


@dataclass(frozen=True)
class Claimer:
    """Who claims: a person, the tab or token they hold it with, and for how many minutes."""

    name: str
    holder: str
    minutes: float


def claim_next(
    session: Session, dataset_id: str, claimer: Claimer, after: int | None
) -> Image | None:
    """The next uncaptioned image that nobody else holds; None when there is none.

    Without `after` an image that `claimer` already holds comes first. With `after` the images
    behind it come first, then the free ones before it: what `claimer` holds there may be on its
    way to be saved, and is not served twice.
    """
    moment = now()
    free = or_(Image.claimed_by.is_(None), Image.claim_until < moment)
    mine = and_(
        Image.claimed_by == claimer.name,
        Image.claim_holder == claimer.holder,
        Image.claim_until >= moment,
    )
    first = mine if after is None else and_(Image.id > after, or_(free, mine))
    for candidate in (first, free):
        wanted = (
            select(Image.id)
            .where(Image.dataset_id == dataset_id, ~Image.is_captioned, candidate)
            .order_by(Image.id)
            .limit(1)
            .with_for_update(skip_locked=True)  # PostgreSQL; SQLite has one writer at a time
        )
        served = _take(session, wanted.scalar_subquery(), candidate, claimer, moment)
        if served is not None:
            return served
    return None


def claim_one(session: Session, image_id: int, claimer: Claimer) -> Image:
    """Claim this image, captioned or not, also from another tab of the same person.

    Raises NotFound, Conflict (says who holds it).
    """
    moment = now()
    open_to_me = or_(
        Image.claimed_by.is_(None), Image.claim_until < moment, Image.claimed_by == claimer.name
    )
    served = _take(session, image_id, open_to_me, claimer, moment)
    if served is not None:
        return served
    image = session.get(Image, image_id)
    if image is None:
        raise NotFound(f"There is no image {image_id}.")
    raise Conflict(
        f"{image.claimed_by} is captioning image {image_id}.",
        remedy="Take another image, or try again when the claim has run out.",
        details={"claimed_by": image.claimed_by, "lease_expires_at": str(image.claim_until)},
    )


def release(session: Session, image_id: int, name: str, holder: str) -> None:
    """Give a claim back; one that this tab or token does not hold stays."""
    session.execute(
        update(Image)
        .where(Image.id == image_id, Image.claimed_by == name, Image.claim_holder == holder)
        .values(claimed_by=None, claim_holder=None, claim_until=None),
        execution_options={"synchronize_session": False},
    )


def _take(
    session: Session, image_id: object, condition: object, claimer: Claimer, moment: datetime
) -> Image | None:
    """One UPDATE: the row that was changed, or None."""
    return session.execute(
        update(Image)
        .where(Image.id == image_id, condition)  # type: ignore[arg-type]
        .values(
            claimed_by=claimer.name,
            claim_holder=claimer.holder,
            claim_until=moment + timedelta(minutes=claimer.minutes),
        )
        .returning(Image),
        execution_options={"synchronize_session": False, "populate_existing": True},
    ).scalar_one_or_none()
