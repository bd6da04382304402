"""The line of steps of a dataset: for each its state, one figure, and why it stands so. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from api.datasets.schemas import Counts, Step, StepKey, StepState
from common.db.tables import Job
from common.jobs.kinds import kinds_of_step


@dataclass(frozen=True)
class Facts:
    """What is known of a dataset. Jobs are by kind: under way, newest success, newest failure.

    `failed` holds a kind only when no success is newer. `indexed_at` is when the newest index was
    built, `model_at` when the newest model of this dataset without an index was. train_rows: of
    train.csv as it stands after the review, None while there is none.
    """

    images: int
    captioned: int
    caption_seq: int
    newest_image_at: datetime | None = None
    active: dict[str, Job] = field(default_factory=dict)
    succeeded: dict[str, Job] = field(default_factory=dict)
    failed: dict[str, Job] = field(default_factory=dict)
    index_images: int | None = None
    indexed_at: datetime | None = None
    index_model: str = ""
    index_job_id: str | None = None
    model_waits: str = ""
    train_rows: int | None = None


def steps_of(facts: Facts) -> list[Step]:
    """images, captioned, split, augment, train, index, search, in this order."""
    return [
        _images(facts),
        _captioned(facts),
        _split(facts),
        _augment(facts),
        _train(facts),
        _index(facts),
        _search(facts),
    ]


def counts_of(facts: Facts) -> Counts:
    """train, val and train_rows are 0 before the split."""
    split = _result(facts, "split")
    rows = split.get("train_rows") or 0
    if _newer(facts, "augment", "split"):
        rows = _result(facts, "augment").get("rows") or rows
    rows = facts.train_rows or rows
    return Counts(
        images=facts.images,
        captioned=facts.captioned,
        train=split.get("train_images") or 0,
        val=split.get("val_images") or 0,
        train_rows=rows,
    )


def _step(
    key: StepKey, state: StepState, figure: str = "", reason: str = "", job: Job | None = None
) -> Step:
    return Step(key=key, state=state, figure=figure, reason=reason, job_id=job.id if job else None)


def _under_way(facts: Facts, key: StepKey, figure: str) -> Step | None:
    """The step's job that runs or failed last, if there is one."""
    kinds = kinds_of_step(key)
    for kind in kinds:
        if kind in facts.active:
            job = facts.active[kind]
            waits = "Waits for a worker." if job.state == "queued" else ""
            return _step(key, "running", figure, waits, job)
    for kind in kinds:
        if kind in facts.failed:
            job = facts.failed[kind]
            return _step(key, "failed", figure, str((job.error or {}).get("message", "")), job)
    return None


def _images(facts: Facts) -> Step:
    figure = f"{facts.images:,}"
    under_way = _under_way(facts, "images", figure)
    if under_way and (under_way.state == "running" or not facts.images):
        return under_way
    if not facts.images:
        return _step("images", "empty", figure, "Upload images to begin.")
    return _step("images", "done", figure)


def _captioned(facts: Facts) -> Step:
    figure = f"{facts.captioned:,} of {facts.images:,}"
    under_way = _under_way(facts, "captioned", figure)
    if under_way and under_way.state == "running":
        return under_way
    if not facts.images:
        return _step("captioned", "empty", "0", "There are no images yet.")
    if facts.captioned == facts.images:
        return _step("captioned", "done", figure)
    left = facts.images - facts.captioned
    return _step("captioned", "ready", figure, f"{_count(left, 'image')} without a caption.")


def _split(facts: Facts) -> Step:
    result = _result(facts, "split")
    figure = ""
    if result:
        figure = f"{result.get('train_images', 0):,} train, {result.get('val_images', 0):,} val"
    under_way = _under_way(facts, "split", figure)
    if under_way:
        return under_way
    if not result:
        ready = facts.captioned > 0
        return _step("split", "ready" if ready else "empty", "", "" if ready else _NO_CAPTIONS)
    job = facts.succeeded["split"]
    if _split_is_stale(facts):
        return _step("split", "stale", figure, "Captions or images have changed since.", job)
    return _step("split", "done", figure, "", job)


def _augment(facts: Facts) -> Step:
    result = _result(facts, "augment")
    figure = ""
    if result:
        rows = facts.train_rows or result.get("rows", 0)
        figure = f"{rows:,} rows"
        if result.get("captions"):
            figure += f" (x{rows / result['captions']:.1f})"
    under_way = _under_way(facts, "augment", figure)
    if under_way:
        return under_way
    if not result:
        ready = "split" in facts.succeeded
        return _step("augment", "ready" if ready else "empty", "", "" if ready else _NO_SPLIT)
    job = facts.succeeded["augment"]
    if _newer(facts, "split", "augment") and not _same_snapshot(facts):
        return _step("augment", "stale", figure, "The captions were split again since.", job)
    return _step("augment", "done", figure, "", job)


def _train(facts: Facts) -> Step:
    result = _result(facts, "train")
    figure = _recall_figure(result)
    under_way = _under_way(facts, "train", figure)
    if under_way:
        return under_way
    if not result:
        ready = "split" in facts.succeeded
        return _step("train", "ready" if ready else "empty", "", "" if ready else _NO_SPLIT)
    job = facts.succeeded["train"]
    for kind, change in (("split", "split"), ("augment", "augmented")):
        if _newer(facts, kind, "train"):
            return _step("train", "stale", figure, f"The captions were {change} again since.", job)
    return _step("train", "done", figure, "", job)


def _index(facts: Facts) -> Step:
    built = facts.index_images is not None
    figure = f"{facts.index_images:,} images" if built else ""
    under_way = _under_way(facts, "index", figure)
    if under_way:
        return under_way
    if not built:
        reason = "" if facts.images else "There are no images yet."
        return _step("index", "ready" if facts.images else "empty", "", reason)
    state: StepState = "done"
    reason = ""
    if facts.indexed_at and facts.newest_image_at and facts.newest_image_at > facts.indexed_at:
        state, reason = "stale", "Images were added since."
    elif facts.model_waits:
        state, reason = "stale", f"{facts.model_waits} has no index yet."
    return Step(key="index", state=state, figure=figure, reason=reason, job_id=facts.index_job_id)


def _search(facts: Facts) -> Step:
    if facts.index_images is None:
        return _step("search", "empty", "", "Build an index first.")
    return _step("search", "ready", facts.index_model)


_NO_CAPTIONS = "There are no captions yet."
_NO_SPLIT = "The captions are not split yet."


def _result(facts: Facts, kind: str) -> dict[str, Any]:
    job = facts.succeeded.get(kind)
    return (job.result or {}) if job else {}


def _newer(facts: Facts, kind: str, than: str) -> bool:
    """Whether the newest success of `kind` ended after that of `than` began to exist."""
    one, other = facts.succeeded.get(kind), facts.succeeded.get(than)
    if one is None or other is None or one.finished_at is None or other.started_at is None:
        return False
    return one.finished_at > other.started_at


def _same_snapshot(facts: Facts) -> bool:
    """Whether the newest split froze the very captions that were augmented."""
    split, augment = (_result(facts, kind).get("snapshot_id") for kind in ("split", "augment"))
    return split is not None and split == augment


def _split_is_stale(facts: Facts) -> bool:
    seen = _result(facts, "split").get("caption_seq")
    return seen is not None and facts.caption_seq > seen


def _recall_figure(result: dict[str, Any]) -> str:
    """`recall@1 31 % -> 58 %`, of text to image; recalls are fractions."""
    before = (result.get("recall_before") or {}).get("t2i_r1")
    after = (result.get("recall_after") or {}).get("t2i_r1")
    if before is None or after is None:
        return ""
    return f"recall@1 {100 * before:.0f} % → {100 * after:.0f} %"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
