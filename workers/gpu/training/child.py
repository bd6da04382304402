"""A training in a process of its own: `python -m workers.gpu.training.child CONFIG.json`.

It fails at once when it cannot begin: weights are looked for before torch is imported.
"""

from __future__ import annotations

import os
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from common.errors import ClipBrowserError, InvalidInput, NotFound, TrainingFailedToStart
from common.models.catalogue import SMALL_MODEL, find_model
from common.processes import is_of_a_cluster
from common.training.params import resolve_pretrained, source_of
from workers.gpu.config import TrainConfig
from workers.gpu.data.reading import read_early
from workers.models.weights import obtain_weights
from workers.runtime import child_io
from workers.runtime.child_io import Emitter


def run(emitter: Emitter, raw: dict[str, Any]) -> dict[str, Any]:
    """Train as the configuration says; the result of the train job.

    Raises TrainingFailedToStart, TrainingDiverged, GpuOutOfMemory, DiskFull, child_io.Stopped.
    """
    if child_io.is_one_of_several():
        return _run_as_one_of_several(emitter, raw)
    began = time.monotonic()
    for name in filter(is_of_a_cluster, list(os.environ)):
        del os.environ[name]
    try:
        config = TrainConfig.model_validate(raw)
        weights = _find_start(config, emitter)
        emitter.progress(0, 1, "steps", "loading torch")
        with read_early(config) or nullcontext() as early:
            from workers.gpu.training import distributed, memory
            from workers.gpu.training import run as train_run

            ranks = distributed.Ranks()
            with memory.memory_shortage_told(config):
                prepared = train_run.prepare(emitter, config, weights, early, ranks)
    except (InvalidInput, NotFound) as problem:
        raise as_start_failure(problem) from problem
    with memory.memory_shortage_told(config):
        return train_run.train_to_folder(emitter, config, prepared, began, ranks)


def _run_as_one_of_several(emitter: Emitter, raw: dict[str, Any]) -> dict[str, Any]:
    """The same together with the other processes that torchrun started."""
    began = time.monotonic()
    config = TrainConfig.model_validate(raw)
    emitter.progress(0, 1, "steps", "loading torch")
    from workers.gpu.training import distributed, memory
    from workers.gpu.training import run as train_run
    from workers.models.clip_model import choose_device

    with distributed.leave_quietly(), memory.memory_shortage_told(config):
        ranks = distributed.join_ranks(choose_device(config.device))
        try:
            with ranks.first_goes_first():  # the weights are fetched once
                weights = _find_start(config, emitter)
            with (read_early(config) if ranks.first else None) or nullcontext() as early:
                prepared = train_run.prepare(emitter, config, weights, early, ranks)
        except (InvalidInput, NotFound) as problem:
            raise as_start_failure(problem) from problem
        return train_run.train_to_folder(emitter, config, prepared, began, ranks)


def as_start_failure(problem: ClipBrowserError) -> TrainingFailedToStart:
    """The same words under the code that the user's guide names."""
    return TrainingFailedToStart(problem.message, remedy=problem.remedy)


def _find_start(config: TrainConfig, emitter: Emitter) -> Path | None:
    """The file of the pretrained weights; None to begin from scratch or from a model of one's own."""
    params = config.params
    if not config.train:
        raise InvalidInput(
            "There are no training images.",
            remedy="Split the captions into training and validation.",
        )
    if config.base:
        return None
    pretrained = resolve_pretrained(params.model, params.pretrained)
    if find_model(params.model) is None:
        raise InvalidInput(
            f"There is no model {params.model!r}.", remedy=f"Choose ViT-B-32 or {SMALL_MODEL}."
        )
    if source_of(params.model, pretrained) == "scratch":
        return None
    return obtain_weights(params.model, pretrained, config.weights_dir, emitter.log)


if __name__ == "__main__":
    child_io.main(run, child_io.leave_at_once)
