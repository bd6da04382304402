"""Counting the tokens of captions that were saved before tokens were counted."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from common.captions.clip_tokens import count_tokens
from common.db.tables import ExtraCaption, Image


def fill_missing(session: Session, limit: int) -> int:
    """Count the tokens of at most `limit` captions; of how many. 0: none is left.

    session: one that writes. Rows that somebody is just saving are left to them (PostgreSQL;
    SQLite has one writer at a time).
    """
    firsts = session.execute(
        select(Image.id, Image.caption)
        .where(Image.caption.is_not(None), Image.tokens.is_(None))
        .order_by(Image.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    counted: list[dict[str, Any]] = [
        {"id": image_id, "tokens": count_tokens(str(text))} for image_id, text in firsts
    ]
    if counted:
        session.execute(update(Image), counted)
    return len(counted) + _fill_extras(session, limit - len(counted))


def _fill_extras(session: Session, limit: int) -> int:
    if limit <= 0:
        return 0
    extras = session.execute(
        select(ExtraCaption.image_id, ExtraCaption.slot, ExtraCaption.text)
        .where(ExtraCaption.text.is_not(None), ExtraCaption.tokens.is_(None))
        .order_by(ExtraCaption.image_id, ExtraCaption.slot)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    counted: list[dict[str, Any]] = [
        {"image_id": image_id, "slot": slot, "tokens": count_tokens(str(text))}
        for image_id, slot, text in extras
    ]
    if counted:
        session.execute(update(ExtraCaption), counted)
    return len(counted)
