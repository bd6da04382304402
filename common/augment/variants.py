"""Variants of captions: which ones are meant, and which ones stand."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from sqlalchemy import ColumnElement, Select, or_, select

from common.db.tables import Dataset, Variant
from common.images.filter import holds, storable

State = Literal["proposed", "accepted", "edited", "rejected"]
STATES: tuple[State, ...] = ("proposed", "accepted", "edited", "rejected")
STANDING = ("proposed", "accepted", "edited")
Score = Annotated[float, Field(ge=-1, le=1)]


class VariantFilter(BaseModel):
    """Conditions that a variant must fit, all of them; None asks for nothing.

    min_score, max_score: from .. up to, the last excluded; a variant without a score fits neither.
    q: a text in the variant or its caption. doubted: whether reasons of doubt are noted.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    state: State | None = None
    method: Literal["synonyms", "llm"] | None = None
    min_score: Score | None = None
    max_score: Annotated[float, Field(ge=-1, le=1.01)] | None = None
    q: Annotated[str, Field(max_length=200), AfterValidator(storable)] | None = None
    doubted: bool | None = None
    image_id: int | None = Field(None, ge=1, le=2**63 - 1)


ALL = VariantFilter.model_validate({})


def chosen(dataset: Dataset, wanted: VariantFilter, state: bool = True) -> Select[Variant]:
    """The variants of a dataset's newest augmentation that fit, in the order of its captions.

    state: False leaves `wanted.state` out of account.
    """
    conditions: list[ColumnElement[bool]] = [
        Variant.dataset_id == dataset.id,
        Variant.job_id == (dataset.variants_job_id or ""),
    ]
    if wanted.state is not None and state:
        conditions.append(Variant.state == wanted.state)
    if wanted.method is not None:
        conditions.append(Variant.method == wanted.method)
    if wanted.min_score is not None:
        conditions.append(Variant.score >= wanted.min_score)
    if wanted.max_score is not None:
        conditions.append(Variant.score < wanted.max_score)
    if wanted.q:
        conditions.append(or_(holds(Variant.text, wanted.q), holds(Variant.source_text, wanted.q)))
    if wanted.doubted is not None:
        conditions.append(Variant.is_doubted.is_(wanted.doubted))
    if wanted.image_id is not None:
        conditions.append(Variant.image_id == wanted.image_id)
    return select(Variant).where(*conditions).order_by(Variant.id)
