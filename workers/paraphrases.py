"""The augment job with method "llm": paraphrases of the training captions by a language model."""

from __future__ import annotations

import hashlib
from typing import Any

from common.errors import LlmFailed
from workers.child import run_child
from workers.paraphrase_file import read_done
from workers.runner import JobContext
from workers.training_data import read_split, write_train_csv

CHILD = "workers.gpu.llm_child"


def paraphrase_dataset(ctx: JobContext) -> dict[str, Any]:
    """Write train.csv: the training captions and up to `per_caption` paraphrases of each.

    params: per_caption, seed, llm_model. What was written before a stop or a crash is not asked for
    again. Raises NoSplit, LlmFailed.
    """
    split = read_split(ctx)
    params, settings = ctx.job.params, ctx.settings
    model = str(params.get("llm_model") or settings.llm_model)
    if not split.train:
        raise LlmFailed("There are no training captions to paraphrase.", remedy="Split again.")
    asked = {
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
        "done_file": str(done_file),
    }
    run_child(ctx, CHILD, config)
    done = read_done(done_file)
    variants = [done.get(caption, []) for _, caption in split.train]
    result = write_train_csv(ctx, split, variants, method="llm")
    done_file.unlink(missing_ok=True)
    return {**result, "llm_model": model}
