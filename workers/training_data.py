"""The CSV files of a prepared dataset: what the split wrote, what augmentation makes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from common import jobs
from common.csvfiles import read_rows, write_rows
from common.errors import NoSplit, NotFound
from workers.runner import JobContext

Row = tuple[str, str]  # (path below datasets/<id>/, caption)


@dataclass(frozen=True)
class SplitData:
    """The rows of train_original.csv, and what is known of the split that wrote them."""

    dataset_id: str
    train: list[Row]
    snapshot_id: str
    caption_seq: int


def read_split(ctx: JobContext) -> SplitData:
    """The split of the job's dataset. Raises NoSplit."""
    dataset_id = str(ctx.job.dataset_id)
    with ctx.reader() as session:
        split = jobs.last_succeeded(session, dataset_id, ["split"]).get("split")
    if split is None or split.result is None:
        raise NoSplit("This dataset has not been split yet.")
    try:
        data = ctx.store.get_bytes(f"datasets/{dataset_id}/train_original.csv")
    except NotFound:
        raise NoSplit("train_original.csv is missing from the artifact store.") from None
    return SplitData(
        dataset_id, read_rows(data), split.result["snapshot_id"], split.result["caption_seq"]
    )


def write_train_csv(
    ctx: JobContext, split: SplitData, variants: Sequence[Sequence[str]], *, method: str
) -> dict[str, Any]:
    """Write train.csv: each training row, then its variants. variants: one list per row.

    A variant that says the same as another row of its image is left out: an image with several
    captions may lead to the same words twice. Gives the result of an augment job; `short` counts
    the captions that got fewer than asked.
    """
    wanted = int(ctx.job.params.get("per_caption", 3))
    seen = set(split.train)
    rows: list[Row] = []
    for (path, caption), extra in zip(split.train, variants, strict=True):
        new = [(path, text) for text in extra if (path, text) not in seen]
        seen.update(new)
        rows += [(path, caption), *new]
    key = f"datasets/{split.dataset_id}/train.csv"
    ctx.store.put_bytes(key, write_rows(rows), "text/csv")
    short = sum(len(extra) < wanted for extra in variants)
    if short:
        ctx.note(f"{short:,} of {len(variants):,} captions got fewer than {wanted} variants.")
    return {
        "method": method,
        "captions": len(split.train),
        "variants": len(rows) - len(split.train),
        "rows": len(rows),
        "short": short,
        "snapshot_id": split.snapshot_id,
        "caption_seq": split.caption_seq,
    }
