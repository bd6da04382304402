"""Fine-tuned models."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    ForeignKey,
    String,
    Text,
)
from sqlalchemy.orm import Mapped, mapped_column

from common.db.tables.base import Base, now


class Model(Base):
    """A fine-tuned model. Catalogue models are not rows: they stand in `common/models/catalogue.py`.

    source: trained, blended (between a tuned model and what it began with) or imported. lineage: what
    it was made from, as in its training.json.
    """

    __tablename__ = "models"
    id: Mapped[str] = mapped_column(String(160), primary_key=True)
    name: Mapped[str] = mapped_column(String(120))
    architecture: Mapped[str] = mapped_column(String(80))
    pretrained: Mapped[str] = mapped_column(String(160), default="")
    folder: Mapped[str] = mapped_column(String(200))
    dataset_id: Mapped[str | None] = mapped_column(ForeignKey("datasets.id", ondelete="SET NULL"))
    job_id: Mapped[str | None] = mapped_column(ForeignKey("jobs.id", ondelete="SET NULL"))
    params: Mapped[dict[str, Any]] = mapped_column(default=dict)
    metrics: Mapped[dict[str, Any]] = mapped_column(default=dict)
    note: Mapped[str] = mapped_column(Text, default="")
    tags: Mapped[list[str]] = mapped_column(JSON, default=list, server_default="[]")
    source: Mapped[str] = mapped_column(String(16), default="trained", server_default="trained")
    lineage: Mapped[dict[str, Any] | None]
    created_by: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[datetime] = mapped_column(default=now)
