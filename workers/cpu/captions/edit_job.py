"""The job that edits many captions alike.

Written in portions, so that people who save at the same time never wait long. Each caption is
saved under a client id made of the job, the image and the slot: a job that is tried again goes on
where it ended, and changes nothing twice.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from common.captions.edits import CaptionEdit, Edited
from common.captions.heads import Head, Target, load_targets, read_heads
from common.captions.pattern_child import ApplyAll, open_editor
from common.db.engine import in_turns
from common.db.tables import CaptionRevision
from common.errors import CaptionConflict, ClipBrowserError
from workers.cpu.captions.saving import Save, Saved, save_captions
from workers.runtime.job_context import JobContext, JobStopped

PORTION = 200  # captions in one transaction
PATTERN_BUDGET_S = 120.0
TELL_EVERY_S = 1.0
TOLD_ONE_BY_ONE = 200  # from there on dashboards fetch anew instead
SHOWN = 100  # captions with their reasons that a result lists at most; the counts are whole


@dataclass
class Tally:
    """What became of the captions so far."""

    changed: int = 0
    unchanged: int = 0
    conflicts: int = 0
    rejected: list[dict[str, Any]] = field(default_factory=list)

    def reject(self, target: Target, reason: str) -> None:
        """Note a caption that was left as it is, and why."""
        self.rejected.append({"image_id": target.image_id, "slot": target.slot, "reason": reason})

    def refuse(self, target: Target, problem: ClipBrowserError) -> None:
        """Note a caption that could not be saved."""
        if isinstance(problem, CaptionConflict):
            self.conflicts += 1
        else:
            self.reject(target, problem.message)

    def result(self) -> dict[str, Any]:
        """The job's result."""
        return {
            "changed": self.changed,
            "unchanged": self.unchanged,
            "conflicts": self.conflicts,
            "rejected": self.rejected[:SHOWN],
            "rejected_count": len(self.rejected),
        }


class Teller:
    """Tells dashboards of saved captions: one by one while they are few, else once a second."""

    def __init__(self, ctx: JobContext) -> None:
        self._ctx = ctx
        self._saved = 0
        self._told_at = 0.0

    def tell(self, saved: Sequence[Saved]) -> None:
        """Call after each transaction."""
        fresh = [one for one in saved if not one.repeated]
        self._saved += len(fresh)
        if not fresh:
            return
        events = self._ctx.services.events
        if self._saved < TOLD_ONE_BY_ONE:
            for one in fresh:
                events.caption(one.dataset_id, one.event())
        if time.monotonic() - self._told_at > TELL_EVERY_S:
            events.dataset(fresh[0].dataset_id)
            self._told_at = time.monotonic()


def edit_captions(ctx: JobContext) -> dict[str, Any]:
    """Edit every caption that was chosen. params: `edit`, and the key of the `targets`.

    A caption that somebody saved since it was chosen is a conflict and stays as it is.
    """
    targets = load_targets(ctx.store, ctx.job.params["targets"])
    tally = Tally()
    with open_editor(CaptionEdit(**ctx.job.params["edit"]), PATTERN_BUDGET_S) as apply_all:

        def edit(session: Session, portion: Sequence[Target]) -> list[Saved]:
            return _edit_portion(session, ctx, apply_all, portion, tally)

        in_portions(ctx, targets, edit, "editing captions", tally.result)
    return tally.result()


def in_portions(
    ctx: JobContext,
    targets: Sequence[Target],
    write: Callable[[Session, Sequence[Target]], list[Saved]],
    message: str,
    result: Callable[[], dict[str, Any]],
) -> None:
    """Write captions, a transaction for each portion. Raises JobStopped with the `result` so far."""
    teller = Teller(ctx)
    ctx.report(done=0, total=len(targets), unit="captions", message=message)
    done = 0
    for portion in in_turns(ctx.reader, targets, PORTION):
        try:
            ctx.check_stop()
        except JobStopped:
            raise JobStopped(result()) from None
        with ctx.session() as session:
            saved = write(session, portion)
        teller.tell(saved)
        done += len(portion)
        ctx.report(done=done)


def _edit_portion(
    session: Session, ctx: JobContext, apply_all: ApplyAll, portion: Sequence[Target], tally: Tally
) -> list[Saved]:
    heads = {head[:2]: head for head in read_heads(session, [one.image_id for one in portion])}
    edits = dict(zip(heads, apply_all([head.text for head in heads.values()]), strict=True))
    done = _saved_before(session, [client_id("edit", ctx, target) for target in portion])
    author = ctx.job.created_by
    saves: list[Save] = []
    for target in portion:
        own_id = client_id("edit", ctx, target)
        if own_id in done:
            tally.changed += 1
        elif (head := heads.get(target[:2])) is None:
            tally.reject(target, "the image was deleted")
        elif (edited := _edited(edits[head[:2]], head, target, tally)) is not None:
            saves.append(
                Save(target.image_id, edited.text, head.revision, own_id, author, target.slot)
            )
    return _written(session, saves, tally)


def _edited(edited: Edited, head: Head, target: Target, tally: Tally) -> Edited | None:
    """What the caption becomes, if it is to be saved; if not, it is counted as what it is."""
    if edited.problem:
        tally.reject(target, edited.problem)
    elif edited.text == head.text:
        tally.unchanged += 1
    elif head.revision != target.revision:
        tally.conflicts += 1
    else:
        return edited
    return None


def _written(session: Session, saves: Sequence[Save], tally: Tally) -> list[Saved]:
    saved: list[Saved] = []
    for save, outcome in zip(saves, save_captions(session, saves), strict=True):
        if isinstance(outcome, Saved):
            tally.changed += 1
            saved.append(outcome)
        else:
            tally.refuse(Target(save.image_id, save.slot, save.base_revision), outcome)
    return saved


def _saved_before(session: Session, client_ids: Sequence[str]) -> set[str]:
    known = select(CaptionRevision.client_id).where(CaptionRevision.client_id.in_(client_ids))
    return set(session.scalars(known))


def client_id(verb: str, ctx: JobContext, target: Target) -> str:
    """The id under which a job saves a caption, the same at each attempt."""
    return f"{verb}:{ctx.job.id}:{target.image_id}:{target.slot}"
