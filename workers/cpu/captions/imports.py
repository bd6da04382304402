"""Writing captions that people bring along: portion by portion, each portion in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from itertools import groupby
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from common.captions.csv_files import ParsedCaptions, RejectedRow
from common.db.engine import with_rests
from common.db.tables import Caption, CaptionRevision, Image, Job
from common.errors import ClipBrowserError
from workers.cpu.captions.matching import Change, Head, ImportPlan, NamedImage, plan_import
from workers.cpu.captions.saving import Save, save_captions
from workers.runtime.job_context import JobContext

SHOWN = 100  # names and reasons that a job's result lists at most; the counts are whole
GAVE_WAY = {"gave_way": True}  # the checkpoint: what is written is found by its client_ids
PORTION = 200  # captions in one transaction: other writers wait for it, a few tens of ms
REST_SHARE = 0.5  # of each portion: without, a save beside an import waits for its end


def write_captions(
    ctx: JobContext,
    dataset_id: str,
    parsed: ParsedCaptions,
    *,
    aliases: Mapping[str, int] | None = None,
    fill_only: bool = False,
    gives_way: bool = False,
) -> dict[str, Any]:
    """Write imported captions as revisions of the images they match; what happened to each row.

    A caption that somebody saved while the import ran is left as it is and listed as rejected.
    aliases and fill_only: see `plan_import`. Done again, it changes nothing. gives_way: between two portions
    the job may go back to the queue (GaveWay); it then goes on with what is not written yet.
    """
    for note in parsed.notes:
        ctx.note(note)
    goes_on = ctx.job.attempt > 1 or ctx.job.checkpoint is not None
    with ctx.reader() as session:
        images = named_images(session, dataset_id)
        before = _written_by(session, ctx.job.id) if goes_on else 0
        typed = _typed_meanwhile(session, dataset_id, ctx.job.id) if goes_on else set()
    plan = plan_import(
        parsed.rows, images, aliases=aliases, fill_only=fill_only,
        pulse=partial(say_rows, ctx, "finding the images"),
    )  # fmt: skip
    names = {image.image_id: image.filename for image in images}
    refused = _leave_typed(plan, typed, names)
    more_refused, written = _write(ctx, plan, names, before, gives_way)
    refused += more_refused
    _write_tags(ctx, plan.tags)
    rejected = [*parsed.rejected, *plan.rejected, *refused]
    ctx.services.events.dataset(dataset_id)
    return _result(plan, rejected, written, before)


def named_images(session: Session, dataset_id: str) -> list[NamedImage]:
    """All images of a dataset with the heads of their captions."""
    heads: dict[int, dict[int, Head]] = {}
    found = session.execute(
        select(Caption.image_id, Caption.slot, Caption.text, Caption.revision)
        .join(Image, Image.id == Caption.image_id)
        .where(Image.dataset_id == dataset_id)
    )
    for image_id, slot, text, revision in found:
        heads.setdefault(image_id, {})[slot] = Head(text, revision)
    rows = session.execute(
        select(Image.id, Image.filename, Image.sha256)
        .where(Image.dataset_id == dataset_id)
        .order_by(Image.id)
    )
    return [NamedImage(id_, name, heads.get(id_, {}), sha256) for id_, name, sha256 in rows]


def say_rows(ctx: JobContext, message: str, rows: int) -> None:
    """How many rows of a file a long step is at; ends it when the job is to stop."""
    ctx.check_stop()
    ctx.report(done=rows, unit="rows", message=message)


def _write(
    ctx: JobContext, plan: ImportPlan, names: Mapping[int, str], before: int, gives_way: bool
) -> tuple[list[RejectedRow], int]:
    """(what could not be saved, how many captions were)."""
    refused: list[RejectedRow] = []
    written = done = 0
    total = before + len(plan.changes)
    ctx.report(done=before, total=total, unit="captions", message="saving captions")
    for portion in with_rests(ctx.reader, _portions(plan.changes), REST_SHARE):
        ctx.check_stop()
        with ctx.session() as session:
            outcomes = save_captions(session, [_save(ctx, change) for change in portion])
        for change, outcome in zip(portion, outcomes, strict=True):
            if isinstance(outcome, ClipBrowserError):
                name = names.get(change.image_id, "")
                refused.append(RejectedRow(0, outcome.message, name))
            else:
                written += not outcome.repeated
        done += len(portion)
        ctx.report(done=before + done)
        ctx.reach(before + done)
        if gives_way and done < len(plan.changes):
            ctx.give_way(GAVE_WAY)
    return refused, written


def _write_tags(ctx: JobContext, tags: Mapping[int, str]) -> None:
    """An image that was deleted meanwhile is passed over."""
    ids = sorted(tags)
    for start in range(0, len(ids), PORTION):
        part = ids[start : start + PORTION]
        with ctx.session() as session:
            there = session.scalars(select(Image).where(Image.id.in_(part)).with_for_update())
            for image in there:
                image.tag = tags[image.id]


def _portions(changes: Iterable[Change]) -> Iterator[list[Change]]:
    """About PORTION changes each; those of one image stay together."""
    portion: list[Change] = []
    for _, own in groupby(changes, key=lambda change: change.image_id):
        portion += own
        if len(portion) >= PORTION:
            yield portion
            portion = []
    if portion:
        yield portion


def _save(ctx: JobContext, change: Change) -> Save:
    client_id = f"import:{ctx.job.id}:{change.image_id}:{change.slot}"
    return Save(
        change.image_id, change.text, change.base_revision, client_id, ctx.job.created_by,
        change.slot,
    )  # fmt: skip


def _typed_meanwhile(session: Session, dataset_id: str, job_id: str) -> set[tuple[int, int]]:
    """(image, slot) of the captions that were saved since the job first began, and not by it."""
    began = session.scalar(select(Job.started_at).where(Job.id == job_id))
    own = CaptionRevision.client_id.startswith(f"import:{job_id}:")
    found = session.execute(
        select(CaptionRevision.image_id, CaptionRevision.slot)
        .join(Image, Image.id == CaptionRevision.image_id)
        .where(Image.dataset_id == dataset_id, CaptionRevision.created_at >= began, ~own)
    )
    return {(image_id, slot) for image_id, slot in found}


def _leave_typed(
    plan: ImportPlan, typed: set[tuple[int, int]], names: Mapping[int, str]
) -> list[RejectedRow]:
    """Take out of the plan what would write over those captions; what that was."""
    left = [change for change in plan.changes if (change.image_id, change.slot) in typed]
    plan.changes = [
        change for change in plan.changes if (change.image_id, change.slot) not in typed
    ]
    reason = "somebody saved another caption meanwhile"
    return [RejectedRow(0, reason, names.get(change.image_id, "")) for change in left]


def _written_by(session: Session, job_id: str) -> int:
    """How many captions earlier attempts of this job have written."""
    prefix = f"import:{job_id}:"
    found = session.scalars(
        select(CaptionRevision.id).where(CaptionRevision.client_id.startswith(prefix))
    )
    return len(found.all())


def _result(
    plan: ImportPlan, rejected: list[RejectedRow], written: int, before: int
) -> dict[str, Any]:
    shown = [{"line": row.line, "reason": row.reason, "name": row.name} for row in rejected[:SHOWN]]
    unchanged = max(0, plan.unchanged - before)
    written += before
    return {
        "matched": written + unchanged,
        "written": written,
        "unchanged": unchanged,
        "tagged": len(plan.tags),
        "kept": plan.kept[:SHOWN],
        "kept_count": len(plan.kept),
        "unmatched": plan.unmatched[:SHOWN],
        "unmatched_count": len(plan.unmatched),
        "rejected": shown,
        "rejected_count": len(rejected),
    }
