"""Variants of the training captions by synonyms."""

from __future__ import annotations

from typing import Any

from common.augment.synonym_files import merged_map
from workers.augment.training_data import Proposal, propose_variants, read_split
from workers.cpu.augment.synonyms import augment_captions
from workers.runtime.job_context import JobContext


def augment_with_synonyms(ctx: JobContext) -> dict[str, Any]:
    """Propose up to `per_caption` variants of each training caption, and write train.csv.

    params: per_caption, seed. The words come from the shared synonym map and the dataset's own.
    Raises NoSplit, and InvalidInput when one of the maps is broken.
    """
    split = read_split(ctx)
    mapping = merged_map(ctx.store, split.dataset_id)
    seed = int(ctx.job.params.get("seed", 0))
    outcome = augment_captions(
        split.train,
        mapping,
        int(ctx.job.params.get("per_caption", 3)),
        seed,
        report=lambda done: ctx.report(done=done, total=len(split.train), unit="captions"),
        should_stop=lambda: ctx.stop_requested is not None,
    )
    ctx.check_stop()
    proposals = (
        Proposal(row, text) for row, (_, texts) in enumerate(outcome.variants) for text in texts
    )
    return propose_variants(ctx, split, proposals, method="synonyms", seed=seed)
