"""Edits of many captions at once: what requests and answers hold."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field

from api.answer import Answer
from api.request import Body, Id
from common.captions.edits import MAX_FIND_CHARS
from common.captions.text import MAX_CAPTION_CHARS
from common.images.filter import ImageFilter, storable

MAX_CHOSEN = 20_000  # images named one by one; more are meant by a filter


Typed = Annotated[str, AfterValidator(storable)]


class FilterOfImages(ImageFilter):
    """A filter in a body, where 1 is no true and "7" no number."""

    model_config = ConfigDict(strict=True)


class NewEdit(Body):
    """An edit of all captions of the images that fit `filter` and, if given, are in `image_ids`.

    whole_words: left out, plain text is looked for in whole words and a pattern anywhere.
    token: of the preview; captions saved since then stay as they are.
    """

    mode: Literal["replace", "prepend", "append", "set", "clear"]
    find: Annotated[Typed, Field(max_length=MAX_FIND_CHARS)] = ""
    text: Annotated[Typed, Field(max_length=MAX_CAPTION_CHARS)] = ""
    match_case: bool = False
    whole_words: bool | None = None
    regex: bool = False
    filter: FilterOfImages = FilterOfImages.model_validate({})
    image_ids: list[Id] | None = Field(None, max_length=MAX_CHOSEN)
    token: str | None = Field(None, pattern=r"^[0-9]{1,18}$")


class EditedRow(Answer):
    """A caption before and after the edit; null: none."""

    image_id: int
    slot: int
    filename: str
    thumb_url: str
    before: str | None
    after: str | None


class RefusedRow(Answer):
    """A caption that the edit would leave as it is, and why."""

    image_id: int
    slot: int
    text: str | None
    reason: str


class EditPreview(Answer):
    """What an edit would do. count: captions changed, of which `items` holds the first 200.

    images: how many images they belong to. reviewed: how many of those are reviewed now, and need
    a new look afterwards. token: goes with the edit.
    """

    count: int
    unchanged: int
    images: int
    reviewed: int
    items: list[EditedRow]
    rejected: list[RefusedRow]
    rejected_count: int
    token: str
