"""Captions, their history, reviews, and suggestions of captions."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    ForeignKey,
    Index,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from common.db.tables.base import Base, BigId, now

_IS_FURTHER = sql("slot > 0 AND text IS NOT NULL")


class Caption(Base):
    """The head of a caption's history: what stands in a slot of an image now.

    slot: 0 for the image's first caption, 1 for its second ... A slot has a row from its first
    revision on. text: None when it was taken away. tokens: how many CLIP tokens the text has, start
    and end included; None: not counted yet. author, saved_at: of this revision.
    """

    __tablename__ = "captions"
    image_id: Mapped[int] = mapped_column(
        ForeignKey("images.id", ondelete="CASCADE"), primary_key=True
    )
    slot: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    text: Mapped[str | None] = mapped_column(Text)
    revision: Mapped[int]
    tokens: Mapped[int | None]
    author: Mapped[str] = mapped_column(String(80))
    saved_at: Mapped[datetime] = mapped_column(default=now)
    __table_args__ = (
        Index(  # for the filter of images with several captions, of which there are few
            "ix_captions_further",
            "image_id",
            sqlite_where=_IS_FURTHER,
            postgresql_where=_IS_FURTHER,
        ),
        {"sqlite_with_rowid": False},  # an image's captions lie side by side
    )


class CaptionRevision(Base):
    """One saved caption, or one taken away (text None).

    revision counts from 1 in each slot of an image. `client_id` is unique, so that a message sent
    twice is saved once.
    """

    __tablename__ = "caption_revisions"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    image_id: Mapped[int] = mapped_column(ForeignKey("images.id", ondelete="CASCADE"))
    slot: Mapped[int] = mapped_column(default=0, server_default="0")
    revision: Mapped[int]
    text: Mapped[str | None] = mapped_column(Text)
    author: Mapped[str] = mapped_column(String(80))
    client_id: Mapped[str] = mapped_column(String(80), unique=True)
    created_at: Mapped[datetime] = mapped_column(default=now)
    __table_args__ = (
        UniqueConstraint("image_id", "slot", "revision", name="uq_caption_revisions_slot"),
    )


class Review(Base):
    """Somebody found the captions of an image right. Kept also when they change afterwards."""

    __tablename__ = "reviews"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    image_id: Mapped[int] = mapped_column(ForeignKey("images.id", ondelete="CASCADE"), index=True)
    reviewer: Mapped[str] = mapped_column(String(80))
    author: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[datetime] = mapped_column(default=now)


class Suggestion(Base):
    """A caption that a machine proposes for an image; never a caption until a person takes it.

    text_sha256: stands for the text in the index, which takes no text of 2000 characters
    (PostgreSQL: 2704 bytes).
    """

    __tablename__ = "suggestions"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    image_id: Mapped[int] = mapped_column(ForeignKey("images.id", ondelete="CASCADE"))
    text: Mapped[str] = mapped_column(Text)
    text_sha256: Mapped[str] = mapped_column(String(64))
    source: Mapped[str] = mapped_column(String(80))
    score: Mapped[float | None]
    created_at: Mapped[datetime] = mapped_column(default=now)
    dismissed_by: Mapped[str | None] = mapped_column(String(80))
    __table_args__ = (UniqueConstraint("image_id", "text_sha256"),)
