"""From a configuration to a model folder: load, train, write. Imports torch."""

from __future__ import annotations

import hashlib
import json
from functools import partial
from pathlib import Path
from typing import Any

from common.errors import TrainingDiverged
from common.models.catalogue import resolve_architecture
from common.training.params import resolve_pretrained
from common.training.plan import DataSize, Machine
from common.training.planning import plan_training
from workers.gpu.config import TrainConfig
from workers.gpu.data.examples import input_shape, make_batches, no_images, read_images
from workers.gpu.data.reading import ImageReading
from workers.gpu.data.skipped import as_skipped
from workers.gpu.devices import (
    choose_precision,
    describe_device,
    free_gpu_memory_gb,
    gpu_memory_gb,
)
from workers.gpu.proof.before_after import Proof, make_evaluator
from workers.gpu.proof.control_set import SAMPLE, make_control_set
from workers.gpu.proof.evaluation import make_validation
from workers.gpu.report.metrics import MetricWriter
from workers.gpu.report.progress import Reports, StepReports
from workers.gpu.report.system_load import SystemLoad
from workers.gpu.training.checkpoints import Checkpoints, CheckpointSaver, disk_full_told
from workers.gpu.training.distributed import Ranks
from workers.gpu.training.epochs import EpochEnd
from workers.gpu.training.loop import train
from workers.gpu.training.memory import BatchLayout, estimate_layout
from workers.gpu.training.optimizer import open_clip_args, seed_everything
from workers.gpu.training.result import finish, keep_best, with_last_good
from workers.gpu.training.run_state import PreparedRun, Run
from workers.models.clip_model import LoadedClip, choose_device, create_clip, cut_text
from workers.models.memory import limit_memory
from workers.runtime import child_io
from workers.runtime.child_io import Emitter


def prepare(
    emitter: Emitter,
    config: TrainConfig,
    weights: Path | None,
    early: ImageReading | None,
    ranks: Ranks,
) -> PreparedRun:
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
    left_out = [each for part in images.left_out.values() for each in part]
    return PreparedRun(
        plan, loaded, architecture, batches, validation, device, precision, notes,
        as_skipped(left_out),
    )  # fmt: skip


def train_to_folder(
    emitter: Emitter, config: TrainConfig, prepared: PreparedRun, began: float, ranks: Ranks
) -> dict[str, Any]:
    """Train, keep the best epoch, write the model folder; the result of the train job.

    {} of all processes but the first, which do nothing else but train.
    Raises child_io.Stopped, TrainingDiverged (its details name the folder of the last good weights,
    if there are any), GpuOutOfMemory, DiskFull.
    """
    checkpoints = Checkpoints(
        config.work_dir / "checkpoints", fingerprint(config, prepared), emitter.log
    )
    with ranks.first_goes_first():  # it removes what cannot be read
        saved = checkpoints.load()
    resumed = saved is not None
    board = config.runs_dir if ranks.first else None
    writer = MetricWriter(emitter, board, _step_of(saved, prepared))
    steps = StepReports(emitter, prepared.plan.steps)
    run = _make_run(emitter, config, prepared, checkpoints, _reports(emitter, writer, steps), ranks)
    if saved is not None:
        run.restore(saved)
        emitter.log(f"Going on after step {run.step} of {run.steps}.")
        del saved  # as large as the model and its moments
    for note in [] if resumed else prepared.notes:
        emitter.note(note)
    if not ranks.first:
        train(run)
        return {}
    proof = _make_proof(emitter, config, prepared, writer)
    end = partial(finish, config, prepared, run, proof, began)
    try:
        with (
            disk_full_told(config.work_dir),
            SystemLoad(emitter, prepared.device, lambda: (writer.step, writer.epoch), steps.pulse),
        ):
            proof.begin(resumed)
            train(run)
            steps.rest()
            return end()
    except TrainingDiverged as problem:
        raise with_last_good(problem, run, end) from problem
    finally:
        writer.close()


def _make_proof(
    emitter: Emitter, config: TrainConfig, prepared: PreparedRun, writer: MetricWriter
) -> Proof:
    evaluator = make_evaluator(
        prepared.loaded, prepared.device, prepared.precision, prepared.validation, emitter.log
    )
    return Proof(emitter, writer, config.work_dir, evaluator, prepared.plan.source == "scratch")


def _reports(emitter: Emitter, writer: MetricWriter, steps: StepReports) -> Reports:
    return Reports(writer, steps.progress, emitter.log, emitter.note, child_io.stop_event().is_set)


def _make_run(
    emitter: Emitter,
    config: TrainConfig,
    prepared: PreparedRun,
    checkpoints: Checkpoints,
    reports: Reports,
    ranks: Ranks,
) -> Run:
    """The run at its beginning."""
    model = prepared.loaded.model
    args = open_clip_args(
        prepared.architecture, config.params, prepared.plan, prepared.device, prepared.precision
    )
    unmeasured = ranks.first and prepared.validation is None
    epoch_end = EpochEnd(
        model,
        prepared.validation,
        reports,
        device=prepared.device,
        precision=prepared.precision,
        keep_best=partial(keep_best, model, config.work_dir),
        cut=partial(cut_text, model),
        patience=config.params.early_stopping,
        sample=make_control_set(prepared.loaded, SAMPLE) if unmeasured else None,
    )
    saver = CheckpointSaver(checkpoints, config.checkpoint_every_s, emitter.saving, emitter.log)
    layout = starting_layout(emitter, config, prepared, ranks)
    return Run(model, prepared.batches, args, epoch_end, saver, reports, layout=layout, ranks=ranks)


def starting_layout(
    emitter: Emitter, config: TrainConfig, prepared: PreparedRun, ranks: Ranks
) -> BatchLayout:
    """How to run a batch at first: as the estimate says for a GPU, as a whole on a CPU; in less memory
    when that did not fit before.
    """
    if config.rung is not None:
        return BatchLayout(*config.rung)
    batch = int(prepared.plan.batch_size.value) // ranks.world_size
    free_gb = free_gpu_memory_gb(prepared.device, config.memory_gb)
    mine: BatchLayout = ranks.share(estimate_layout(config.params.model, batch, free_gb))
    if mine != BatchLayout():
        emitter.log(
            f"{free_gb:.1f} GB of GPU memory are free: beginning with {mine.describe(batch)}."
        )
    return mine


def fingerprint(config: TrainConfig, prepared: PreparedRun) -> str:
    """Tells whether a checkpoint is of this run: same settings, same images and captions."""
    told = {
        "params": config.params.model_dump(exclude={"name", "early_stopping", "gpus"}),
        "base": Path(config.base).name,  # the folder is elsewhere on another machine
        "batch": prepared.plan.batch_size.value,
        "precision": prepared.precision,
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


def _step_of(saved: dict[str, Any] | None, prepared: PreparedRun) -> int | None:
    if saved is None:
        return None
    progress = saved["progress"]
    return int(progress["epoch"]) * prepared.batches.num_batches + int(progress["batches_done"])
