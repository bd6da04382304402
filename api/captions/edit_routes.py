"""Editing many captions at once: a preview, the job, and taking it back."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from api.answer import Problem
from api.capability import make_blueprint
from api.captions.edit_schemas import EditedRow, EditPreview, NewEdit, RefusedRow
from api.datasets.facts import find_dataset
from api.datasets.schemas import DatasetPath
from api.images.answers import thumb_url
from api.images.filter import filtered, resolved
from api.jobs.schemas import JobAnswer, JobPath
from api.jobs.submission import submit
from api.people.identity import user
from api.services import app_services
from common.captions.edits import CaptionEdit, Edited
from common.captions.heads import (
    Head,
    Target,
    newest_revision,
    read_heads,
    revisions_before,
    store_targets,
)
from common.captions.pattern_child import ApplyAll, open_editor
from common.db.tables import Image
from common.errors import Conflict
from common.jobs import states as machine
from common.jobs.kinds import KINDS

edits = make_blueprint("edits", __name__, "captions")
PREVIEW_BUDGET_S = 3.0  # what a pattern may take over all captions before it is refused
SHOWN = 200
SHOWN_REFUSED = 50
PRIORITY = 3  # before uploads: somebody waits for it


@edits.post(
    "/datasets/<dataset_id>/edits/preview",
    responses={200: EditPreview, 400: Problem, 404: Problem},
)
def preview_edit(path: DatasetPath, body: NewEdit) -> EditPreview:
    """What an edit would change, without changing it."""
    with _editor(_edit_of(body)) as apply_all:
        with app_services().readers() as session:
            find_dataset(session, path.dataset_id)
            mark = newest_revision(session)  # first: what is saved while we read counts as later
            heads = list(_meant(session, path.dataset_id, body))
        outcomes = list(zip(heads, apply_all([head.text for head in heads]), strict=True))
    changed = [pair for pair in outcomes if pair[1].text != pair[0].text]
    refused = [pair for pair in outcomes if pair[1].problem]
    with app_services().readers() as session:
        return EditPreview(
            count=len(changed),
            unchanged=len(heads) - len(changed) - len(refused),
            images=len({head.image_id for head, _ in changed}),
            reviewed=_reviewed(session, path.dataset_id, changed),
            items=list(_rows(session, changed[:SHOWN])),
            rejected=[_refused(head, edited) for head, edited in refused[:SHOWN_REFUSED]],
            rejected_count=len(refused),
            token=str(mark),
        )


@edits.post("/datasets/<dataset_id>/edits", responses={202: JobAnswer, 400: Problem, 404: Problem})
def start_edit(path: DatasetPath, body: NewEdit) -> tuple[JobAnswer, int]:
    """Edit the captions as a job. Which ones is decided now; one saved from now on stays as it is."""
    edit = _edit_of(body)
    with _editor(edit):  # raises InvalidInput now rather than in the job
        pass
    with app_services().readers() as session:
        find_dataset(session, path.dataset_id)
        seen = revisions_before(session, path.dataset_id, int(body.token)) if body.token else {}
        targets = [
            Target(head.image_id, head.slot, seen.get(head[:2], head.revision))
            for head in _meant(session, path.dataset_id, body)
        ]
    key = f"datasets/{path.dataset_id}/edits/{secrets.token_hex(12)}.json"
    store_targets(app_services().store, key, targets)
    params = {
        "edit": vars(edit),
        "filter": resolved(body.filter).model_dump(exclude_none=True),
        "captions": len(targets),
        "targets": key,
    }
    job = submit(
        app_services(), "edit_captions", params,
        dataset_id=path.dataset_id, created_by=user().name, priority=PRIORITY,
    )  # fmt: skip
    return JobAnswer(job=job), 202


@edits.post("/jobs/<job_id>/undo", responses={202: JobAnswer, 404: Problem, 409: Problem})
def undo_job(path: JobPath) -> tuple[JobAnswer, int]:
    """Bring back the captions that a job has changed, but for those that somebody changed since."""
    with app_services().readers() as session:
        before = machine.get_job(session, path.job_id)
    kind = KINDS.get(before.kind)
    if kind is None or not kind.undo or before.dataset_id is None:
        raise Conflict(
            f"A job of kind {before.kind} cannot be undone.",
            remedy="Only edits and imports of captions can.",
        )
    if before.state in machine.ACTIVE:
        raise Conflict(f"Job {before.id} is {before.state}.", remedy="Stop it first, then undo it.")
    job = submit(
        app_services(), "undo_edit", {"job_id": before.id},
        dataset_id=before.dataset_id, created_by=user().name, priority=PRIORITY,
    )  # fmt: skip
    return JobAnswer(job=job), 202


def _edit_of(body: NewEdit) -> CaptionEdit:
    whole_words = not body.regex if body.whole_words is None else body.whole_words
    return CaptionEdit(
        mode=body.mode, find=body.find, text=body.text, match_case=body.match_case,
        whole_words=whole_words, regex=body.regex,
    )  # fmt: skip


@contextlib.contextmanager
def _editor(edit: CaptionEdit) -> Iterator[ApplyAll]:
    """As `open_editor`; a pattern takes one of the places for patterns."""
    line = app_services().patterns.place(user().name, "edits by a pattern")
    with line if edit.regex else contextlib.nullcontext():
        with open_editor(edit, PREVIEW_BUDGET_S) as apply_all:
            yield apply_all


def _meant(session: Session, dataset_id: str, body: NewEdit) -> Iterator[Head]:
    """The captions an edit is for: each image's first one if it sets it, else all that have a text."""
    images = _images(dataset_id, body)
    for head in read_heads(session, images):
        if head.is_first if body.mode == "set" else head.text is not None:
            yield head


def _images(dataset_id: str, body: NewEdit) -> Select[Any]:
    chosen = filtered(dataset_id, body.filter)
    if body.image_ids is not None:
        chosen = chosen.where(Image.id.in_(body.image_ids))
    return chosen.with_only_columns(Image.id).order_by(None)


Outcome = tuple[Head, Edited]


def _rows(session: Session, changed: list[Outcome]) -> Iterator[EditedRow]:
    ids = {head.image_id for head, _ in changed}
    images = {image.id: image for image in session.scalars(select(Image).where(Image.id.in_(ids)))}
    for head, edited in changed:
        if (image := images.get(head.image_id)) is not None:
            yield EditedRow(
                image_id=image.id,
                slot=head.slot,
                filename=image.filename,
                thumb_url=thumb_url(image),
                before=head.text,
                after=edited.text,
            )


def _refused(head: Head, edited: Edited) -> RefusedRow:
    return RefusedRow.of(head, reason=edited.problem)


def _reviewed(session: Session, dataset_id: str, changed: list[Outcome]) -> int:
    reviewed = session.scalars(
        select(Image.id).where(Image.dataset_id == dataset_id, Image.reviewed_by.is_not(None))
    )
    return len({head.image_id for head, _ in changed}.intersection(reviewed))
