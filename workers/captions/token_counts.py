"""Counting the tokens of captions that were saved before tokens were counted."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from common.captions.clip_tokens import count_tokens
from common.db.tables import Caption, Image


def fill_missing(session: Session, limit: int) -> int:
    """Count the tokens of at most `limit` captions; of how many. 0: none is left.

    session: one that writes. Captions of images that somebody is just saving are left to them
    (PostgreSQL, where a save locks its image; SQLite has one writer at a time).
    """
    found = session.execute(
        select(Caption.image_id, Caption.slot, Caption.text)
        .join(Image, Image.id == Caption.image_id)
        .where(Caption.text.is_not(None), Caption.tokens.is_(None))
        .order_by(Caption.image_id, Caption.slot)
        .limit(limit)
        .with_for_update(skip_locked=True, of=Image)
    )
    counted: list[dict[str, Any]] = [
        {"image_id": image_id, "slot": slot, "tokens": count_tokens(str(text))}
        for image_id, slot, text in found
    ]
    if counted:
        session.execute(update(Caption), counted)
    return len(counted)
