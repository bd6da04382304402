"""The recall of any trained weights, ours or the bare trainer's, by one and the same evaluation."""

from __future__ import annotations

import io
from contextlib import nullcontext
from functools import partial
from pathlib import Path

from bench.train_sets import TrainSet
from workers.gpu.config import TrainItem
from workers.gpu.data.examples import input_shape, load_val_images
from workers.gpu.proof.evaluation import evaluate, make_validation
from workers.models.clip_model import LOCAL_DIR, create_clip, cut_text
from workers.runtime.child_io import Emitter


def measure_recall(weights: str, data: TrainSet, model: str, batch_size: int) -> dict[str, float]:
    """{"t2i_r1": ..., "loss": ...} on the validation images with all their captions.

    weights: "local-dir:<folder>" or a checkpoint file of open_clip's trainer for `model`.
    """
    own = weights.startswith(LOCAL_DIR)
    loaded = create_clip(weights if own else model, None if own else Path(weights))
    items = [TrainItem(path=path, captions=captions) for path, captions in data.val]
    kept, pixels, _ = load_val_images(Emitter(io.StringIO()), items, loaded)
    captions = [item.captions for item in kept]
    shape = input_shape(loaded.model)
    validation = make_validation(pixels, captions, loaded.tokenizer, shape, batch_size)
    assert validation is not None
    return evaluate(loaded.model, validation, "cpu", nullcontext, partial(cut_text, loaded.model))
