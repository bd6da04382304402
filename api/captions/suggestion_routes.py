"""Suggested captions: what scripts propose, and captions of similar images. Never captions by themselves."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.answer import Problem
from api.capability import make_blueprint
from api.captions.review_schemas import Skipped
from api.captions.schemas import (
    MAX_SUGGESTIONS_BYTES,
    Dismissal,
    NewSuggestion,
    NewSuggestions,
    StoredSuggestions,
    SuggestionList,
    SuggestionOut,
    SuggestionQuery,
)
from api.captions.similar import SIMILAR, nearest_captions
from api.datasets.facts import find_dataset
from api.datasets.schemas import DatasetPath
from api.images.facts import find_image, no_image
from api.images.schemas import ImagePath
from api.json_body import takes_json_up_to
from api.people.identity import user
from api.services import app_services
from common.db.tables import Caption, Image, Suggestion, now

suggestions = make_blueprint("suggestions", __name__, "captions")


@suggestions.get(
    "/images/<int:image_id>/suggestions",
    responses={200: SuggestionList, 400: Problem, 404: Problem},
)
def list_suggestions(path: ImagePath, query: SuggestionQuery) -> SuggestionList:
    """Stored suggestions, then captions of similar images. Takes some seconds at most."""
    with app_services().readers() as session:
        image = find_image(session, path.image_id)
        stored = _stored(session, image.id)
        seen = {text.casefold() for text in _own_captions(session, image.id)}
    shown = [row for row in stored if row.dismissed_by is None and row.text.casefold() not in seen]
    seen |= {row.text.casefold() for row in stored}
    items = [
        SuggestionOut.of(row, image_ids=[]) for row in sorted(shown, key=_best_first)[: query.limit]
    ]
    if len(items) >= query.limit:
        return SuggestionList(items=items, state="ready", message="")
    found = nearest_captions(app_services(), image, seen, query.limit - len(items))
    return SuggestionList(items=items + found.items, state=found.state, message=found.message)


@suggestions.post(
    "/datasets/<dataset_id>/suggestions",
    responses={201: StoredSuggestions, 400: Problem, 404: Problem},
)
@takes_json_up_to(MAX_SUGGESTIONS_BYTES)
def add_suggestions(path: DatasetPath, body: NewSuggestions) -> tuple[StoredSuggestions, int]:
    """Propose captions. A text proposed again changes its source and score; dismissed, it stays so."""
    wanted = {(item.image_id, _digest(item.text)): item for item in body.items}
    with app_services().sessions() as session:
        find_dataset(session, path.dataset_id)
        there = _locked(session, path.dataset_id, {image_id for image_id, _ in wanted})
        known = {(row.image_id, row.text_sha256): row for row in _of_images(session, there)}
        skipped = []
        for key, item in wanted.items():
            reason = _refusal(item, there, known.get(key))
            if reason:
                skipped.append(Skipped(image_id=item.image_id, reason=reason))
            else:
                _store(session, known.get(key), item)
    return StoredSuggestions(stored=len(wanted) - len(skipped), skipped=skipped), 201


@suggestions.post(
    "/images/<int:image_id>/suggestions/dismiss",
    responses={204: None, 400: Problem, 404: Problem},
)
def dismiss(path: ImagePath, body: Dismissal) -> tuple[str, int]:
    """Do not show this text for this image any more, wherever it comes from; or show it again."""
    with app_services().sessions() as session:
        dataset_id = find_image(session, path.image_id).dataset_id
        if not _locked(session, dataset_id, {path.image_id}):
            raise no_image(path.image_id)
        row = session.scalar(
            select(Suggestion).where(
                Suggestion.image_id == path.image_id,
                Suggestion.text_sha256 == _digest(body.text),
            )
        )
        if row is None and body.dismissed:
            row = _new(path.image_id, body.text, SIMILAR)
            session.add(row)
        if row is not None:
            row.dismissed_by = user().name if body.dismissed else None
            if not body.dismissed and row.source == SIMILAR:
                session.delete(row)  # similar images propose it themselves
    return "", 204


def _stored(session: Session, image_id: int) -> list[Suggestion]:
    return list(_of_images(session, {image_id}))


def _of_images(session: Session, image_ids: Iterable[int]) -> Iterable[Suggestion]:
    return session.scalars(select(Suggestion).where(Suggestion.image_id.in_(image_ids))).all()


def _own_captions(session: Session, image_id: int) -> list[str]:
    texts = session.scalars(select(Caption.text).where(Caption.image_id == image_id))
    return [text for text in texts if text is not None]


def _locked(session: Session, dataset_id: str, image_ids: set[int]) -> set[int]:
    """Those that are in the dataset; nobody else proposes or dismisses for them meanwhile."""
    return set(
        session.scalars(
            select(Image.id)
            .where(Image.dataset_id == dataset_id, Image.id.in_(image_ids))
            .order_by(Image.id)
            .with_for_update()
        )
    )


def _refusal(item: NewSuggestion, there: set[int], known: Suggestion | None) -> str:
    if item.image_id not in there:
        return no_image(item.image_id, "in this dataset").message
    if known is not None and known.dismissed_by is not None:
        return f"{known.dismissed_by} has dismissed this text."
    return ""


def _store(session: Session, known: Suggestion | None, item: NewSuggestion) -> None:
    row = known or _new(item.image_id, item.text, item.source)
    row.source, row.score = item.source, item.score
    session.add(row)


def _new(image_id: int, text: str, source: str) -> Suggestion:
    return Suggestion(
        image_id=image_id, text=text, text_sha256=_digest(text), source=source, created_at=now()
    )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _best_first(row: Suggestion) -> tuple[bool, float, int]:
    """By score, those without one behind the others; of equals the newest first."""
    return row.score is None, -(row.score or 0.0), -row.id
