"""From a configuration to a model folder: load, train, write. Imports torch."""

from __future__ import annotations

import hashlib
import json
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from common.errors import ClipBrowserError, DiskFull, GpuOutOfMemory, TrainingDiverged
from common.models.catalogue import CATALOGUE, find_model, resolve_architecture
from common.training.facts import DataSize, Machine
from common.training.memory import fit_batch
from common.training.params import resolve_pretrained
from common.training.plan import plan_training
from workers.gpu.data.examples import input_shape, make_batches, no_images, read_images
from workers.gpu.data.reading import ImageReading
from workers.gpu.devices import (
    choose_precision,
    describe_device,
    free_gpu_memory_gb,
    gpu_memory_gb,
)
from workers.gpu.proof.before_after import Proof, make_scale
from workers.gpu.proof.evaluation import make_validation
from workers.gpu.report.metrics import MetricWriter
from workers.gpu.report.progress import Reports, StepReports
from workers.gpu.report.system_load import SystemLoad
from workers.gpu.training.checkpoints import Checkpoints, is_disk_full
from workers.gpu.training.config import TrainConfig
from workers.gpu.training.distributed import LessMemoryNeeded, Ranks
from workers.gpu.training.memory import Rung
from workers.gpu.training.optimizer import open_clip_args, seed_everything
from workers.gpu.training.progress import Progress
from workers.gpu.training.result import KEPT_BEST, Ready, finish, keep_best
from workers.gpu.training.trainer import Trainer
from workers.models.clip_model import LoadedClip, choose_device, create_clip, cut_text
from workers.models.memory import is_out_of_memory, limit_memory, release_memory
from workers.runtime import child_io
from workers.runtime.child_io import Emitter


def prepare(
    emitter: Emitter,
    config: TrainConfig,
    weights: Path | None,
    early: ImageReading | None,
    ranks: Ranks,
) -> Ready:
    """Load the model; take the images, which `early` has been reading meanwhile.

    Of several processes the first one reads them and measures the model. Raises InvalidInput, Stopped.
    """
    params, device = config.params, ranks.device(choose_device(config.device))
    if config.memory_gb is not None:
        limit_memory(config.memory_gb, device)
    precision = choose_precision(params.precision, device)
    emitter.log(f"Training on {describe_device(device)}, precision {precision}.")
    emitter.progress(0, 1, "steps", "loading the model")
    loaded, architecture = _load_model(config, weights, device, precision)
    shape = input_shape(loaded.model)
    if ranks.first:
        images, missing = read_images(emitter, config, loaded, early)
    else:
        images, missing = no_images(config)
    cache, kept = ranks.share_images(images.cache, images.kept, config.work_dir)
    train, val = [config.train[index] for index in kept], images.val
    size = DataSize(sum(len(item.captions) for item in train), len(train), len(val))
    parameters = sum(each.numel() for each in loaded.model.parameters())
    plan = plan_training(params, size, Machine(device, gpu_memory_gb(device)), parameters)
    notes = [*missing, *plan.warnings, *ranks.caveats(loaded.model)]
    batches = make_batches(train, cache, loaded, shape, plan, params.seed, device, ranks.part)
    captions = [item.captions for item in val]
    validation = make_validation(
        images.val_pixels, captions, loaded.tokenizer, shape, int(plan.batch_size.value)
    )
    return Ready(plan, loaded, architecture, batches, validation, device, precision, notes)


def train(
    emitter: Emitter, config: TrainConfig, ready: Ready, began: float, ranks: Ranks
) -> dict[str, Any]:
    """Train, keep the best epoch, write the model folder; the result of the train job.

    {} of all processes but the first, which do nothing else but train.
    Raises child_io.Stopped, TrainingDiverged (its details name the folder of the last good weights,
    if there are any), GpuOutOfMemory, DiskFull.
    """
    args = open_clip_args(
        ready.architecture, config.params, ready.plan, ready.device, ready.precision
    )
    checkpoints = Checkpoints(
        config.work_dir / "checkpoints", fingerprint(config, ready), emitter.log
    )
    with ranks.first_goes_first():  # it removes what cannot be read
        saved = checkpoints.load()
    resumed = saved is not None
    writer = MetricWriter(emitter, config.runs_dir if ranks.first else None, _step_of(saved, ready))
    steps = StepReports(emitter, ready.plan.steps)
    trainer = Trainer(
        ready.loaded.model,
        ready.batches,
        ready.validation,
        args,
        checkpoints,
        Reports(
            writer,
            steps.progress,
            emitter.log,
            emitter.note,
            child_io.stop_event().is_set,
            emitter.saving,
        ),
        keep_best=partial(keep_best, ready.loaded.model, config.work_dir),
        cut=partial(cut_text, ready.loaded.model),
        patience=config.params.early_stopping,
        checkpoint_every_s=config.checkpoint_every_s,
        rung=starting_rung(emitter, config, ready, ranks),
        ranks=ranks,
    )
    if saved is not None:
        trainer.restore(saved)
        emitter.log(f"Going on after step {trainer.step} of {trainer.steps}.")
        del saved  # as large as the model and its moments
    for note in [] if resumed else ready.notes:
        emitter.note(note)
    if not ranks.first:
        trainer.run()
        return {}
    scale = make_scale(ready.loaded, ready.device, ready.precision, ready.validation, emitter.log)
    proof = Proof(emitter, writer, config.work_dir, scale, ready.plan.source == "scratch")
    end = partial(finish, config, ready, trainer, proof, began)
    try:
        with (
            disk_full_told(config),
            SystemLoad(emitter, ready.device, lambda: (writer.step, writer.epoch), steps.pulse),
        ):
            proof.begin(resumed)
            trainer.run()
            steps.rest()
            return end()
    except TrainingDiverged as problem:
        raise with_last_good(problem, trainer, end) from problem
    finally:
        writer.close()


def starting_rung(emitter: Emitter, config: TrainConfig, ready: Ready, ranks: Ranks) -> Rung:
    """How to run a batch at first: as the estimate says for a GPU, as a whole on a CPU; in less memory
    when that did not fit before.
    """
    if config.rung is not None:
        return Rung(*config.rung)
    batch = int(ready.plan.batch_size.value) // ranks.world_size
    mine: Rung = ranks.share(_estimated_rung(emitter, config, ready.device, batch))
    return mine


def _estimated_rung(emitter: Emitter, config: TrainConfig, device: str, batch: int) -> Rung:
    known = find_model(config.params.model)
    free_gb = free_gpu_memory_gb(device, config.memory_gb)
    if known is None or free_gb is None:
        return Rung()
    fit = fit_batch(known, batch, free_gb)
    rung = Rung(fit.accumulation, fit.gradient_checkpointing)
    if rung != Rung():
        emitter.log(
            f"{free_gb:.1f} GB of GPU memory are free: beginning with {rung.describe(batch)}."
        )
    return rung


def with_last_good(
    problem: TrainingDiverged, trainer: Trainer, end: Callable[[], dict[str, Any]]
) -> TrainingDiverged:
    """The error of a run that diverged, after the last good weights were made a model folder.

    Its details: {"best_epoch": n, "model_folder": path}, both None when no epoch was any good.
    """
    release_memory()
    details: dict[str, Any] = {"best_epoch": None, "model_folder": None}
    kept = "No epoch before was better than the untuned model, so no weights were kept."
    for record in _good_epochs(trainer.state):
        trainer.state.best = record
        try:
            folder = end()["model_folder"]
        except TrainingDiverged:  # never measured, as there are no validation images
            continue
        details = {"best_epoch": record["epoch"], "model_folder": folder}
        kept = f"The last good weights, those of epoch {record['epoch']}, were kept as a model."
        break
    return TrainingDiverged(f"{problem.message} {kept}", remedy=problem.remedy, details=details)


def _good_epochs(state: Progress) -> list[dict[str, Any]]:
    """Records of the epochs from 1 whose weights may be good, the best first."""
    best = [state.best] if state.best else []
    unmeasured = [] if any("t2i_r1" in each for each in best) else state.history[-KEPT_BEST:]
    return [each for each in [*best, *reversed(unmeasured)] if each["epoch"] > 0]


@contextmanager
def disk_full_told(config: TrainConfig) -> Iterator[None]:
    """Turns what a full disk raises, in many libraries' words, into DiskFull."""
    try:
        yield
    except Exception as problem:
        if isinstance(problem, ClipBrowserError) or not is_disk_full(problem):
            raise
        raise DiskFull(
            f"No space left on the disk of {config.work_dir} for the trained model."
        ) from problem


@contextmanager
def memory_shortage_told(config: TrainConfig) -> Iterator[None]:
    """Turns what is raised when memory runs out into GpuOutOfMemory with what would fit."""
    try:
        yield
    except LessMemoryNeeded as problem:
        rung = [problem.rung.accumulation, problem.rung.gradient_checkpointing]
        raise GpuOutOfMemory(
            "A step of the run did not fit the memory of one of its GPUs.", details={"rung": rung}
        ) from problem
    except Exception as problem:
        if not is_out_of_memory(problem):
            raise
        traceback.print_exc()  # where it ran out: for the log
        raise out_of_memory(config, choose_device(config.device)) from problem


def out_of_memory(config: TrainConfig, device: str) -> GpuOutOfMemory:
    """The error of a training for which not even single images fit, with what should fit."""
    on_gpu = device != "cpu"
    total_gb = gpu_memory_gb(device) or psutil.virtual_memory().total / 1e9
    room_gb = min(total_gb, config.memory_gb or total_gb)
    where = "of GPU memory" if on_gpu else "of memory"
    known = find_model(config.params.model)
    smaller = [
        each
        for each in CATALOGUE
        if (known is None or each.parameters < known.parameters)
        and fit_batch(each, 1, room_gb).fits
    ]
    ways = []
    if smaller:
        best = max(smaller, key=lambda each: each.parameters)
        ways.append(f"train {best.name}, which should fit")
    if config.memory_gb is not None and config.memory_gb < total_gb:
        ways.append("allow more memory (CLIP_BROWSER_TRAIN_MEMORY_GB)")
    ways.append(f"close other programs that use this {'GPU' if on_gpu else 'machine'}")
    remedy = ", or ".join(ways) + "."
    return GpuOutOfMemory(
        f"{config.params.model} does not fit the {room_gb:.1f} GB {where}, not even with one image at "
        "a time and gradient checkpointing.",
        remedy=remedy[0].upper() + remedy[1:],
    )


def fingerprint(config: TrainConfig, ready: Ready) -> str:
    """Tells whether a checkpoint is of this run: same settings, same images and captions."""
    told = {
        "params": config.params.model_dump(exclude={"name", "early_stopping", "gpus"}),
        "base": Path(config.base).name,  # the folder is elsewhere on another machine
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
    loaded = create_clip(
        config.base or architecture, weights, tag=tag, device=device, precision=precision
    )
    seed_everything(params.seed)
    return loaded, architecture


def _step_of(saved: dict[str, Any] | None, ready: Ready) -> int | None:
    if saved is None:
        return None
    progress = saved["progress"]
    return int(progress["epoch"]) * ready.batches.num_batches + int(progress["batches_done"])
