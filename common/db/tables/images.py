"""Images, and where each came from."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    Index,
    String,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from common.db.tables.base import Base, BigId, now


def image_key(dataset_id: str, sha256: str, ext: str) -> str:
    """An original's key in the artifact store."""
    return f"datasets/{dataset_id}/images/{sha256}.{ext}"


def thumb_key(dataset_id: str, sha256: str) -> str:
    """A thumbnail's key in the artifact store (WebP)."""
    return f"datasets/{dataset_id}/thumbs/{sha256}.webp"


class Image(Base):
    """An image, and what people note of it as a whole; its captions are rows of `Caption`.

    is_captioned: whether its first caption (slot 0) has a text. That follows from `captions` and
    stands here so that claims, filters and counts need not look there; `save_captions`, which alone
    writes captions, keeps it right in the same transaction. claim_holder: which tab or token of
    `claimed_by` holds the claim. flagged_by, reviewed_by: of the image, not of a caption: who has
    found all its captions right, as they stand now. tag: the kind of picture that it is, by which a
    split can be stratified.
    """

    __tablename__ = "images"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    dataset_id: Mapped[str] = mapped_column(ForeignKey("datasets.id", ondelete="CASCADE"))
    sha256: Mapped[str] = mapped_column(String(64))
    ext: Mapped[str] = mapped_column(String(8))
    filename: Mapped[str] = mapped_column(String(512))
    width: Mapped[int]
    height: Mapped[int]
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    phash: Mapped[str] = mapped_column(String(40))
    created_at: Mapped[datetime] = mapped_column(default=now)
    is_captioned: Mapped[bool] = mapped_column(default=False, server_default=false())
    claimed_by: Mapped[str | None] = mapped_column(String(80))
    claim_holder: Mapped[str | None] = mapped_column(String(80))
    claim_until: Mapped[datetime | None]
    flagged_by: Mapped[str | None] = mapped_column(String(80))
    flagged_at: Mapped[datetime | None]
    flag_note: Mapped[str] = mapped_column(String(500), default="", server_default="")
    reviewed_by: Mapped[str | None] = mapped_column(String(80))
    reviewed_at: Mapped[datetime | None]
    tag: Mapped[str | None] = mapped_column(String(80))
    __table_args__ = (
        UniqueConstraint("dataset_id", "sha256"),
        Index("ix_images_dataset_id", "dataset_id", "id"),
        Index(
            "ix_images_uncaptioned",
            "dataset_id",
            "id",
            sqlite_where=text("is_captioned = 0"),  # as SQLAlchemy writes ~Image.is_captioned
            postgresql_where=text("NOT is_captioned"),
        ),
        Index(  # what a tab holds, of which there are few
            "ix_images_claim_holder",
            "claim_holder",
            sqlite_where=text("claim_holder IS NOT NULL"),
            postgresql_where=text("claim_holder IS NOT NULL"),
        ),
        {"sqlite_autoincrement": True},  # a late caption must never meet another image's id
    )

    @property
    def key(self) -> str:
        """The original's key in the artifact store."""
        return image_key(self.dataset_id, self.sha256, self.ext)

    @property
    def thumb_key(self) -> str:
        """The thumbnail's key in the artifact store (WebP)."""
        return thumb_key(self.dataset_id, self.sha256)


class ImageSource(Base):
    """The SHA-256 of a file that was changed when it was stored (turned upright, for example).

    By it the file is known again when somebody uploads it once more; one that was stored as it came
    is known by its image's own hash.
    """

    __tablename__ = "image_sources"
    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    image_id: Mapped[int] = mapped_column(
        ForeignKey("images.id", ondelete="CASCADE"), primary_key=True, index=True
    )
