"""What was deleted and can be brought back: rows of images and models that have left their own tables.

A deleted image or model is in no list, count or search because its row is not there; a deleted dataset
stays where it is (`Dataset.deleted_at`). What is held here, and how it goes back: `common/trash/`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from common.db.tables.base import Base, BigId, now


class TrashedImage(Base):
    """An image that was deleted; its files stay. batch: of all that were deleted at once.

    rows: by table, its own row and those that hung on it.
    """

    __tablename__ = "trashed_images"
    image_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    dataset_id: Mapped[str] = mapped_column(ForeignKey("datasets.id", ondelete="CASCADE"))
    batch: Mapped[str] = mapped_column(String(32))
    sha256: Mapped[str] = mapped_column(String(64))
    ext: Mapped[str] = mapped_column(String(8))
    filename: Mapped[str] = mapped_column(String(512))
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    deleted_by: Mapped[str] = mapped_column(String(80))
    deleted_at: Mapped[datetime] = mapped_column(default=now)
    rows: Mapped[dict[str, Any]]
    __table_args__ = (
        Index("ix_trashed_images_batch", "batch", "image_id"),
        Index("ix_trashed_images_file", "dataset_id", "sha256"),
        Index("ix_trashed_images_deleted_at", "deleted_at"),
    )


class TrashedModel(Base):
    """A model that was deleted; its folder stays, and so do the files of its indexes.

    dataset_id: that it was trained on. rows: its own row, those of its indexes, and the ids of the datasets
    that were searched with it by choice.
    """

    __tablename__ = "trashed_models"
    id: Mapped[str] = mapped_column(String(160), primary_key=True)
    name: Mapped[str] = mapped_column(String(120))
    folder: Mapped[str] = mapped_column(String(200))
    dataset_id: Mapped[str | None] = mapped_column(ForeignKey("datasets.id", ondelete="SET NULL"))
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    created_by: Mapped[str] = mapped_column(String(80))
    deleted_by: Mapped[str] = mapped_column(String(80))
    deleted_at: Mapped[datetime] = mapped_column(default=now)
    rows: Mapped[dict[str, Any]]
