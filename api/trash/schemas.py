"""What the trash is asked for, and what it answers."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from api.answer import Answer, Moment, Page
from api.request import Key, Request

TrashKind = Literal["dataset", "images", "model"]
MAX_SHOWN = 200


class TrashQuery(Request):
    """cursor: `next_cursor` of the page before."""

    cursor: Key | None = None
    limit: int = Field(50, ge=1, le=MAX_SHOWN)


class TrashedDatasetPath(Request):
    """A dataset in the trash."""

    trashed_dataset_id: Key


class BatchPath(Request):
    """Images that were deleted at once."""

    batch_id: Key


class TrashedModelPath(Request):
    """A model in the trash."""

    trashed_model_id: Key


class TrashItem(Answer):
    """Something in the trash. key: by which it is brought back, `/trash/{kind}s/{key}/restore` (`images` as it is).

    name: of the dataset or model, or of the first image. dataset_id: of images and models, while the dataset
    is there. count: images in it. size_bytes: of the images, or of the model's folder. until: then it is
    removed for good. may_remove: whether the person who asks may do so before.
    """

    kind: TrashKind
    key: str
    name: str
    dataset_id: str | None
    dataset_name: str | None
    count: int
    size_bytes: int
    deleted_by: str
    deleted_at: Moment
    until: Moment
    may_remove: bool


class TrashOut(Page):
    """What one may bring back, the newest first. kept_days: how long it is kept."""

    items: list[TrashItem]
    kept_days: int


class TakenImage(Answer):
    """An image whose picture was uploaded again meanwhile."""

    image_id: int
    filename: str


class RestoredOut(Answer):
    """What came back. taken: images that stay in the trash, a hundred at the most; left: how many stay."""

    kind: TrashKind
    key: str
    dataset_id: str | None
    images: int
    left: int
    taken: list[TakenImage]


class EmptiedOut(Answer):
    """How many things were removed for good: datasets, models, and deletions of images."""

    removed: int
