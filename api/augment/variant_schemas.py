"""What requests and answers about variants of captions hold."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from api.answers import Answer
from api.schemas import Body, Id, Limit, Request, Text
from common.augment.variants import State, VariantFilter
from common.captions.text import MAX_CAPTION_CHARS

MAX_DECIDED = 20_000  # variants named one by one; more are meant by a filter


class VariantQuery(Request, VariantFilter):
    """A page of the variants that fit a filter."""

    cursor: str | None = Field(None, pattern=r"^[0-9]{0,18}$")
    limit: Limit = 50


class VariantPath(Request):
    """A variant by its id."""

    variant_id: Id


class VariantChange(Body):
    """A decision, or another text. proposed: as if nobody had decided."""

    state: Literal["accepted", "rejected", "proposed"] | None = None
    text: Annotated[Text, Field(max_length=2 * MAX_CAPTION_CHARS)] | None = None

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if (self.state is None) == (self.text is None):
            raise ValueError("state or text: one of the two is needed")
        return self


class Decide(Body):
    """A decision on many: those named, or those that fit."""

    state: Literal["accepted", "rejected", "proposed"]
    ids: list[Id] | None = Field(None, min_length=1, max_length=MAX_DECIDED)
    filter: VariantFilter | None = None

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if (self.ids is None) == (self.filter is None):
            raise ValueError("ids or filter: one of the two is needed")
        return self


class VariantOut(Answer):
    """A variant beside the caption that it is to say again.

    proposed: what the method wrote, also when somebody has edited `text`. score: how near in
    meaning, -1..1. is_stale: whether the caption was changed since it was frozen by the split.
    """

    id: int
    image_id: int
    slot: int
    filename: str
    thumb_url: str
    source_text: str
    text: str
    proposed: str
    method: str
    model: str | None
    score: float | None
    state: State
    reasons: list[str]
    decided_by: str | None
    is_stale: bool


class StateCounts(Answer):
    """How many variants are in each state."""

    proposed: int
    accepted: int
    edited: int
    rejected: int


class VariantList(Answer):
    """A page of variants in the order of the captions; total: of all pages.

    counts: of all that fit, whatever their state. train_rows: rows of train.csv as written last.
    scores: the lowest and the highest one of the augmentation, null when it gave none.
    """

    items: list[VariantOut]
    next_cursor: str | None
    total: int
    counts: StateCounts
    train_rows: int | None
    scores: tuple[float, float] | None


class Decided(Answer):
    """How many are not in the state that they were in; ids: those, if they are few enough to name."""

    changed: int
    ids: list[int] | None
