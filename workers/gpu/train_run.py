"""From a configuration to a model folder: load, train, write. Imports torch."""

from __future__ import annotations

import hashlib
import json
import math
import time
from functools import partial
from pathlib import Path
from typing import Any

import torch

from common.catalogue import find_model, resolve_architecture
from common.errors import GpuOutOfMemory
from common.train_plan import (
    DataSize,
    Machine,
    TrainParams,
    TrainPlan,
    nearest_smaller_batch,
    plan_training,
    resolve_pretrained,
)
from workers import child_io
from workers.child_io import Emitter
from workers.clip_model import LoadedClip, choose_device, create_clip, cut_text
from workers.gpu.checkpoints import Checkpoints
from workers.gpu.devices import choose_precision, describe_device, gpu_memory_gb
from workers.gpu.evaluate import make_validation
from workers.gpu.metric_writer import MetricWriter
from workers.gpu.pixel_cache import PixelCache
from workers.gpu.train_config import TrainConfig
from workers.gpu.train_data import (
    MIB,
    REPORT_EVERY_S,
    input_shape,
    load_train_images,
    load_val_images,
    make_batches,
)
from workers.gpu.train_result import Ready, finish, keep_best
from workers.gpu.trainer import Reports, Trainer, open_clip_args, seed_everything


def prepare(emitter: Emitter, config: TrainConfig, weights: Path | None) -> Ready:
    """Load the model, then decode the images. Raises InvalidInput, GpuOutOfMemory, Stopped."""
    params, device = config.params, choose_device(config.device)
    precision = choose_precision(params.precision, device)
    emitter.log(f"Training on {describe_device(device)}, precision {precision}.")
    emitter.progress(0, 1, "steps", "loading the model")
    loaded, architecture = _load_model(config, weights, device, precision)
    shape = input_shape(loaded.model)
    cache = PixelCache(config.image_cache_mib * MIB, config.work_dir / "images.cache")
    train, train_notes = load_train_images(emitter, config.train, cache, shape)
    val, val_pixels, val_notes = load_val_images(emitter, config.val, loaded, shape)
    size = DataSize(sum(len(item.captions) for item in train), len(cache), len(val))
    plan = plan_training(params, size, Machine(device, gpu_memory_gb(device)))
    notes = [*train_notes, *val_notes, *plan.warnings]
    batches = make_batches(train, cache, loaded, shape, plan, params.seed)
    captions = [item.captions for item in val]
    validation = make_validation(
        val_pixels, captions, loaded.tokenizer, shape, int(plan.batch_size.value)
    )
    return Ready(plan, loaded, architecture, batches, validation, device, precision, notes)


def train(emitter: Emitter, config: TrainConfig, ready: Ready, began: float) -> dict[str, Any]:
    """Train, keep the best epoch, write the model folder; the result of the train job."""
    args = open_clip_args(
        ready.architecture, config.params, ready.plan, ready.device, ready.precision
    )
    checkpoints = Checkpoints(
        config.work_dir / "checkpoints", fingerprint(config, ready), emitter.log
    )
    saved = checkpoints.load()
    writer = MetricWriter(emitter, config.runs_dir, _step_of(saved, ready))
    trainer = Trainer(
        ready.loaded.model,
        ready.batches,
        ready.validation,
        args,
        checkpoints,
        _reports(emitter, writer, ready.plan.steps),
        keep_best=partial(keep_best, ready.loaded.model, config.work_dir),
        cut=partial(cut_text, ready.loaded.model),
        patience=config.params.early_stopping,
        checkpoint_every_s=config.checkpoint_every_s,
    )
    if saved is not None:
        trainer.restore(saved)
        emitter.log(f"Going on after step {trainer.step} of {trainer.steps}.")
    for note in ready.notes if saved is None else []:
        emitter.note(note)
    try:
        trainer.run()
    except torch.OutOfMemoryError as problem:
        raise out_of_memory(config.params, ready.plan) from problem
    finally:
        writer.close()
    return finish(config, ready, trainer, began)


def out_of_memory(params: TrainParams, plan: TrainPlan) -> GpuOutOfMemory:
    """The error of a batch that did not fit, with the nearest setting that should."""
    batch = int(plan.batch_size.value)
    fits = nearest_smaller_batch(find_model(params.model), batch, plan.machine.memory_gb)
    way = f"Train again with batch size {fits}" if fits else "Train a smaller model"
    return GpuOutOfMemory(
        f"{params.model} with batch size {batch} does not fit into the GPU's memory.",
        remedy=f"{way}, or close other programs that use this GPU.",
    )


def fingerprint(config: TrainConfig, ready: Ready) -> str:
    """Tells whether a checkpoint is of this run: same settings, same images and captions."""
    told = {
        "params": config.params.model_dump(exclude={"name", "early_stopping"}),
        "base": config.base,
        "batch": ready.plan.batch_size.value,
        "precision": ready.precision,
        "train": [(item.path.name, item.captions) for item in config.train],
    }
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _load_model(
    config: TrainConfig, weights: Path | None, device: str, precision: str
) -> tuple[LoadedClip, str]:
    """(the model to begin with, its architecture)."""
    params = config.params
    tag = resolve_pretrained(params.model, params.pretrained) if weights else ""
    architecture = resolve_architecture(params.model, tag)
    seed_everything(params.seed)
    try:
        loaded = create_clip(
            config.base or architecture, weights, tag=tag, device=device, precision=precision
        )
    except torch.OutOfMemoryError as problem:
        raise GpuOutOfMemory(
            f"{params.model} itself does not fit into the GPU's memory.",
            remedy="Choose a smaller model, or close other programs that use this GPU.",
        ) from problem
    seed_everything(params.seed)
    return loaded, architecture


def _reports(emitter: Emitter, writer: MetricWriter, steps: int) -> Reports:
    said = {"at": -math.inf, "logged": -math.inf}

    def progress(step: int, message: str, figures: dict[str, float]) -> None:
        moment = time.monotonic()
        if moment - said["at"] < REPORT_EVERY_S and step < steps:
            return
        said["at"] = moment
        emitter.progress(step, steps, "steps", message, **figures)
        if figures and moment - said["logged"] >= 1.0:
            said["logged"] = moment
            shown = ", ".join(f"{name} {value:.4g}" for name, value in figures.items())
            emitter.log(f"{message}, step {step} of {steps}: {shown}")

    return Reports(writer, progress, emitter.log, child_io.stop_event().is_set)


def _step_of(saved: dict[str, Any] | None, ready: Ready) -> int | None:
    if saved is None:
        return None
    progress = saved["progress"]
    return int(progress["epoch"]) * ready.batches.num_batches + int(progress["batches_done"])
