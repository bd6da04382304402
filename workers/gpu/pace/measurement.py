"""The steps of a pace measurement: a run's own loop on made-up images. Imports torch."""

from __future__ import annotations

import contextlib
import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import torch

from common.errors import GpuOutOfMemory
from common.models.catalogue import resolve_architecture
from common.training.plan import DataSize, Machine, TrainPlan
from common.training.planning import plan_training
from workers.gpu.config import PaceConfig
from workers.gpu.data.batches import TrainBatches
from workers.gpu.data.cache import KEEP_RATIO, PixelCache
from workers.gpu.data.examples import input_shape
from workers.gpu.devices import choose_precision, describe_device, free_gpu_memory_gb, gpu_memory_gb
from workers.gpu.report.metrics import MetricWriter
from workers.gpu.report.progress import Reports
from workers.gpu.training.checkpoints import Checkpoints, CheckpointSaver
from workers.gpu.training.epochs import EpochEnd
from workers.gpu.training.loop import train
from workers.gpu.training.memory import BatchLayout, estimate_layout
from workers.gpu.training.optimizer import open_clip_args, seed_everything
from workers.gpu.training.run_state import Run
from workers.models.clip_model import LoadedClip, choose_device, create_clip, cut_text
from workers.models.memory import is_out_of_memory, limit_memory
from workers.runtime import child_io
from workers.runtime.child_io import Emitter, Stopped

LIMIT_S = 20.0  # after this no further step begins
MAX_STEPS = 24
NEVER_S = 1e9
WORDS = "a photo of two dogs that run over green grass beside an old red barn"
PICTURES = 32  # different ones; each comes again and again
USUAL_IMAGES = 1000  # what an automatic batch size goes by, as nobody has named a dataset


@dataclass
class Stopwatch:
    """When each step began, and in which layout its batch was run."""

    report: Callable[..., None]
    started: list[tuple[float, BatchLayout]] = field(default_factory=list)

    def begin(self, layout: BatchLayout) -> bool:
        """A step begins now, or none is needed any more: then True."""
        self.started.append((time.monotonic(), layout))
        times = [moment for moment, used in self.started if used == layout]
        done = len(times) - 1
        self.report(done, MAX_STEPS, "steps", self._message(times))
        return done >= MAX_STEPS or (done >= 1 and times[-1] - self.started[0][0] >= LIMIT_S)

    @staticmethod
    def _message(times: Sequence[float]) -> str:
        if len(times) == 1:
            return "the first step"
        return f"a step takes {times[-1] - times[-2]:.3g} s"

    def step_s(self) -> float:
        """Seconds of a step: the median, without the first one where there are more."""
        last = self.started[-1][1]
        times = [moment for moment, used in self.started if used == last]
        took = [after - before for before, after in pairwise(times)]
        counted = sorted(took[1:] or took)
        return counted[len(counted) // 2]


class Measured(Exception):
    """Raised between two steps once enough were made."""


def measure_pace(emitter: Emitter, config: PaceConfig, began: float) -> dict[str, Any]:
    """Load the model, make steps until LIMIT_S is over; the result of the probe job."""
    device = choose_device(config.device)
    if config.memory_gb is not None:
        limit_memory(config.memory_gb, device)
    try:
        loaded = _load(emitter, config, device)
        run, watch = _make_run(emitter, config, loaded, device)
        with contextlib.suppress(Measured):
            train(run)
    except Exception as problem:
        if not is_out_of_memory(problem):
            raise
        raise GpuOutOfMemory(
            f"{config.params.model} does not fit the memory, not even one image at a time.",
            remedy="Choose a smaller model, or close other programs that use this GPU.",
        ) from problem
    return _result(emitter, config, run, watch, began, device)


def _load(emitter: Emitter, config: PaceConfig, device: str) -> LoadedClip:
    params = config.params
    precision = choose_precision(params.precision, device)
    emitter.log(f"Measuring on {describe_device(device)}, precision {precision}.")
    emitter.progress(0, MAX_STEPS, "steps", f"making {params.model} with random weights")
    seed_everything(params.seed)
    architecture = resolve_architecture(params.model, str(params.pretrained or ""))
    return create_clip(config.base or architecture, None, device=device, precision=precision)


def _make_run(
    emitter: Emitter, config: PaceConfig, loaded: LoadedClip, device: str
) -> tuple[Run, Stopwatch]:
    plan = _plan(config, device)
    batch = int(plan.batch_size.value) // plan.gpus
    precision = choose_precision(config.params.precision, device)
    args = open_clip_args(loaded.architecture, config.params, plan, device, precision)
    args.batch_size = batch
    watch = Stopwatch(emitter.progress)
    reports = Reports(
        MetricWriter(emitter, None, None),
        progress=lambda step, message, figures: None,
        log=emitter.log,
        note=emitter.note,
        stop_asked=lambda: _begin_step(watch, run),
    )
    epoch_end = EpochEnd(
        loaded.model,
        None,
        reports,
        device=device,
        precision=precision,
        keep_best=lambda epoch: None,
        cut=partial(cut_text, loaded.model),
    )
    checkpoints = Checkpoints(config.work_dir / "checkpoints", "", emitter.log)
    saver = CheckpointSaver(checkpoints, NEVER_S, emitter.saving, emitter.log)
    free_gb = free_gpu_memory_gb(device, config.memory_gb)
    layout = estimate_layout(config.params.model, batch, free_gb)
    batches = _batches(config, loaded, batch, device)
    run = Run(loaded.model, batches, args, epoch_end, saver, reports, layout=layout)
    return run, watch


def _begin_step(watch: Stopwatch, run: Run) -> bool:
    """The loop asks this before each step. Raises Measured, child_io.Stopped: nothing is saved."""
    if child_io.stop_event().is_set():
        raise Stopped(resumable=False)
    if watch.begin(run.layout):
        raise Measured
    return False


def _plan(config: PaceConfig, device: str) -> TrainPlan:
    """The settings of the one long epoch that is measured."""
    asked = config.params.batch_size
    images = max(USUAL_IMAGES, asked if isinstance(asked, int) else 0, config.params.gpus)
    params = config.params.model_copy(update={"epochs": 1, "warmup": 0})
    plan = plan_training(
        params, DataSize(images, images, 0), Machine(device, gpu_memory_gb(device))
    )
    return replace(plan, size=DataSize(0, (MAX_STEPS + 2) * int(plan.batch_size.value), 0))


def _batches(config: PaceConfig, loaded: LoadedClip, batch: int, device: str) -> TrainBatches:
    """Batches for a few more steps than are made."""
    rng = np.random.default_rng(config.params.seed)
    shape = input_shape(loaded.model)
    side = round(shape.size * KEEP_RATIO)
    pictures = [
        rng.integers(0, 256, (side, side * 4 // 3, 3), dtype=np.uint8) for _ in range(PICTURES)
    ]
    count = (MAX_STEPS + 2) * batch
    cache = PixelCache(count * pictures[0].nbytes, config.work_dir)
    for number in range(count):
        cache.append(pictures[number % PICTURES])  # the same arrays: they take memory once
    captions = [" ".join(rng.permutation(WORDS.split())[: rng.integers(6, 15)]) for _ in pictures]
    return TrainBatches(
        cache,
        loaded.tokenizer(captions),
        [[number % PICTURES] for number in range(count)],
        shape,
        batch_size=batch,
        seed=config.params.seed,
        cut=partial(cut_text, loaded.model),
        device=device,
    )


def _result(
    emitter: Emitter,
    config: PaceConfig,
    run: Run,
    watch: Stopwatch,
    began: float,
    device: str,
) -> dict[str, Any]:
    gpus = config.params.gpus
    # Processes on one CPU share its cores; GPUs are each their own.
    factor = gpus if device != "cpu" else 1
    if gpus > 1:
        emitter.note(f"Measured with one of the {gpus} processes and its share of the batch.")
    batch = run.batch_size
    return {
        "samples_per_second": round(factor * batch / watch.step_s(), 2),
        "memory_gb": _peak_gb(device),
        "device": describe_device(device),
        "device_name": "the CPU" if device == "cpu" else torch.cuda.get_device_name(device),
        "precision": choose_precision(config.params.precision, device),
        "gpus": gpus,
        "batch_size": batch * gpus,
        "steps": len(watch.started) - 1,
        "overhead_s": round(watch.started[0][0] - began, 2),
        "took_s": round(time.monotonic() - began, 2),
        "micro_batch": run.layout.micro_batch(batch),
        "accumulation": run.layout.accumulation,
        "gradient_checkpointing": run.layout.gradient_checkpointing,
    }


def _peak_gb(device: str) -> float:
    """The most memory that was taken: of the GPU, or by this process."""
    if device == "cpu":
        return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9, 2)
    return round(torch.cuda.max_memory_allocated(device) / 1e9, 2)
