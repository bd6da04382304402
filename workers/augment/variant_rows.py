"""The rows of the variants: written by an augmentation in portions, so that no caption waits long.

A run's rows are stored beside those that stand, then they change places in one transaction: a
review goes on meanwhile, and a run that is killed halfway leaves everything as it was.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import ColumnElement, and_, delete, insert, select, update
from sqlalchemy.orm import Session

from common.datasets.changes import touch_variants
from common.datasets.snapshots import FrozenCaption
from common.db.engine import in_turns
from common.db.tables import Dataset, Variant, now
from common.errors import Conflict
from workers.runtime.job_context import JobContext

PORTION = 500  # rows in one transaction
T = TypeVar("T")


class NewVariant(NamedTuple):
    """A variant of a frozen caption, as its method proposes it."""

    caption: FrozenCaption
    text: str
    score: float | None
    reasons: tuple[str, ...]
    kept: bool


@dataclass(frozen=True)
class Run:
    """What the rows of an augmentation have in common."""

    dataset_id: str
    job_id: str
    snapshot_id: str
    method: str
    model: str | None
    seed: int


Key = tuple[int, int, int, str]  # image, slot, revision, the words that were proposed


class Decision(NamedTuple):
    """What somebody made of a variant, and the row that it is known from."""

    id: int
    state: str
    text: str
    decided_by: str
    decided_at: datetime


_KEY: tuple[Any, ...] = (Variant.image_id, Variant.slot, Variant.source_revision, Variant.proposed)
_DECISION: tuple[Any, ...] = (
    Variant.id,
    Variant.state,
    Variant.text,
    Variant.decided_by,
    Variant.decided_at,
)


def run_of(ctx: JobContext, snapshot_id: str, method: str, model: str | None, seed: int) -> Run:
    """The run of a job."""
    return Run(str(ctx.job.dataset_id), ctx.job.id, snapshot_id, method, model, seed)


def replace_variants(ctx: JobContext, fresh: Sequence[NewVariant], run: Run) -> int:
    """Let these stand in the place of the earlier variants; how many carry an earlier decision.

    Does nothing when an earlier attempt of the job has done it. Raises JobStopped, LeaseLost, and
    Conflict when the captions were split anew meanwhile.
    """
    with ctx.reader() as session:
        standing = session.scalar(
            select(Dataset.variants_job_id).where(Dataset.id == run.dataset_id)
        )
        began = now()
        decisions = _decisions(session, run.dataset_id)
    if standing == run.job_id:
        return 0
    _sweep(ctx, _left_over(run.dataset_id, standing))
    _insert(ctx, run, fresh, decisions)
    with ctx.session() as session:
        _take_over(session, run, _decisions(session, run.dataset_id, since=began))
    _sweep(ctx, _left_over(run.dataset_id, run.job_id))
    carried = [decisions[key].id for key in map(_key, fresh) if key in decisions]
    for portion in _portions(carried):
        _sweep(ctx, Variant.id.in_(portion))
    return len(carried)


def _key(new: NewVariant) -> Key:
    return new.caption.image_id, new.caption.slot, new.caption.revision, new.text


def _decisions(
    session: Session, dataset_id: str, since: datetime | None = None
) -> dict[Key, Decision]:
    """What people decided, by what it was decided on; of several decisions the newest."""
    query = select(*_DECISION, *_KEY).where(
        Variant.dataset_id == dataset_id, Variant.decided_by.is_not(None)
    )
    if since is not None:
        query = query.where(Variant.decided_at >= since)
    found = session.execute(query.order_by(Variant.decided_at))
    width = len(_DECISION)
    return {tuple(row[width:]): Decision(*row[:width]) for row in found}


def _insert(
    ctx: JobContext, run: Run, fresh: Sequence[NewVariant], decisions: dict[Key, Decision]
) -> None:
    ctx.report(done=0, total=len(fresh), unit="variants", message="storing variants")
    done = 0
    for portion in in_turns(ctx.reader, fresh, PORTION):
        ctx.check_stop()
        rows = [_row(run, new, decisions.get(_key(new))) for new in portion]
        with ctx.session() as session:
            session.execute(insert(Variant), rows)
        done += len(portion)
        ctx.report(done=done)


def _row(run: Run, new: NewVariant, decision: Decision | None) -> dict[str, Any]:
    return {
        "dataset_id": run.dataset_id,
        "job_id": run.job_id,
        "image_id": new.caption.image_id,
        "slot": new.caption.slot,
        "source_revision": new.caption.revision,
        "source_text": new.caption.text,
        "proposed": new.text,
        "text": decision.text if decision else new.text,
        "method": run.method,
        "model": run.model,
        "seed": run.seed,
        "score": new.score,
        "reasons": list(new.reasons),
        "is_doubted": bool(new.reasons),
        "state": decision.state if decision else "proposed" if new.kept else "rejected",
        "decided_by": decision.decided_by if decision else None,
        "decided_at": decision.decided_at if decision else None,
    }


def _take_over(session: Session, run: Run, late: dict[Key, Decision]) -> None:
    """Let the run's rows stand. late: what was decided on the old ones while they were stored."""
    dataset = session.get(Dataset, run.dataset_id, with_for_update=True)
    if dataset is None or dataset.snapshot_id != run.snapshot_id:
        raise Conflict(
            "The captions were split again while variants of them were made.",
            remedy="Run the augmentation again.",
        )
    if late:
        mine = (Variant.dataset_id == run.dataset_id, Variant.job_id == run.job_id)
        known = session.execute(select(Variant.id, *_KEY).where(*mine)).all()
        changes = [
            {**late[tuple(row[1:])]._asdict(), "id": row[0]}
            for row in known
            if tuple(row[1:]) in late
        ]
        if changes:
            session.execute(update(Variant), changes)
    dataset.variants_job_id = run.job_id
    session.flush()
    touch_variants(session, run.dataset_id)


def _left_over(dataset_id: str, standing: str | None) -> ColumnElement[bool]:
    """Rows of other runs than the standing one on which nobody decided."""
    return and_(
        Variant.dataset_id == dataset_id,
        Variant.job_id.is_distinct_from(standing),
        Variant.decided_by.is_(None),
    )


def _sweep(ctx: JobContext, rows: ColumnElement[bool]) -> None:
    """Delete rows, a portion in a transaction."""
    while True:
        with ctx.reader() as session:
            ids = session.scalars(select(Variant.id).where(rows).limit(PORTION)).all()
        if not ids:
            return
        began = time.monotonic()
        with ctx.session() as session:
            session.execute(delete(Variant).where(Variant.id.in_(ids)))
        time.sleep(time.monotonic() - began)


def _portions(rows: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(rows), PORTION):
        yield rows[start : start + PORTION]
