"""Images, choosing among them, and bringing them in: what requests and answers hold."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from api.answer import Answer, Moment, Page
from api.request import MAX_ID, Body, Cursor, Id, Key, Limit, Request, Text, no_nul, one_line
from common.images.filter import ImageFilter

MAX_DELETED = 500


class ImagePath(Request):
    """An image by its id."""

    image_id: Id


class UploadPath(Request):
    """An upload by its id."""

    upload_id: Key


class ImageQuery(Request, ImageFilter):
    """A page of the images that fit a filter. by `me`: by the person who asks."""

    cursor: Cursor | None = None
    limit: Limit = 50


class NeighbourQuery(Request, ImageFilter):
    """How many images before and behind one that fit a filter."""

    before: int = Field(9, ge=0, le=100)
    after: int = Field(9, ge=0, le=100)


class IdsQuery(Request, ImageFilter):
    """Which images."""


class ChosenImages(Body):
    """Images by their ids. confirm: the dataset's name, as somebody has typed it.

    batch: of an earlier part of the same deletion, with which these are brought back.
    """

    image_ids: list[Id] = Field(min_length=1, max_length=MAX_DELETED)
    confirm: Text | None = None
    batch: Key | None = None


class JoinQuery(Request):
    """join: a job that has not begun, to which what is uploaded is added."""

    join: Key | None = None


class KnownFiles(Body):
    """The SHA-256 of files, in hexadecimal."""

    sha256: list[Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]] = Field(max_length=5000)


class NewUpload(Body):
    """A large file that will come in portions. fingerprint: what you know the same file by later."""

    name: Annotated[str, Field(min_length=1, max_length=500), AfterValidator(one_line)]
    size_bytes: int = Field(ge=1, le=MAX_ID)
    fingerprint: Annotated[str, Field(max_length=200), AfterValidator(no_nul)] = ""


class WholeUploads(Body):
    """Uploads all of whose bytes have come."""

    uploads: list[Key] = Field(min_length=1, max_length=100)


class ExtraCaptionOut(Answer):
    """An image's second, third ... caption."""

    slot: int
    text: str
    revision: int
    by: str
    at: Moment


class NextSlot(Answer):
    """Where another caption goes, and the revision it is typed over."""

    slot: int
    revision: int


class ImageOut(Answer):
    """An image, its first caption, the others (`captions`), its flag, its review and its tag.

    next_slot: where another caption goes; null when all are taken.
    """

    id: int
    dataset_id: str
    filename: str
    width: int
    height: int
    size_bytes: int
    caption: str | None
    revision: int
    captioned_by: str | None
    captioned_at: Moment | None
    tokens: int | None
    captions: list[ExtraCaptionOut]
    next_slot: NextSlot | None
    flagged_by: str | None
    flagged_at: Moment | None
    flag_note: str
    reviewed_by: str | None
    reviewed_at: Moment | None
    tag: str | None
    claimed_by: str | None
    created_at: Moment
    url: str
    thumb_url: str


class ImageList(Page):
    """A page of the images that fit, by id; total: of all pages."""

    items: list[ImageOut]
    total: int


class Neighbours(Answer):
    """Images around one; position: how many fitting images have its id or a smaller one."""

    items: list[ImageOut]
    position: int
    total: int


class ImageIds(Answer):
    """The ids of all images that fit, in order; total: also beyond the 200,000 that are listed."""

    ids: list[int]
    total: int


class DeletedImages(Answer):
    """How many there were to delete. batch: by which they are brought back from the trash; null: they are gone."""

    deleted: int
    batch: str | None


class UploadOut(Answer):
    """A large upload: offset is the byte to go on at; job_id, once it was handed to a job."""

    id: str
    name: str
    size_bytes: int
    offset: int
    job_id: str | None


class KnownFilesOut(Answer):
    """Those of the files asked for that the dataset has, by their SHA-256."""

    known: list[str]
