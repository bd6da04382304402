"""What requests and answers about suggested captions hold."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from api.answers import Answer
from api.captions.review_schemas import Skipped
from api.schemas import Body, Id, Request, UserName
from common.captions.text import normalise_caption
from common.errors import InvalidInput

MAX_SUGGESTIONS = 1000  # in one request


def _caption(text: str) -> str:
    try:
        return normalise_caption(text)
    except InvalidInput as bad:
        raise ValueError(bad.message) from bad


CaptionText = Annotated[str, AfterValidator(_caption)]


class SuggestionQuery(Request):
    """How many suggestions at most."""

    limit: int = Field(5, ge=1, le=20)


class NewSuggestion(Body):
    """A caption for an image, who proposes it (such as a model's name), and how sure that is."""

    image_id: Id
    text: CaptionText
    source: UserName
    score: Annotated[float, Field(allow_inf_nan=False)] | None = None


class NewSuggestions(Body):
    """Suggestions for images of one dataset."""

    items: Annotated[list[NewSuggestion], Field(min_length=1, max_length=MAX_SUGGESTIONS)]


class Dismissal(Body):
    """A suggestion, by its text, that shall no longer be shown; dismissed false takes that back."""

    text: CaptionText
    dismissed: bool = True


class SuggestionOut(Answer):
    """A caption to take, change or dismiss. image_ids: the similar images that have it, if any."""

    text: str
    source: str
    score: float | None
    image_ids: list[int]


class SuggestionList(Answer):
    """Suggestions, best first. state, message: why none come from similar images."""

    items: list[SuggestionOut]
    state: Literal["ready", "no_index", "not_indexed", "no_worker", "busy", "failed"]
    message: str


class StoredSuggestions(Answer):
    """How many were stored, and which were left out."""

    stored: int
    skipped: list[Skipped]
