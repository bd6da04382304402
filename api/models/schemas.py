"""The registry of models and the indexes made with them: what requests and answers hold."""

from __future__ import annotations

from typing import (
    Annotated,
    Any,
    Literal,
    NotRequired,  # pydantic takes no other before 3.12
)

from pydantic import AfterValidator, ConfigDict, Field
from typing_extensions import TypedDict

from api.answer import Answer, Moment, Number, Page
from api.request import Body, Key, Name, Request, Text

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


class ModelPath(Request):
    """A model by its id, such as `ViT-B-32/openai` or a fine-tuned model's folder name."""

    model_id: Key


class ForceQuery(Request):
    """force: also when something still uses it. confirm: then its name, as somebody has typed it."""

    force: bool = False
    confirm: Text | None = None


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


Recall = dict[str, Number | None]  # recall at 1, 5 and 10 as fractions: `t2i_r1`, `i2t_r10` ...


class Forgetting(TypedDict):
    """What a run kept of what the model could do before, on images it did not train on."""

    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc]
    images: NotRequired[int]
    before: Recall
    after: Recall


class Blend(TypedDict):
    """Weights between base (alpha 0) and tuned (alpha 1), with their recalls on the validation images."""

    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc]
    alpha: Number
    forgetting: NotRequired[Number | None]


class ModelMetrics(TypedDict, total=False):
    """What was measured; each model has of it what its run wrote, and more of its own."""

    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc]
    recall_before: Recall | None
    recall_after: Recall | None
    best_epoch: int | None
    forgetting: Forgetting | None
    blends: list[Blend] | None
    best_alpha: Number | None


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
    dataset_id: str | None = None
    job_id: str | None = None
    metrics: ModelMetrics = Field(default_factory=ModelMetrics)
    params: dict[str, Any] = Field(default_factory=dict)
    created_at: Moment | None = None
    created_by: str | None = None
    note: str = ""
    tags: list[str] = Field(default_factory=list)
    source: Literal["trained", "blended", "imported"] | None = None
    lineage: dict[str, Any] | None = None
    base: str | None = None
    is_default_for: list[str]
    folder: str | None = None
    indexes: list[str]


class ModelList(Page):
    """The registry: models of one's own newest first, then the catalogue."""

    items: list[ModelOut]


class IndexOut(Answer):
    """An index of a dataset by a model."""

    model_id: str
    model_name: str
    images: int
    dim: int
    created_at: Moment
    stale: bool
    job_id: str | None


class IndexList(Page):
    """A dataset's indexes, newest first."""

    items: list[IndexOut]
