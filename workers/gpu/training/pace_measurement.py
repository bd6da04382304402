"""The steps of a probe: a run's own trainer on made-up images. Imports torch."""

from __future__ import annotations

import contextlib
import resource
import time
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch

from common.errors import GpuOutOfMemory
from common.models.catalogue import find_model, resolve_architecture
from common.training.facts import DataSize, Machine
from common.training.memory import fit_batch
from common.training.plan import TrainPlan, plan_training
from workers.gpu.data.batches import TrainBatches
from workers.gpu.data.cache import KEEP_RATIO, PixelCache
from workers.gpu.data.examples import input_shape
from workers.gpu.devices import choose_precision, describe_device, free_gpu_memory_gb, gpu_memory_gb
from workers.gpu.report.metrics import MetricWriter
from workers.gpu.report.progress import Reports
from workers.gpu.training.checkpoints import Checkpoints
from workers.gpu.training.memory import Rung
from workers.gpu.training.optimizer import open_clip_args, seed_everything
from workers.gpu.training.pace_child import MAX_STEPS, WORDS, ProbeConfig, Stopwatch
from workers.gpu.training.trainer import Trainer
from workers.models.clip_model import LoadedClip, choose_device, create_clip, cut_text
from workers.models.memory import is_out_of_memory, limit_memory
from workers.runtime import child_io
from workers.runtime.child_io import Emitter, Stopped

NEVER_S = 1e9
PICTURES = 32  # different ones; each comes again and again
USUAL_IMAGES = 1000  # what an automatic batch size goes by, as nobody has named a dataset


class Measured(Exception):
    """Raised between two steps once enough were made."""


def measure(emitter: Emitter, config: ProbeConfig, began: float) -> dict[str, Any]:
    """Load the model, make steps until LIMIT_S is over; the result of the probe job."""
    device = choose_device(config.device)
    if config.memory_gb is not None:
        limit_memory(config.memory_gb, device)
    try:
        loaded = _load(emitter, config, device)
        trainer, watch = _prepare(emitter, config, loaded, device)
        with contextlib.suppress(Measured):
            trainer.run()
    except Exception as problem:
        if not is_out_of_memory(problem):
            raise
        raise GpuOutOfMemory(
            f"{config.params.model} does not fit the memory, not even one image at a time.",
            remedy="Choose a smaller model, or close other programs that use this GPU.",
        ) from problem
    return _result(emitter, config, trainer, watch, began, device)


def _load(emitter: Emitter, config: ProbeConfig, device: str) -> LoadedClip:
    params = config.params
    precision = choose_precision(params.precision, device)
    emitter.log(f"Measuring on {describe_device(device)}, precision {precision}.")
    emitter.progress(0, MAX_STEPS, "steps", f"making {params.model} with random weights")
    seed_everything(params.seed)
    architecture = resolve_architecture(params.model, str(params.pretrained or ""))
    return create_clip(config.base or architecture, None, device=device, precision=precision)


def _prepare(
    emitter: Emitter, config: ProbeConfig, loaded: LoadedClip, device: str
) -> tuple[Trainer, Stopwatch]:
    plan = _plan(config, device)
    batch = int(plan.batch_size.value) // plan.gpus
    precision = choose_precision(config.params.precision, device)
    args = open_clip_args(loaded.architecture, config.params, plan, device, precision)
    args.batch_size = batch
    watch = Stopwatch(emitter.progress)
    reports = Reports(
        MetricWriter(emitter, config.work_dir / "runs", None),
        progress=lambda step, message, figures: None,
        log=emitter.log,
        note=emitter.note,
        stop_asked=lambda: _begin_step(watch, trainer),
    )
    trainer = Trainer(
        loaded.model,
        _batches(config, loaded, batch),
        None,
        args,
        Checkpoints(config.work_dir / "checkpoints", "", emitter.log),
        reports,
        keep_best=lambda epoch: None,
        cut=partial(cut_text, loaded.model),
        checkpoint_every_s=NEVER_S,
        rung=_starting_rung(config, batch, device),
    )
    return trainer, watch


def _begin_step(watch: Stopwatch, trainer: Trainer) -> bool:
    """The trainer asks this before each step. Raises Measured, child_io.Stopped: nothing is saved."""
    if child_io.stop_event().is_set():
        raise Stopped(resumable=False)
    if watch.begin(trainer.rung):
        raise Measured
    return False


def _plan(config: ProbeConfig, device: str) -> TrainPlan:
    """The settings of the one long epoch that is measured."""
    asked = config.params.batch_size
    images = max(USUAL_IMAGES, asked if isinstance(asked, int) else 0, config.params.gpus)
    params = config.params.model_copy(update={"epochs": 1, "warmup": 0})
    plan = plan_training(
        params, DataSize(images, images, 0), Machine(device, gpu_memory_gb(device))
    )
    return replace(plan, size=DataSize(0, (MAX_STEPS + 2) * int(plan.batch_size.value), 0))


def _starting_rung(config: ProbeConfig, batch: int, device: str) -> Rung:
    """As a run begins: by the estimate on a GPU, with whole batches on a CPU."""
    known = find_model(config.params.model)
    free_gb = free_gpu_memory_gb(device, config.memory_gb)
    if known is None or free_gb is None:
        return Rung()
    fit = fit_batch(known, batch, free_gb)
    return Rung(fit.accumulation, fit.gradient_checkpointing)


def _batches(config: ProbeConfig, loaded: LoadedClip, batch: int) -> TrainBatches:
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
    captions = [" ".join(rng.permutation(WORDS)[: rng.integers(6, 15)]) for _ in pictures]
    return TrainBatches(
        cache,
        loaded.tokenizer(captions),
        [[number % PICTURES] for number in range(count)],
        shape,
        batch_size=batch,
        seed=config.params.seed,
        cut=partial(cut_text, loaded.model),
    )


def _result(
    emitter: Emitter,
    config: ProbeConfig,
    trainer: Trainer,
    watch: Stopwatch,
    began: float,
    device: str,
) -> dict[str, Any]:
    gpus = config.params.gpus
    # Processes on one CPU share its cores; GPUs are each their own.
    factor = gpus if device != "cpu" else 1
    if gpus > 1:
        emitter.note(f"Measured with one of the {gpus} processes and its share of the batch.")
    batch = trainer.batch_size
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
        "micro_batch": trainer.rung.micro_batch(batch),
        "accumulation": trainer.rung.accumulation,
        "gradient_checkpointing": trainer.rung.gradient_checkpointing,
    }


def _peak_gb(device: str) -> float:
    """The most memory that was taken: of the GPU, or by this process."""
    if device == "cpu":
        return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9, 2)
    return round(torch.cuda.max_memory_allocated(device) / 1e9, 2)
