"""The job that takes back what another job did to captions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session, aliased

from common.captions.heads import Target
from common.db.tables import CaptionRevision, Image, Review
from common.jobs import states
from common.jobs.kinds import kind_of
from workers.cpu.captions.edit_job import client_id, in_portions
from workers.cpu.captions.saving import Save, Saved, save_captions
from workers.runtime.job_context import JobContext


class Before(NamedTuple):
    """What a revision has replaced."""

    text: str | None
    author: str


def undo_edit(ctx: JobContext) -> dict[str, Any]:
    """Bring back each caption that a job (`params.job_id`) has changed and nobody has since.

    With its author; and an image whose captions all stand again as they were reviewed is reviewed.
    """
    with ctx.reader() as session:
        undone = states.get_job(session, ctx.job.params["job_id"])
        prefix = f"{kind_of(undone.kind).undo}:{undone.id}:"
        targets = _changed_by(session, str(ctx.job.dataset_id), prefix)
    done = {"restored": 0, "kept": 0}

    def undo(session: Session, portion: Sequence[Target]) -> list[Saved]:
        saved = _undo_portion(session, ctx, portion)
        _review_again(session, {one.image_id for one in saved}, prefix, f"undo:{ctx.job.id}:")
        done["restored"] += len(saved)
        done["kept"] += len(portion) - len(saved)
        return saved

    in_portions(ctx, targets, undo, "restoring captions", lambda: dict(done))
    return done


def _undo_portion(session: Session, ctx: JobContext, portion: Sequence[Target]) -> list[Saved]:
    """Put the revision before over the job's own; a conflict where that is not the last any more."""
    before = _before(session, portion)
    first = Before(None, ctx.job.created_by)
    saves = [
        Save(
            target.image_id, before.get(target, first).text, target.revision,
            client_id("undo", ctx, target), before.get(target, first).author, target.slot,
        )
        for target in portion
    ]  # fmt: skip
    return [one for one in save_captions(session, saves) if isinstance(one, Saved)]


def _changed_by(session: Session, dataset_id: str, prefix: str) -> list[Target]:
    """The captions that a job has saved, with the revisions it has made."""
    rows = session.execute(
        select(CaptionRevision.image_id, CaptionRevision.slot, CaptionRevision.revision)
        .join(Image, Image.id == CaptionRevision.image_id)
        .where(Image.dataset_id == dataset_id)
        .where(CaptionRevision.client_id.startswith(prefix, autoescape=True))
        .order_by(CaptionRevision.image_id, CaptionRevision.slot)
    )
    return [Target(*row) for row in rows]


def _before(session: Session, portion: Sequence[Target]) -> dict[Target, Before]:
    """What each of these revisions has replaced; absent where it was the first."""
    after, before = aliased(CaptionRevision), aliased(CaptionRevision)
    rows = session.execute(
        select(after.image_id, after.slot, after.revision, before.text, before.author)
        .join(
            before,
            and_(
                before.image_id == after.image_id,
                before.slot == after.slot,
                before.revision == after.revision - 1,
            ),
        )
        .where(after.image_id.in_({target.image_id for target in portion}))
    )
    return {Target(*key): Before(text, author) for *key, text, author in rows}


def _review_again(session: Session, image_ids: set[int], edit: str, undo: str) -> None:
    """Give images their review back where nothing but this edit and its undo came after it.

    edit, undo: how the client ids of the two jobs begin.
    """
    newest = select(func.max(Review.id)).where(Review.image_id.in_(image_ids))
    reviews = session.scalars(select(Review).where(Review.id.in_(newest.group_by(Review.image_id))))
    for review in reviews.all():
        if not _differs(session, review.image_id, review.created_at, edit, undo):
            image = session.get_one(Image, review.image_id)
            image.reviewed_by, image.reviewed_at = review.reviewer, review.created_at


def _differs(session: Session, image_id: int, since: datetime, edit: str, undo: str) -> bool:
    """Whether a caption of the image is not what it was at that time."""
    ours = or_(
        CaptionRevision.client_id.startswith(edit, autoescape=True),
        CaptionRevision.client_id.startswith(undo, autoescape=True),
    )
    of_others = select(CaptionRevision.id).where(
        CaptionRevision.image_id == image_id, CaptionRevision.created_at > since, ~ours
    )
    edited_before = select(CaptionRevision.id).where(
        CaptionRevision.image_id == image_id,
        CaptionRevision.created_at <= since,
        CaptionRevision.client_id.startswith(edit, autoescape=True),
    )
    later = aliased(CaptionRevision)
    still_edited = select(CaptionRevision.id).where(
        CaptionRevision.image_id == image_id,
        CaptionRevision.client_id.startswith(edit, autoescape=True),
        ~select(later.id)
        .where(
            later.image_id == CaptionRevision.image_id,
            later.slot == CaptionRevision.slot,
            later.revision > CaptionRevision.revision,
        )
        .exists(),
    )
    found = (of_others, edited_before, still_edited)
    return any(session.scalar(query.limit(1)) is not None for query in found)
