"""Claims, captions, their words and suggestions: what requests and answers hold."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from api.answer import Answer, Moment, Number, Page
from api.captions.review_schemas import Skipped
from api.images.schemas import ImageOut
from api.request import Body, Holder, Id, Request, UserName, one_line
from common.captions.text import MAX_CAPTIONS, normalise_caption
from common.errors import InvalidInput

MAX_SUGGESTIONS = 1000  # in one request
MAX_SUGGESTIONS_BYTES = (
    4 * 2**20
)  # a thousand of some 600 characters, whatever the script, as \\uXXXX
MAX_CLAIMS = 20  # in one request


def _caption(text: str) -> str:
    try:
        return normalise_caption(text)
    except InvalidInput as bad:
        raise ValueError(bad.message) from bad


CaptionText = Annotated[str, AfterValidator(_caption)]


class ClaimQuery(Request):
    """after: the image that was just left; the next one after it is served."""

    after: Id | None = None
    holder: Holder | None = None


class ClaimsQuery(ClaimQuery):
    """count: how many images at most; a tab keeps a few ahead, so that nobody waits for the next one."""

    count: int = Field(1, ge=1, le=MAX_CLAIMS)


class HolderQuery(Request):
    """holder: the browser tab that claims; without it, the token or session that asks."""

    holder: Holder | None = None


class NewCaption(Body):
    """A caption, the revision it was typed over, and an id by which it is saved only once.

    text null takes the caption away. slot: 0 for the image's first caption, 1 for its second ...
    """

    text: str | None
    slot: int = Field(0, ge=0, lt=MAX_CAPTIONS)
    base_revision: int = Field(ge=0, le=2**31 - 1)
    client_id: Annotated[str, Field(min_length=1, max_length=80), AfterValidator(one_line)]


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


class ClaimedImage(ImageOut):
    """An image that is mine to caption until then."""

    lease_expires_at: Moment | None


class ClaimedImages(Answer):
    """Images that are mine to caption, in the order in which they are to be shown."""

    items: list[ClaimedImage]


class CaptionRevisionOut(Answer):
    """One saved caption, or one taken away (text null)."""

    slot: int
    revision: int
    text: str | None
    author: str
    client_id: str
    created_at: Moment


class RevisionList(Page):
    """An image's captions, newest first."""

    items: list[CaptionRevisionOut]


class SavedCaption(Answer):
    """With `Prefer: wait=N`: the revision that was written."""

    image_id: int
    slot: int
    revision: int
    text: str | None
    by: str
    client_id: str


class QueuedCaption(Answer):
    """The caption is on its way; the event `caption` says when it is saved."""

    client_id: str
    state: Literal["queued"] = "queued"


class Words(Answer):
    """`[text, count]`, the most frequent first."""

    words: list[tuple[str, int]]
    phrases: list[tuple[str, int]]


class SuggestionOut(Answer):
    """A caption to take, change or dismiss. image_ids: the similar images that have it, if any."""

    text: str
    source: str
    score: Number | None
    image_ids: list[int]


SuggestionState = Literal["ready", "no_index", "not_indexed", "no_worker", "busy", "failed"]


class SuggestionList(Answer):
    """Suggestions, best first. state, message: why none come from similar images."""

    items: list[SuggestionOut]
    state: SuggestionState
    message: str


class StoredSuggestions(Answer):
    """How many were stored, and which were left out."""

    stored: int
    skipped: list[Skipped]
