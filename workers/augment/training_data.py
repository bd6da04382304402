"""What a split froze, and how an augmentation hands over the variants that it made of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from common.captions.text import normalise_caption
from common.datasets.snapshots import FrozenCaption, load_snapshot
from common.db.tables import Dataset
from common.errors import CannotResume, InvalidInput, NoSplit, NotFound
from common.jobs import states
from workers.augment.train_csv import Row, write_train_csv
from workers.augment.variant_rows import NewVariant, replace_variants, run_of
from workers.runtime.job_context import JobContext


@dataclass(frozen=True)
class SplitData:
    """The training captions of the newest split, as they were frozen, in the order of its rows."""

    dataset_id: str
    captions: list[FrozenCaption]
    snapshot_id: str
    caption_seq: int

    @cached_property
    def train(self) -> list[Row]:
        """The rows of train_original.csv."""
        return [(caption.path, caption.text) for caption in self.captions]


@dataclass(frozen=True)
class Proposal:
    """Another way to say a caption.

    row: which of `SplitData.train`. score: how near in meaning, -1..1. reasons: why a person should
    doubt it. kept: False for one that the method itself found unfit: it is stored as rejected, so
    that people may look at it and accept it after all.
    """

    row: int
    text: str
    score: float | None = None
    reasons: tuple[str, ...] = ()
    kept: bool = True


def read_split(ctx: JobContext) -> SplitData:
    """The split of the job's dataset. Raises NoSplit, CannotResume when it is not the one it began with."""
    dataset_id = str(ctx.job.dataset_id)
    with ctx.reader() as session:
        split = states.last_succeeded(session, dataset_id, ["split"]).get("split")
        dataset = session.get(Dataset, dataset_id)
    if split is None or split.result is None or dataset is None:
        raise NoSplit("This dataset has not been split yet.")
    if dataset.snapshot_id is None:
        raise NoSplit("The captions were split by an earlier version.", remedy="Split them again.")
    try:
        frozen = load_snapshot(ctx.store, dataset_id, dataset.snapshot_id)
    except NotFound:
        raise NoSplit("The split's snapshot is missing from the artifact store.") from None
    _go_on_with(ctx, dataset.snapshot_id)
    captions = [caption for caption in frozen if caption.side == "train"]
    return SplitData(dataset_id, captions, dataset.snapshot_id, split.result["caption_seq"])


def _go_on_with(ctx: JobContext, snapshot_id: str) -> None:
    """Note the snapshot at the beginning. Raises CannotResume when a later split made another one."""
    begun_with = (ctx.job.checkpoint or {}).get("snapshot_id")
    if begun_with is None:
        ctx.save_checkpoint({"snapshot_id": snapshot_id})
    elif begun_with != snapshot_id:
        raise CannotResume(
            f"The captions were split anew since this augmentation began (snapshot {begun_with}, now "
            f"{snapshot_id}); its variants belong to the split before."
        )


def propose_variants(
    ctx: JobContext,
    split: SplitData,
    proposals: Iterable[Proposal],
    *,
    method: str,
    model: str | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Put these variants in the place of the earlier ones, and write train.csv; the job's result.

    What people decided on the same words of the same caption revision holds again. A text that
    its image has already, or that is no caption, is left out. model: what wrote them, if it was a
    model. Result: `{method, model, seed, captions, variants, rows, short, proposed, rejected,
    kept_decisions, snapshot_id, caption_seq}`; variants: those in train.csv; short: captions that
    got fewer than `per_caption`. A job that is tried again proposes once. Raises JobStopped,
    LeaseLost, StoreUnavailable.
    """
    fresh = _distinct(split, proposals)
    kept_decisions = replace_variants(
        ctx, [new for _, new in fresh], run_of(ctx, split.snapshot_id, method, model, seed)
    )
    rows = write_train_csv(ctx.services, split.dataset_id) or len(split.captions)
    kept = Counter(row for row, new in fresh if new.kept)
    wanted = int(ctx.job.params.get("per_caption", 3))
    short = sum(kept[row] < wanted for row in range(len(split.captions)))
    if short:
        ctx.note(f"{short:,} of {len(split.captions):,} captions got fewer than {wanted} variants.")
    return {
        "method": method,
        "model": model,
        "seed": seed,
        "captions": len(split.captions),
        "variants": rows - len(split.captions),
        "rows": rows,
        "short": short,
        "proposed": len(fresh),
        "rejected": len(fresh) - kept.total(),
        "kept_decisions": kept_decisions,
        "snapshot_id": split.snapshot_id,
        "caption_seq": split.caption_seq,
    }


def _distinct(split: SplitData, proposals: Iterable[Proposal]) -> list[tuple[int, NewVariant]]:
    """(row, variant) in the order of the captions, each text of an image once."""
    seen = set(split.train)
    found: list[tuple[int, NewVariant]] = []
    for proposal in proposals:
        caption = split.captions[proposal.row]
        try:
            text = normalise_caption(proposal.text)
        except InvalidInput:
            continue
        if (caption.path, text) not in seen:
            seen.add((caption.path, text))
            new = NewVariant(caption, text, proposal.score, proposal.reasons, proposal.kept)
            found.append((proposal.row, new))
    return sorted(found, key=lambda one: one[0])
