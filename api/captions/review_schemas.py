"""What requests and answers about flags, reviews and the team hold."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Self

from pydantic import AfterValidator, Field, TypeAdapter, WithJsonSchema, model_validator

from api.answer import Answer, Moment
from api.request import Body, Id, Request

MAX_NOTE_CHARS = 500
MAX_MARKED = 1000
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def one_line_or_none(text: str) -> str:
    """Without space at its ends; joined emoji and right-to-left marks are no control characters.

    Raises ValueError when it has one.
    """
    if _CONTROLS.search(text):
        raise ValueError("it has a control character or a line break")
    return text.strip()


Note = Annotated[str, Field(max_length=MAX_NOTE_CHARS), AfterValidator(one_line_or_none)]
TagName = Annotated[str, Field(max_length=80), AfterValidator(one_line_or_none)]
Revision = Annotated[int, Field(ge=0, le=2**31 - 1)]
SlotRevision = Annotated[
    list[Revision],  # JSON has no tuples, and bodies are taken strictly
    Field(min_length=2, max_length=2),
    WithJsonSchema(TypeAdapter(tuple[int, int]).json_schema()),
]


class FlagChange(Body):
    """A flag with a note, or none. note left out: as it was."""

    flagged: bool
    note: Note | None = None


class ReviewChange(Body):
    """revision: of the first caption as it was shown; extras: `[slot, revision]` of the others."""

    reviewed: bool
    revision: Revision
    extras: Annotated[list[SlotRevision], Field(max_length=10)] | None = None


class Marks(Body):
    """What to note of many images. revisions: of their first captions as they were shown.

    tag: the kind of picture that they are; "" takes it away.
    """

    image_ids: Annotated[list[Id], Field(min_length=1, max_length=MAX_MARKED)]
    revisions: Annotated[list[Revision], Field(max_length=MAX_MARKED)] | None = None
    flagged: bool | None = None
    note: Note | None = None
    reviewed: bool | None = None
    tag: TagName | None = None

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.flagged is None and self.reviewed is None and self.tag is None:
            raise ValueError("flagged, reviewed or tag: one of them is needed")
        if self.note is not None and not self.flagged:
            raise ValueError("a note goes with flagged: true")
        if self.revisions is not None and len(self.revisions) != len(self.image_ids):
            raise ValueError("revisions: one for each of image_ids is needed")
        return self

    def each(self) -> Iterator[tuple[int, int | None]]:
        """Each image once, with the revision that was shown, if that was said."""
        shown: dict[int, int | None] = dict.fromkeys(self.image_ids)
        shown.update(zip(self.image_ids, self.revisions or (), strict=False))
        return iter(shown.items())


class TeamQuery(Request):
    """How many days back, today included (UTC)."""

    days: int = Field(14, ge=1, le=366)


class Skipped(Answer):
    """An image that was left as it is, and why."""

    image_id: int
    reason: str


class Marked(Answer):
    """How many images are not what they were, and which were left out."""

    changed: int
    skipped: list[Skipped]


class TeamCounts(Answer):
    """Images; those with a caption, a review, a flag; and captions in all slots."""

    images: int
    captioned: int
    reviewed: int
    flagged: int
    captions: int


class Member(Answer):
    """What somebody has done. captions: written, each slot of an image once; reviews: images."""

    name: str
    captions: int
    reviews: int
    today_captions: int
    today_reviews: int
    last_at: Moment


class Day(Answer):
    """What somebody did on a day (UTC)."""

    day: str
    name: str
    captions: int
    reviews: int


class Team(Answer):
    """The dataset's progress, people by captions and reviews, days in order."""

    counts: TeamCounts
    people: list[Member]
    days: list[Day]
