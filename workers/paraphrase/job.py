"""The augment job with method "llm": paraphrases of the training captions by a language model."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from common.errors import LlmFailed
from workers.augment.training_data import Proposal, SplitData, propose_variants, read_split
from workers.paraphrase.answers_file import Done, read_done
from workers.runtime.child import run_child
from workers.runtime.job_context import JobContext

CHILD = "workers.gpu.llm.child"


def paraphrase_dataset(ctx: JobContext) -> dict[str, Any]:
    """Propose up to `per_caption` paraphrases of each training caption, and write train.csv.

    params: per_caption, seed, llm_model. What was written before a stop or a crash is not asked for
    again. The result also says how many texts the first answers had, how many of them were fit, and
    for which reasons how many texts were not: `{first_tries, first_kept, rejected_for: {reason: n}}`.
    Raises NoSplit, LlmFailed.
    """
    split = read_split(ctx)
    params, settings = ctx.job.params, ctx.settings
    model = str(params.get("llm_model") or settings.llm_model)
    if not split.train:
        raise LlmFailed("There are no training captions to paraphrase.", remedy="Split again.")
    asked: dict[str, Any] = {
        "model": model,
        "per_caption": int(params.get("per_caption", 3)),
        "seed": int(params.get("seed", 0)),
    }
    told = hashlib.sha256(f"{asked}{split.snapshot_id}".encode()).hexdigest()[:12]
    done_file = ctx.work_dir / f"paraphrases-{told}.jsonl"
    config = {
        **asked,
        "captions": [caption for _, caption in split.train],
        "base_url": settings.llm_base_url,
        "private_addresses": settings.llm_private_addresses,
        "done_file": str(done_file),
    }
    counts = run_child(ctx, CHILD, config)
    proposals = _proposals(split, read_done(done_file))
    result = propose_variants(ctx, split, proposals, method="llm", model=model, seed=asked["seed"])
    done_file.unlink(missing_ok=True)
    told_by_child = ("first_tries", "first_kept", "rejected_for")
    return {**result, "llm_model": model, **{name: counts[name] for name in told_by_child}}


def _proposals(split: SplitData, done: dict[str, Done]) -> Iterator[Proposal]:
    for row, (_, caption) in enumerate(split.train):
        for each in done[caption].written if caption in done else ():
            yield Proposal(row, each.text, each.score, each.reasons, each.kept)
