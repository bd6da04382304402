"""The database's tables. The only truth for state; SQLite (WAL) and PostgreSQL alike."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


def now() -> datetime:
    """The current time, in UTC, aware."""
    return datetime.now(UTC)


class UtcDateTime(TypeDecorator[datetime]):
    """A time that comes back aware and in UTC, also from SQLite (which stores it without a zone)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Store in UTC."""
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give back in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


BigId = BigInteger().with_variant(Integer, "sqlite")


class Base(DeclarativeBase):
    """Base of all tables."""

    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: UtcDateTime(),
        dict[str, Any]: JSON(),
    }


class User(Base):
    """A person. `password_hash` is None for people who come by link only."""

    __tablename__ = "users"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    name: Mapped[str] = mapped_column(String(80), unique=True)
    role: Mapped[str] = mapped_column(String(16), default="member")
    password_hash: Mapped[str | None] = mapped_column(String(255))
    created_at: Mapped[datetime] = mapped_column(default=now)


class Token(Base):
    """A bearer secret, stored as its SHA-256. kind: api (named), session (cookie), link (once)."""

    __tablename__ = "tokens"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str] = mapped_column(String(16))
    name: Mapped[str] = mapped_column(String(80), default="")
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime | None]
    used_at: Mapped[datetime | None]


class Dataset(Base):
    """A set of images. `caption_seq` counts every change of its images or captions.

    changed_at: when it last counted. index_csv_seq: the change that the stored index.csv holds.
    stale_since: the first change that it does not hold; None while it holds all.
    snapshot_id: the frozen captions of the newest split. variants_job_id: the augmentation whose
    variants stand. The variants_... and train_... columns are to train.csv what those above are to
    index.csv; train_rows: how many rows train.csv has, None while there is none. model_id: the model
    that people chose to search it with; None: the newest one.
    """

    __tablename__ = "datasets"
    id: Mapped[str] = mapped_column(String(80), primary_key=True)
    name: Mapped[str] = mapped_column(String(120))
    created_by: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[datetime] = mapped_column(default=now)
    caption_seq: Mapped[int] = mapped_column(BigInteger, default=0)
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
        {"sqlite_autoincrement": True},  # a late caption must never meet another image's id
    )

    @property
    def key(self) -> str:
        """The original's key in the artifact store."""
        return f"datasets/{self.dataset_id}/images/{self.sha256}.{self.ext}"

    @property
    def thumb_key(self) -> str:
        """The thumbnail's key in the artifact store (WebP)."""
        return f"datasets/{self.dataset_id}/thumbs/{self.sha256}.webp"


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
    __table_args__ = ({"sqlite_with_rowid": False},)  # an image's captions lie side by side


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


class Job(Base):
    """A piece of work. Who may change what, and when, stands in `common/jobs/states.py`.

    queued_at: when it began to wait, at first or to be done again; None: created_at. place: where
    somebody put it among the waiting jobs of the same priority (the lower the earlier); None: as is
    fair, see `common/jobs/order.py`. group_id: of the sweep that it belongs to. suspect_lease: the
    lease that the reaper found to be wrong, and when; it is lost when a later look finds it unchanged.
    """

    __tablename__ = "jobs"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    kind: Mapped[str] = mapped_column(String(32))
    queue: Mapped[str] = mapped_column(String(32))
    state: Mapped[str] = mapped_column(String(16))
    dataset_id: Mapped[str | None] = mapped_column(
        ForeignKey("datasets.id", ondelete="CASCADE"), index=True
    )
    params: Mapped[dict[str, Any]] = mapped_column(default=dict)
    result: Mapped[dict[str, Any] | None]
    error: Mapped[dict[str, Any] | None]
    checkpoint: Mapped[dict[str, Any] | None]
    progress: Mapped[dict[str, Any]] = mapped_column(default=dict)
    seq: Mapped[int] = mapped_column(BigInteger, default=0)
    priority: Mapped[int] = mapped_column(default=5)
    attempt: Mapped[int] = mapped_column(default=0)
    max_attempts: Mapped[int] = mapped_column(default=3)
    lease_owner: Mapped[str | None] = mapped_column(String(120))
    lease_until: Mapped[datetime | None]
    suspect_lease: Mapped[str | None] = mapped_column(String(200))
    place: Mapped[float | None] = mapped_column(Float)
    group_id: Mapped[str | None] = mapped_column(String(32), index=True)
    stop_requested: Mapped[str | None] = mapped_column(String(8))
    after_job_id: Mapped[str | None] = mapped_column(String(32), index=True)
    created_by: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[datetime] = mapped_column(default=now)
    task_id: Mapped[str | None] = mapped_column(String(40))
    notes: Mapped[list[str]] = mapped_column(JSON, default=list)
    queued_at: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    __table_args__ = (Index("ix_jobs_state_queue", "state", "queue", "priority", "created_at"),)


class PausedQueue(Base):
    """A queue of which no further job is begun until somebody lets it go on."""

    __tablename__ = "paused_queues"
    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    paused_by: Mapped[str] = mapped_column(String(80))
    reason: Mapped[str] = mapped_column(String(300), default="")
    paused_at: Mapped[datetime] = mapped_column(default=now)


class JobMetric(Base):
    """A point of a job's series (train/loss, val/t2i_r1 ...)."""

    __tablename__ = "job_metrics"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(64))
    step: Mapped[int]
    epoch: Mapped[float | None]
    value: Mapped[float] = mapped_column(Float)
    time: Mapped[datetime] = mapped_column(default=now)

    __table_args__ = (Index("ix_job_metrics_written", "job_id", "id"),)


class JobLog(Base):
    """A chunk of a job's log. `start` is the offset of its first character in the whole log."""

    __tablename__ = "job_logs"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    start: Mapped[int] = mapped_column(BigInteger)
    text: Mapped[str] = mapped_column(Text)
    __table_args__ = (UniqueConstraint("job_id", "start"),)


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
