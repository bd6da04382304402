"""Datasets."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    String,
)
from sqlalchemy.orm import Mapped, mapped_column

from common.db.tables.base import Base, now


class Dataset(Base):
    """A set of images. `caption_seq` counts every change of its images or captions.

    images_seq: grows with each removal of images, and now and then while some arrive. changed_at: when
    caption_seq last counted. index_csv_seq: the change that the stored index.csv holds.
    stale_since: the first change that it does not hold; None while it holds all.
    snapshot_id: the frozen captions of the newest split. variants_job_id: the augmentation whose
    variants stand. The variants_... and train_... columns are to train.csv what those above are to
    index.csv; train_rows: how many rows train.csv has, None while there is none. model_id: the model
    that people chose to search it with; None: the newest one. everyone_role: what every member of the
    service is in it at the least; None: only those who were added see it. deleted_at, deleted_by: it lies in
    the trash, and nobody sees it; None: it does not.
    """

    __tablename__ = "datasets"
    id: Mapped[str] = mapped_column(String(80), primary_key=True)
    name: Mapped[str] = mapped_column(String(120))
    created_by: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[datetime] = mapped_column(default=now)
    everyone_role: Mapped[str | None] = mapped_column(
        String(16), default="captioner", server_default="captioner"
    )
    caption_seq: Mapped[int] = mapped_column(BigInteger, default=0)
    images_seq: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    index_csv_seq: Mapped[int] = mapped_column(BigInteger, default=-1)
    changed_at: Mapped[datetime | None]
    stale_since: Mapped[datetime | None]
    snapshot_id: Mapped[str | None] = mapped_column(String(16))
    variants_job_id: Mapped[str | None] = mapped_column(String(32))
    variants_seq: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    train_csv_seq: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    variants_changed_at: Mapped[datetime | None]
    variants_stale_since: Mapped[datetime | None]
    train_rows: Mapped[int | None]
    model_id: Mapped[str | None] = mapped_column(String(160))
    defaults: Mapped[dict[str, Any]] = mapped_column(default=dict)
    deleted_at: Mapped[datetime | None]
    deleted_by: Mapped[str | None] = mapped_column(String(80))
