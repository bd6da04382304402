"""Indexes to search with."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    ForeignKey,
    String,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from common.db.tables.base import Base, BigId, now


class SearchIndex(Base):
    """The newest index of a dataset by a model; `prefix` is swapped last, so it is always whole."""

    __tablename__ = "indexes"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    dataset_id: Mapped[str] = mapped_column(ForeignKey("datasets.id", ondelete="CASCADE"))
    model_id: Mapped[str] = mapped_column(String(160))
    prefix: Mapped[str] = mapped_column(String(300))
    images: Mapped[int]
    dim: Mapped[int]
    job_id: Mapped[str | None] = mapped_column(ForeignKey("jobs.id", ondelete="SET NULL"))
    created_at: Mapped[datetime] = mapped_column(default=now)
    __table_args__ = (UniqueConstraint("dataset_id", "model_id"),)
