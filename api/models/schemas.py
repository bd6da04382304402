"""What requests about models may hold, and how models are answered."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from api.answers import Answer
from api.schemas import Body, Key, Name, Request, Text

MAX_TAGS, MAX_TAG_LENGTH = 10, 40


def _tag(text: str) -> str:
    tag = text.strip()
    if not tag or not tag.isprintable() or len(tag) > MAX_TAG_LENGTH:
        raise ValueError(f"a tag is a text of one line and 1 to {MAX_TAG_LENGTH} characters")
    return tag


def _unique(tags: list[str]) -> list[str]:
    """Each once, in the order given; upper and lower case make no difference."""
    kept: dict[str, str] = {}
    for tag in tags:
        kept.setdefault(tag.casefold(), tag)
    return list(kept.values())


Tag = Annotated[str, AfterValidator(_tag)]


class ModelQuery(Request):
    """Which models. tag: with this tag. q: with these words in name, id, note, tag or dataset."""

    tag: Key | None = None
    q: Annotated[Text, Field(max_length=200)] | None = None


class ModelChange(Body):
    """A new name or note, or other tags; what is left out stays."""

    name: Name | None = None
    note: Annotated[Text, Field(max_length=10_000)] | None = None
    tags: Annotated[list[Tag], Field(max_length=MAX_TAGS), AfterValidator(_unique)] | None = None


class NewModelQuery(Request):
    """What to call a model that is brought in; else it is called as its folder is."""

    name: Name | None = None


class WholeModel(Body):
    """An upload all of whose bytes have come: a zip of a model folder."""

    upload: Key
    name: Name | None = None


class NewBlend(Body):
    """alpha: 0 is the model that the tuned one began with, 1 the tuned one."""

    alpha: float = Field(ge=0, le=1)
    name: Name | None = None


class DatasetModel(Body):
    """The model that a dataset is searched with; null: the one that was indexed last."""

    model_id: Key | None


class ModelOut(Answer):
    """A model of the catalogue or of the registry.

    base: what it began with, "ViT-B-32/openai", a model's id, or "". source and lineage: null for the
    catalogue. is_default_for: datasets that are searched with it by choice.
    """

    id: str
    name: str
    kind: Literal["catalogue", "finetuned"]
    architecture: str
    pretrained: list[str] | str
    parameters: int | None
    image_size: int | None
    embed_dim: int | None
    weights: Literal["cached", "not here", "own", "none"]
    recommended: bool
    description: str
    dataset_id: str | None
    job_id: str | None
    metrics: dict[str, Any]
    params: dict[str, Any]
    created_at: str | None
    created_by: str | None
    note: str
    tags: list[str]
    source: Literal["trained", "blended", "imported"] | None
    lineage: dict[str, Any] | None
    base: str | None
    is_default_for: list[str]
    folder: str | None
    indexes: list[str]


class ModelList(Answer):
    """The registry: models of one's own newest first, then the catalogue."""

    items: list[ModelOut]
    next_cursor: str | None = None


class IndexOut(Answer):
    """An index of a dataset by a model."""

    model_id: str
    model_name: str
    images: int
    dim: int
    created_at: str
    stale: bool
    job_id: str | None


class IndexList(Answer):
    """A dataset's indexes, newest first."""

    items: list[IndexOut]
    next_cursor: str | None = None
