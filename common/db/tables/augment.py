"""Variants of captions that an augmentation proposes."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    JSON,
    ForeignKey,
    Index,
    String,
    Text,
)
from sqlalchemy.orm import Mapped, mapped_column

from common.db.tables.base import Base, BigId


class Variant(Base):
    """Another way to say a caption, proposed by an augmentation and judged by people.

    source_revision, source_text: of the caption as it stands in the split's snapshot. proposed:
    what the augmentation wrote; text: that, or what a person made of it (state "edited").
    score: how near in meaning, -1..1, None where the method has none. reasons: why it is doubted;
    is_doubted: whether there are any, to find them by.
    state: proposed, accepted, edited or rejected; all but the last stand in train.csv.
    job_id: the augmentation that proposed it last. Rows of an earlier one are kept only where
    somebody decided: they are remembered, not shown, until the same words are proposed again.
    """

    __tablename__ = "variants"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    dataset_id: Mapped[str] = mapped_column(ForeignKey("datasets.id", ondelete="CASCADE"))
    job_id: Mapped[str] = mapped_column(String(32))
    image_id: Mapped[int] = mapped_column(ForeignKey("images.id", ondelete="CASCADE"), index=True)
    slot: Mapped[int]
    source_revision: Mapped[int]
    source_text: Mapped[str] = mapped_column(Text)
    proposed: Mapped[str] = mapped_column(Text)
    text: Mapped[str] = mapped_column(Text)
    method: Mapped[str] = mapped_column(String(16))
    model: Mapped[str | None] = mapped_column(String(300))
    seed: Mapped[int]
    score: Mapped[float | None]
    reasons: Mapped[list[str]] = mapped_column(JSON, default=list)
    is_doubted: Mapped[bool] = mapped_column(default=False)
    state: Mapped[str] = mapped_column(String(16), default="proposed")
    decided_by: Mapped[str | None] = mapped_column(String(80))
    decided_at: Mapped[datetime | None]
    __table_args__ = (
        Index("ix_variants_dataset_job", "dataset_id", "job_id", "id"),
        {"sqlite_autoincrement": True},  # a late decision must never meet another variant's id
    )
