"""What requests and answers about synonym maps hold."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from api.answers import Answer
from api.schemas import Body, Key, Text
from common.augment.synonym_map import MAX_PER_CAPTION, MAX_WORD_CHARS
from common.captions.text import MAX_CAPTION_CHARS

MAX_CAPTIONS = 50
Caption = Annotated[Text, Field(max_length=MAX_CAPTION_CHARS)]
RawMap = dict[str, Any] | str  # JSON as text is also looked through for words listed twice


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
    saved_at: str | None
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
