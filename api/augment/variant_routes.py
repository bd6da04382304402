"""Reviewing the variants that an augmentation proposes: looking at them, deciding one or many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session

from api.answer import Problem
from api.augment.schemas import (
    MAX_DECIDED,
    Decide,
    Decided,
    StateCounts,
    VariantChange,
    VariantList,
    VariantOut,
    VariantPath,
    VariantQuery,
)
from api.capability import make_blueprint
from api.datasets.facts import find_dataset
from api.datasets.schemas import DatasetPath
from api.images.answers import thumb_url
from api.people.identity import user
from api.services import app_services
from common.augment.variants import ALL, STATES, VariantFilter, chosen
from common.captions.heads import read_heads
from common.captions.text import normalise_caption
from common.datasets.changes import touch_variants
from common.db.engine import in_turns
from common.db.tables import Dataset, Image, Variant, now
from common.errors import InvalidInput, NotFound

variants = make_blueprint("variants", __name__, "augment")
PORTION = 500  # rows in one transaction: nobody who saves a caption waits long


@variants.get("/datasets/<dataset_id>/variants", responses={200: VariantList, 404: Problem})
def list_variants(path: DatasetPath, query: VariantQuery) -> VariantList:
    """The variants of the newest augmentation that fit, a page at a time."""
    with app_services().readers() as session:
        dataset = find_dataset(session, path.dataset_id)
        after = int(query.cursor or 0)
        page = session.scalars(
            chosen(dataset, query).where(Variant.id > after).limit(query.limit + 1)
        ).all()
        shown = page[: query.limit]
        counts = _counts(session, dataset, query)
        return VariantList(
            items=_answers(session, shown),
            next_cursor=str(shown[-1].id) if len(page) > query.limit else None,
            total=counts[query.state] if query.state else sum(counts.values()),
            counts=StateCounts(**counts),
            train_rows=dataset.train_rows,
            scores=_scores(session, dataset),
        )


@variants.patch(
    "/variants/<int:variant_id>", responses={200: VariantOut, 400: Problem, 404: Problem}
)
def change_variant(path: VariantPath, body: VariantChange) -> VariantOut:
    """Accept, reject or edit one variant, or take a decision back; train.csv follows."""
    with app_services().sessions() as session:
        variant = session.scalar(
            select(Variant).where(Variant.id == path.variant_id).with_for_update()
        )
        if variant is None:
            raise NotFound(
                f"There is no variant {path.variant_id}.",
                remedy="The captions were augmented again: load the page anew.",
            )
        _change(variant, body)
        session.flush()
        touch_variants(session, variant.dataset_id)
        answer = _answers(session, [variant])[0]
    app_services().events.dataset(variant.dataset_id)
    return answer


@variants.post(
    "/datasets/<dataset_id>/variants/decide", responses={200: Decided, 400: Problem, 404: Problem}
)
def decide_many(path: DatasetPath, body: Decide) -> Decided:
    """Accept or reject many variants, or take that back; train.csv follows.

    ids: of those that were changed, to take it back by; null when they are more than can be named.
    An edited text stays with its variant, whatever is decided; accepted, it counts as edited.
    """
    with app_services().readers() as session:
        dataset = find_dataset(session, path.dataset_id)
        fitting = chosen(dataset, body.filter or ALL)
        decided = ("accepted", "edited") if body.state == "accepted" else (body.state,)
        wanted = fitting.with_only_columns(Variant.id).where(Variant.state.not_in(decided))
        found = session.scalars(wanted).all()
    if body.ids is not None:
        found = sorted(set(body.ids).intersection(found))
    changed: list[int] = []
    for portion in in_turns(app_services().readers, found, PORTION):
        changed += _decide(path.dataset_id, body, portion)
    if changed:
        app_services().events.dataset(path.dataset_id)
    return Decided(changed=len(changed), ids=changed if len(changed) <= MAX_DECIDED else None)


def _change(variant: Variant, body: VariantChange) -> None:
    """Raises InvalidInput for a text that is no caption, or the caption itself."""
    variant.decided_by, variant.decided_at = user().name, now()
    if body.text is None:
        variant.state = str(body.state)
        if variant.state == "accepted" and variant.text != variant.proposed:
            variant.state = "edited"
        if variant.state == "proposed":
            variant.decided_by = variant.decided_at = None
            variant.text = variant.proposed
        return
    text = normalise_caption(body.text)
    if text == variant.source_text:
        raise InvalidInput(
            "text: this is the caption itself, which is kept anyway",
            remedy="Say it in other words, or reject the variant.",
        )
    variant.text = text
    variant.state = "accepted" if text == variant.proposed else "edited"


def _decide(dataset_id: str, body: Decide, ids: Sequence[int]) -> list[int]:
    """Decide on one portion; what somebody decided meanwhile otherwise than asked for stays."""
    values: dict[str, Any] = {"state": body.state, "decided_by": user().name, "decided_at": now()}
    if body.state == "proposed":
        values = {"state": "proposed", "decided_by": None, "decided_at": None}
        values["text"] = Variant.proposed
    conditions: list[ColumnElement[bool]] = [Variant.id.in_(ids)]
    if body.filter is not None and body.filter.state is not None:
        conditions.append(Variant.state == body.filter.state)
    with app_services().sessions() as session:
        mine = session.scalars(select(Variant.id).where(*conditions).with_for_update()).all()
        session.execute(
            update(Variant).where(Variant.id.in_(mine)).values(**values),
            execution_options={"synchronize_session": False},
        )
        if body.state == "accepted":
            session.execute(
                update(Variant)
                .where(Variant.id.in_(mine), Variant.text != Variant.proposed)
                .values(state="edited"),
                execution_options={"synchronize_session": False},
            )
        if mine:
            touch_variants(session, dataset_id)
    return list(mine)


def _counts(session: Session, dataset: Dataset, wanted: VariantFilter) -> dict[str, int]:
    columns = chosen(dataset, wanted, state=False).with_only_columns(
        Variant.state, func.count(), maintain_column_froms=True
    )
    found = session.execute(columns.order_by(None).group_by(Variant.state)).all()
    return dict.fromkeys(STATES, 0) | {row[0]: row[1] for row in found}


def _scores(session: Session, dataset: Dataset) -> tuple[float, float] | None:
    ends = chosen(dataset, ALL).with_only_columns(
        func.min(Variant.score), func.max(Variant.score), maintain_column_froms=True
    )
    low, high = session.execute(ends.order_by(None)).one()
    return None if low is None or high is None else (low, high)


def _answers(session: Session, shown: Sequence[Variant]) -> list[VariantOut]:
    ids = sorted({variant.image_id for variant in shown})
    images = {image.id: image for image in session.scalars(select(Image).where(Image.id.in_(ids)))}
    heads = {head[:2]: head for head in read_heads(session, ids)}
    return [_answer(one, images[one.image_id], heads) for one in shown if one.image_id in images]


def _answer(variant: Variant, image: Image, heads: dict[Any, Any]) -> VariantOut:
    head = heads.get((variant.image_id, variant.slot))
    return VariantOut.of(
        variant,
        filename=image.filename,
        thumb_url=thumb_url(image),
        is_stale=head is None or head.revision != variant.source_revision or head.text is None,
    )
