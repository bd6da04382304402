"""Variants of captions and synonym maps: what requests and answers hold."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from api.answer import Answer, Moment, Number, Page
from api.request import Body, Cursor, Id, Key, Limit, Request, Text
from common.augment.synonym_map import MAX_PER_CAPTION, MAX_WORD_CHARS
from common.augment.variants import State, VariantFilter
from common.captions.text import MAX_CAPTION_CHARS

MAX_DECIDED = 20_000  # variants named one by one; more are meant by a filter
MAX_CAPTIONS = 50  # looked at with a synonym map
Caption = Annotated[Text, Field(max_length=MAX_CAPTION_CHARS)]
RawMap = dict[str, Any] | str  # JSON as text is also looked through for words listed twice


class VariantQuery(Request, VariantFilter):
    """A page of the variants that fit a filter."""

    cursor: Cursor | None = None
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


class FilterOfVariants(VariantFilter):
    """A filter in a body, where 0 is no false and "0.5" no number."""

    model_config = ConfigDict(strict=True)


class Decide(Body):
    """A decision on many: those named, or those that fit."""

    state: Literal["accepted", "rejected", "proposed"]
    ids: list[Id] | None = Field(None, min_length=1, max_length=MAX_DECIDED)
    filter: FilterOfVariants | None = None

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if (self.ids is None) == (self.filter is None):
            raise ValueError("ids or filter: one of the two is needed")
        return self


class NewSynonyms(Body):
    """A whole map. base: the `version` of the map that it takes the place of."""

    map: RawMap
    base: Annotated[Text, Field(max_length=64)]


class SynonymCheck(Body):
    """A map to look at without saving it. which: whose place it takes among the dataset's two maps.

    captions: to preview; left out, some of the dataset's own: `limit` of them, which `seed` draws,
    if given only such that hold the word.
    """

    map: RawMap
    which: Literal["dataset", "shared"] = "dataset"
    dataset_id: Key | None = None
    captions: list[Caption] | None = Field(None, max_length=MAX_CAPTIONS)
    word: Annotated[Text, Field(max_length=MAX_WORD_CHARS)] = ""
    limit: int = Field(8, ge=0, le=MAX_CAPTIONS)
    per_caption: int = Field(3, ge=1, le=MAX_PER_CAPTION)
    seed: int = Field(0, ge=0, lt=2**31)


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
    score: Number | None
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


class VariantList(Page):
    """A page of variants in the order of the captions; total: of all pages.

    counts: of all that fit, whatever their state. train_rows: rows of train.csv as written last.
    scores: the lowest and the highest one of the augmentation, null when it gave none.
    """

    items: list[VariantOut]
    total: int
    counts: StateCounts
    train_rows: int | None
    scores: tuple[Number, Number] | None


class Decided(Answer):
    """How many are not in the state that they were in; ids: those, if they are few enough to name."""

    changed: int
    ids: list[int] | None


class MapProblemOut(Answer):
    """What is wrong with an entry, as the end of a sentence; entry "" is the map as a whole."""

    entry: str
    problem: str


class SynonymsOut(Answer):
    """A map. version: to be sent with a change; saved_at null: nobody has saved one.

    problems: of a file that was edited by hand and broken; these entries are not in `map`.
    """

    map: dict[str, list[str]]
    version: str
    saved_at: Moment | None
    problems: list[MapProblemOut]


class PreviewOut(Answer):
    """A caption and its variants; fewer than asked for when it has no more."""

    caption: str
    variants: list[str]


class SynonymCheckOut(Answer):
    """What is wrong with a map (problem_count: of all; the first 1,000 are listed) and what it does.

    candidates: `[word, count]` of the dataset's words that neither map has, the most frequent first.
    """

    problems: list[MapProblemOut]
    problem_count: int
    previews: list[PreviewOut]
    candidates: list[tuple[str, int]]
