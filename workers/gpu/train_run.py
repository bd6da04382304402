"""From a configuration to a model folder: load, train, write. Imports torch."""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from common.catalogue import find_model, resolve_architecture
from common.errors import GpuOutOfMemory, InvalidInput
from common.train_plan import (
    DataSize,
    Machine,
    TrainParams,
    TrainPlan,
    nearest_smaller_batch,
    plan_training,
)
from workers import child_io
from workers.child_io import Emitter, Stopped
from workers.clip_model import LoadedClip, choose_device, create_clip, cut_text
from workers.gpu.batches import InputShape, TrainBatches
from workers.gpu.checkpoints import Checkpoints
from workers.gpu.evaluate import Validation, make_validation
from workers.gpu.metric_writer import MetricWriter
from workers.gpu.model_folder import (
    folder_name,
    read_model_config,
    save_weights,
    write_model_folder,
)
from workers.gpu.pixel_cache import PixelCache, decode_all, decode_shrunk
from workers.gpu.train_config import TrainConfig, TrainItem
from workers.gpu.trainer import Progress, Reports, Trainer, open_clip_args, seed_everything
from workers.pixels import open_rgb

MIB = 2**20
REPORT_EVERY_S = 0.25
RECALLS = tuple(f"{way}_r{cut}" for way in ("t2i", "i2t") for cut in (1, 5, 10))


@dataclass(frozen=True)
class Ready:
    """Everything that a run needs, in memory."""

    plan: TrainPlan
    loaded: LoadedClip
    architecture: str
    batches: TrainBatches
    validation: Validation | None
    device: str
    precision: str
    notes: list[str]


def prepare(emitter: Emitter, config: TrainConfig, weights: Path | None) -> Ready:
    """Load the model, then decode the images. Raises InvalidInput, GpuOutOfMemory, Stopped."""
    params, device = config.params, choose_device(config.device)
    precision = choose_precision(params.precision, device)
    emitter.log(f"Training on {describe_device(device)}, precision {precision}.")
    emitter.progress(0, 1, "steps", "loading the model")
    loaded, architecture = _load_model(config, weights, device, precision)
    shape = input_shape(loaded.model)
    cache = PixelCache(config.image_cache_mib * MIB, config.work_dir / "images.cache")
    train, train_notes = _load_train_images(emitter, config.train, cache, shape)
    val, val_pixels, val_notes = _load_val_images(emitter, config.val, loaded, shape)
    size = DataSize(sum(len(item.captions) for item in train), len(cache), len(val))
    plan = plan_training(params, size, Machine(device, gpu_memory_gb(device)))
    notes = [*train_notes, *val_notes, *plan.warnings]
    for note in notes:
        emitter.note(note)
    batches = _make_batches(train, cache, loaded, shape, plan, params.seed)
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
        keep_best=partial(_keep_best, ready.loaded.model, config.work_dir),
        cut=partial(cut_text, ready.loaded.model),
        patience=config.params.early_stopping,
        checkpoint_every_s=config.checkpoint_every_s,
    )
    if saved is not None:
        trainer.restore(saved)
        emitter.log(f"Going on after step {trainer.step} of {trainer.steps}.")
    try:
        trainer.run()
    except torch.OutOfMemoryError as problem:
        raise out_of_memory(config.params, ready.plan) from problem
    finally:
        writer.close()
    return _finish(config, ready, trainer, began)


def choose_precision(wanted: str, device: str) -> str:
    """open_clip's name of the precision: bf16 where the GPU has it, plain fp32 on a CPU."""
    if wanted != "auto":
        return "fp32" if device == "cpu" and wanted == "amp" else wanted
    if device == "cpu":
        return "fp32"
    return "amp_bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "amp"


def describe_device(device: str) -> str:
    """"NVIDIA H100 (80 GB)" or "the CPU (2 threads)"."""
    if device == "cpu":
        return f"the CPU ({torch.get_num_threads()} threads)"
    return f"{torch.cuda.get_device_name(device)} ({gpu_memory_gb(device):.0f} GB)"


def gpu_memory_gb(device: str) -> float | None:
    """Memory of the GPU in GB; None on a CPU."""
    if device == "cpu":
        return None
    return float(torch.cuda.get_device_properties(device).total_memory) / 1e9


def out_of_memory(params: TrainParams, plan: TrainPlan) -> GpuOutOfMemory:
    """The error of a batch that did not fit, with the nearest setting that should."""
    batch = int(plan.batch_size.value)
    fits = nearest_smaller_batch(find_model(params.model), batch, plan.machine.memory_gb)
    way = f"Train again with batch size {fits}" if fits else "Train a smaller model"
    return GpuOutOfMemory(
        f"{params.model} with batch size {batch} does not fit into the GPU's memory.",
        remedy=f"{way}, or close other programs that use this GPU.",
    )


def input_shape(model: Any) -> InputShape:
    """What a model takes, from the preprocessing that open_clip attached to it."""
    config = model.visual.preprocess_cfg
    size = config["size"]
    side = int(size[0] if isinstance(size, (tuple, list)) else size)
    return InputShape(side, tuple(config["mean"]), tuple(config["std"]))


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
    params, plan_tag = config.params, config.params.pretrained
    seed_everything(params.seed)
    name = config.base or resolve_architecture(params.model, _tag(config, weights))
    try:
        loaded = create_clip(
            name, weights, tag=_tag(config, weights), device=device, precision=precision
        )
    except torch.OutOfMemoryError as problem:
        raise GpuOutOfMemory(
            f"{params.model} itself does not fit into the GPU's memory.",
            remedy="Choose a smaller model, or close other programs that use this GPU.",
        ) from problem
    del plan_tag
    seed_everything(params.seed)
    architecture = params.model if config.base else name
    return loaded, architecture


def _tag(config: TrainConfig, weights: Path | None) -> str:
    if weights is None:
        return ""
    known = find_model(config.params.model)
    return config.params.pretrained or (known.default_pretrained if known else "")


def _load_train_images(
    emitter: Emitter, items: Sequence[TrainItem], cache: PixelCache, shape: InputShape
) -> tuple[list[TrainItem], list[str]]:
    """Fill the cache; (the items whose image could be read, notes)."""
    decode = partial(decode_shrunk, size=shape.size)
    kept: list[TrainItem] = []
    for item, pixels in _decoded(emitter, items, decode, "training"):
        if pixels is not None:
            cache.append(pixels)
            kept.append(item)
    if not kept:
        raise InvalidInput(
            f"None of the {len(items)} training images could be read, first {items[0].path.name}.",
            remedy="Check that the artifact store still holds the dataset's images.",
        )
    if cache.spilled_bytes:
        emitter.log(f"{cache.spilled_bytes / MIB:,.0f} MiB of the images lie in a file, not in memory.")
    return kept, _missing_note(items, kept, "training")


def _load_val_images(
    emitter: Emitter, items: Sequence[TrainItem], loaded: LoadedClip, shape: InputShape
) -> tuple[list[TrainItem], list[npt.NDArray[np.uint8]], list[str]]:
    """(items that could be read, their (S, S, 3) pixels by the model's own preprocessing, notes)."""
    steps = loaded.preprocess.transforms[:-2]  # type: ignore[attr-defined]  # without ToTensor, Normalize

    def decode(path: Path) -> npt.NDArray[np.uint8]:
        image: Any = open_rgb(path)
        for step in steps:
            image = step(image)
        return np.asarray(image, dtype=np.uint8)

    kept, pixels = [], []
    for item, made in _decoded(emitter, items, decode, "validation"):
        if made is not None:
            kept.append(item)
            pixels.append(made)
    return kept, pixels, _missing_note(items, kept, "validation")


def _decoded(
    emitter: Emitter,
    items: Sequence[TrainItem],
    decode: Callable[[Path], npt.NDArray[np.uint8]],
    part: str,
) -> Any:
    """(item, pixels or None) of each item, reporting, ending when a stop is asked for."""
    said = 0.0
    made = decode_all([item.path for item in items], decode)
    for number, (item, pixels) in enumerate(zip(items, made, strict=True), start=1):
        if child_io.stop_event().is_set():
            raise Stopped(epochs_done=0, step=0, resumable=True)
        if time.monotonic() - said >= REPORT_EVERY_S:
            said = time.monotonic()
            emitter.progress(0, None, "steps", f"reading {part} images, {number:,} of {len(items):,}")
        yield item, pixels


def _missing_note(items: Sequence[TrainItem], kept: Sequence[TrainItem], part: str) -> list[str]:
    if len(kept) == len(items):
        return []
    paths = {item.path for item in kept}
    first = next(item.path.name for item in items if item.path not in paths)
    return [
        f"{len(items) - len(kept)} of {len(items)} {part} images could not be read and were left out, "
        f"first {first}."
    ]


def _make_batches(
    items: Sequence[TrainItem],
    cache: PixelCache,
    loaded: LoadedClip,
    shape: InputShape,
    plan: TrainPlan,
    seed: int,
) -> TrainBatches:
    captions = [caption for item in items for caption in item.captions]
    ends = np.cumsum([len(item.captions) for item in items])
    captions_of = [range(end - len(item.captions), end) for item, end in zip(items, ends, strict=True)]
    return TrainBatches(
        cache,
        loaded.tokenizer(captions),
        captions_of,
        shape,
        batch_size=int(plan.batch_size.value),
        seed=seed,
        cut=partial(cut_text, loaded.model),
    )


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


def _best_file(work_dir: Path, epoch: int) -> Path:
    return work_dir / f"best_{epoch:05d}.safetensors"


def _keep_best(model: Any, work_dir: Path, epoch: int) -> None:
    """Write the weights of the best epoch so far; the one before stays for an older checkpoint."""
    save_weights(model, _best_file(work_dir, epoch))
    for old in sorted(work_dir.glob("best_*.safetensors"))[:-3]:
        old.unlink()


def _finish(config: TrainConfig, ready: Ready, trainer: Trainer, began: float) -> dict[str, Any]:
    """Write the model folder. Exit code 0 is not success: there must be steps and weights."""
    state = trainer.state
    if trainer.step == 0:
        raise InvalidInput("The run made no step.", remedy="Use a smaller batch size.")
    best = _best_file(config.work_dir, state.best_epoch)
    if not best.is_file():
        save_weights(ready.loaded.model, best)
    notes = [*ready.notes, *_outcome_notes(state, trainer)]
    metrics = _metrics(state, trainer, began)
    training = _training_record(config, ready, metrics, notes)
    folder = write_model_folder(
        config.work_dir / "model",
        folder_name(config.params.name or config.params.model),
        weights=best,
        model_config=_model_config(config, ready),
        preprocess=dict(ready.loaded.model.visual.preprocess_cfg),
        training=training,
        history=state.history,
    )
    return {**metrics, "model_folder": str(folder), "notes": notes, **_model_facts(ready)}


def clean_up(work_dir: Path) -> None:
    """Remove what only a resume needs: checkpoints, cached images, best weights."""
    shutil.rmtree(work_dir / "checkpoints", ignore_errors=True)
    for path in [work_dir / "images.cache", *work_dir.glob("best_*.safetensors")]:
        path.unlink(missing_ok=True)


def _model_config(config: TrainConfig, ready: Ready) -> dict[str, Any]:
    made = read_model_config(config.base or ready.architecture)
    return {**made, "quick_gelu": bool(made.get("quick_gelu", False))}


def _outcome_notes(state: Progress, trainer: Trainer) -> list[str]:
    if state.best is None or "t2i_r1" not in state.best:
        return []
    if state.best_epoch == 0:
        return [
            "No epoch was better than the untuned model, so its weights were kept. Try a lower learning "
            "rate, more images or more varied captions."
        ]
    if state.best_epoch < state.epoch:
        return [f"Epoch {state.best_epoch} of {trainer.args.epochs} was the best, and was kept."]
    return []


def _metrics(state: Progress, trainer: Trainer, began: float) -> dict[str, Any]:
    first, best = (state.history[0] if state.history else {}), state.best or {}
    return {
        "best_epoch": state.best_epoch,
        "epochs_done": state.epoch,
        "steps": trainer.step,
        "recall_before": {name: first[name] for name in RECALLS if name in first},
        "recall_after": {name: best[name] for name in RECALLS if name in best},
        "samples_per_second": round(state.samples / max(state.trained_s, 1e-6), 1),
        "trained_s": round(state.trained_s, 2),
        "took_s": round(time.monotonic() - began, 2),
    }


def _model_facts(ready: Ready) -> dict[str, Any]:
    config = ready.loaded.model.visual.preprocess_cfg
    return {
        "architecture": ready.architecture,
        "parameters": sum(p.numel() for p in ready.loaded.model.parameters()),
        "image_size": input_shape(ready.loaded.model).size if config else 0,
        "embed_dim": int(read_model_config(ready.loaded.architecture)["embed_dim"]),
    }


def _training_record(
    config: TrainConfig, ready: Ready, metrics: dict[str, Any], notes: list[str]
) -> dict[str, Any]:
    """The content of training.json."""
    return {
        "job_id": config.job_id,
        "params": {
            **config.params.model_dump(),
            "pretrained": ready.plan.pretrained,
            "epochs": ready.plan.epochs,
            "batch_size": ready.plan.batch_size.value,
            "lr": ready.plan.lr.value,
            "warmup": ready.plan.warmup.value,
            "precision": ready.precision,
        },
        **_model_facts(ready),
        "pretrained": ready.plan.pretrained,
        "data": {
            "rows": ready.plan.size.rows,
            "images": ready.plan.size.images,
            "val_images": ready.plan.size.val_images,
        },
        "metrics": metrics,
        "lineage": config.lineage,
        "notes": notes,
        "device": describe_device(ready.device),
        "versions": {name: version(name) for name in ("clip-browser", "open_clip_torch", "torch")},
    }
