"""Flags, reviews and tags: what people note about an image and its captions, one by one or many at once."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.answer import Problem
from api.capability import make_blueprint
from api.captions.review_schemas import FlagChange, Marked, Marks, ReviewChange, Skipped
from api.datasets.facts import find_dataset
from api.datasets.schemas import DatasetPath
from api.images.answers import answer_image
from api.images.facts import no_image
from api.images.schemas import ImageOut, ImagePath
from api.people.audited import note_details
from api.people.identity import user
from api.services import app_services
from common.captions.heads import Head, heads_by_image
from common.db.tables import Image, Review, now
from common.errors import CaptionConflict, ClipBrowserError, Conflict, Forbidden

NOTED = {"flagged", "reviewed", "tag"}  # in the audit log
marks = make_blueprint("marks", __name__, "captions")
Heads = Sequence[Head]  # of one image, by slot, the first always among them


@marks.put("/images/<int:image_id>/flag", responses={200: ImageOut, 400: Problem, 404: Problem})
def put_flag(path: ImagePath, body: FlagChange) -> ImageOut:
    """Flag an image for the team, with a note; or take the flag away."""
    with app_services().sessions() as session:
        image = _locked(session, path.image_id)
        changed = _flag(image, body.flagged, body.note)
        session.flush()
        answer = answer_image(session, image)
    return _told(image, answer, changed)


@marks.put(
    "/images/<int:image_id>/review",
    responses={200: ImageOut, 400: Problem, 403: Problem, 404: Problem, 409: Problem},
)
def put_review(path: ImagePath, body: ReviewChange) -> ImageOut:
    """Mark the captions of an image reviewed, as they were shown; or take that back."""
    with app_services().sessions() as session:
        image = _locked(session, path.image_id)
        heads = heads_by_image(session, [image.id])[image.id]
        if body.reviewed:
            _require_shown(image, heads, body.revision, body.extras)
        changed = _review(session, image, heads, body.reviewed)
        session.flush()
        answer = answer_image(session, image)
    return _told(image, answer, changed)


@marks.post("/datasets/<dataset_id>/marks", responses={200: Marked, 400: Problem, 404: Problem})
def mark_many(path: DatasetPath, body: Marks) -> Marked:
    """Flag, review or tag many images of a dataset; of each one that is left out, the reason."""
    skipped: list[Skipped] = []
    changed: list[Image] = []
    with app_services().sessions() as session:
        find_dataset(session, path.dataset_id)
        images = _all_locked(session, path.dataset_id, body.image_ids)
        heads = heads_by_image(session, list(images))
        for image_id, revision in body.each():
            image = images.get(image_id)
            try:
                if image is None:
                    raise no_image(image_id, "in this dataset")
                if _mark(session, image, heads[image_id], body, revision):
                    changed.append(image)
            except ClipBrowserError as problem:
                skipped.append(Skipped(image_id=image_id, reason=problem.message))
    note_details(images=len(changed), **body.model_dump(include=NOTED, exclude_none=True))
    for image in changed:
        _tell(image)
    return Marked(changed=len(changed), skipped=skipped)


def _mark(
    session: Session, image: Image, heads: Heads, wanted: Marks, revision: int | None
) -> bool:
    """Review first: an image that may not be reviewed is left as it is."""
    changed = False
    if wanted.reviewed is not None:
        if wanted.reviewed and revision is not None:
            _require_shown(image, heads, revision, None)
        changed = _review(session, image, heads, wanted.reviewed)
    if wanted.flagged is not None:
        changed = _flag(image, wanted.flagged, wanted.note) or changed
    if wanted.tag is not None and (wanted.tag or None) != image.tag:
        image.tag, changed = wanted.tag or None, True
    return changed


def _flag(image: Image, flagged: bool, note: str | None) -> bool:
    """Whether that changes anything. note None: as it is."""
    if not flagged:
        was = image.flagged_by is not None
        image.flagged_by = image.flagged_at = None
        image.flag_note = ""
        return was
    if image.flagged_by is not None and note in (None, image.flag_note):
        return False
    image.flagged_by, image.flagged_at = user().name, now()
    image.flag_note = image.flag_note if note is None else note
    return True


def _review(session: Session, image: Image, heads: Heads, reviewed: bool) -> bool:
    """Whether that changes anything. Raises Conflict (no caption), Forbidden (one's own caption)."""
    if not reviewed:
        was = image.reviewed_by is not None
        image.reviewed_by = image.reviewed_at = None
        return was
    if not image.is_captioned:
        raise Conflict(f"Image {image.id} has no caption.", remedy="Caption it first.")
    if user().name in {head.author for head in heads if head.text is not None}:
        raise Forbidden(
            f"A caption of image {image.id} is your own.",
            remedy="Ask somebody else of the team to review it.",
        )
    if image.reviewed_by is not None:
        return False
    image.reviewed_by, image.reviewed_at = user().name, now()
    session.add(Review(image_id=image.id, reviewer=user().name, author=heads[0].author or ""))
    return True


def _require_shown(
    image: Image, heads: Heads, revision: int, shown: list[list[int]] | None
) -> None:
    """Raises CaptionConflict unless the captions stand as they were shown to the reviewer.

    revision: of the first one; shown: `[slot, revision]` of the others, None if they do not matter.
    """
    first, *others = heads
    moved = first.revision != revision
    if shown is not None:
        standing = [[other.slot, other.revision] for other in others if other.text is not None]
        moved = moved or sorted(shown) != standing
    if moved:
        raise CaptionConflict(
            f"The captions of image {image.id} have changed since you saw them.",
            remedy="Look at them again, then review them.",
            details={"current": first.shown(), "dataset_id": image.dataset_id},
        )


def _locked(session: Session, image_id: int) -> Image:
    """The image, which nobody else can change until the session ends. Raises NotFound."""
    image = session.scalar(select(Image).where(Image.id == image_id).with_for_update())
    if image is None:
        raise no_image(image_id)
    return image


def _all_locked(session: Session, dataset_id: str, image_ids: list[int]) -> dict[int, Image]:
    found = session.scalars(
        select(Image)
        .where(Image.dataset_id == dataset_id, Image.id.in_(image_ids))
        .order_by(Image.id)
        .with_for_update()
    )
    return {image.id: image for image in found}


def _told(image: Image, answer: ImageOut, changed: bool) -> ImageOut:
    if changed:
        _tell(image)
    return answer


def _tell(image: Image) -> None:
    data = {
        "image_id": image.id,
        "flagged_by": image.flagged_by,
        "flag_note": image.flag_note,
        "reviewed_by": image.reviewed_by,
        "tag": image.tag,
    }
    app_services().events.image(image.dataset_id, data)
