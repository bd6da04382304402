"""The end of a training: the model folder with its record, and the job's result."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from common.errors import InvalidInput, TrainingDiverged
from common.training.plan import TrainPlan
from workers.gpu.config import TrainConfig
from workers.gpu.data.examples import input_shape
from workers.gpu.devices import describe_device, peak_memory_gb
from workers.gpu.models.code_version import read_versions
from workers.gpu.models.folder import (
    folder_name,
    read_model_config,
    save_weights,
    write_model_folder,
)
from workers.gpu.proof.before_after import Findings, Proof
from workers.gpu.proof.recall import RECALLS
from workers.gpu.training.epochs import Progress
from workers.gpu.training.run_state import PreparedRun, Run
from workers.models.memory import is_out_of_memory, release_memory

KEPT_BEST = 3


def best_file(work_dir: Path, epoch: int) -> Path:
    """Where the weights of an epoch lie that was the best one; those of epoch 0 stay."""
    return work_dir / f"best_{epoch:05d}.safetensors"


def keep_best(model: Any, work_dir: Path, epoch: int) -> None:
    """Write the weights of the best epoch so far.

    Those before stay for an older checkpoint, the untuned ones (epoch 0) for the blends.
    """
    save_weights(model, best_file(work_dir, epoch))
    for old in sorted(work_dir.glob("best_*.safetensors"))[1:-KEPT_BEST]:
        old.unlink()


def finish(
    config: TrainConfig, prepared: PreparedRun, run: Run, proof: Proof, began: float
) -> dict[str, Any]:
    """Measure the best weights and write the model folder; the job's result.

    Exit code 0 is not success: there must be steps and weights. Of a run that diverged these are the
    last good weights. Raises InvalidInput, DiskFull.
    """
    progress = run.progress
    if run.step == 0:
        raise InvalidInput("The run made no step.", remedy="Use a smaller batch size.")
    best = best_file(config.work_dir, progress.best_epoch)
    if not best.is_file():
        save_weights(prepared.loaded.model, best)
    found = _prove(config, run, proof, best)
    metrics = {
        **_metrics(run, began),
        **_run_facts(config, prepared, run),
        **found.to_dict(),
    }
    said = [*_outcome_notes(run), *found.notes]
    for note in said:
        proof.tell(note)
    notes = [*prepared.notes, *said]
    folder = write_model_folder(
        config.work_dir / "model",
        folder_name(config.params.name or config.params.model),
        weights=best,
        model_config=_model_config(config, prepared),
        preprocess=dict(prepared.loaded.model.visual.preprocess_cfg),
        training=_training_record(config, prepared, metrics, notes),
        history=progress.history,
    )
    return {
        **metrics, "model_folder": str(folder), "notes": notes, **_model_facts(prepared),
        **prepared.skipped,
    }  # fmt: skip


def _prove(config: TrainConfig, run: Run, proof: Proof, best: Path) -> Findings:
    """What the proof finds; nothing, and a note, where the memory does not suffice for it."""
    progress = run.progress
    try:
        return proof.conclude(
            best_file(config.work_dir, 0),
            best,
            step=run.step,
            trained_s=progress.trained_s,
            before=progress.history[0],
            after=progress.best or progress.history[-1],
        )
    except Exception as problem:
        if not is_out_of_memory(problem):
            raise
        return Findings(notes=[f"The tuned model was not measured: memory ran out ({problem})."])


def _run_facts(config: TrainConfig, prepared: PreparedRun, run: Run) -> dict[str, Any]:
    """How the run was done: device, precision, memory, and whether it ended before its time."""
    peak_gb = peak_memory_gb(prepared.device)
    return {
        "device": prepared.device,
        "device_name": describe_device(prepared.device),
        "precision": prepared.precision,
        "gpus": config.params.gpus,
        "peak_memory_gb": peak_gb and round(peak_gb, 2),
        "micro_batch": run.layout.micro_batch(run.batch_size),
        "accumulation": run.layout.accumulation,
        "gradient_checkpointing": run.layout.gradient_checkpointing,
        "stopped_early": run.stopped_early,
        "diverged": run.diverged,
    }


def _model_config(config: TrainConfig, prepared: PreparedRun) -> dict[str, Any]:
    made = read_model_config(config.base or prepared.architecture)
    return {**made, "quick_gelu": bool(made.get("quick_gelu", False))}


def _outcome_notes(run: Run) -> list[str]:
    progress = run.progress
    if progress.best is None or "t2i_r1" not in progress.best:
        return []
    if progress.best_epoch == 0:
        return [
            "No epoch was better than the untuned model, so its weights were kept. Try a lower learning "
            "rate, more images or more varied captions."
        ]
    if progress.best_epoch < progress.epoch:
        return [f"Epoch {progress.best_epoch} of {run.args.epochs} was the best, and was kept."]
    return []


def _metrics(run: Run, began: float) -> dict[str, Any]:
    progress = run.progress
    first, best = (progress.history[0] if progress.history else {}), progress.best or {}
    took_s = time.monotonic() - began
    return {
        "best_epoch": progress.best_epoch,
        "epochs_done": progress.epoch,
        "steps": run.step,
        "recall_before": {name: first[name] for name in RECALLS if name in first},
        "recall_after": {name: best[name] for name in RECALLS if name in best},
        "samples_per_second": round(
            run.step * run.batch_size * run.args.world_size / max(progress.trained_s, 1e-6),
            1,
        ),
        "trained_s": round(progress.trained_s, 2),
        "took_s": round(took_s, 2),
        "overhead_s": round(max(0.0, took_s - progress.trained_s), 2),
    }


def _model_facts(prepared: PreparedRun) -> dict[str, Any]:
    return {
        "architecture": prepared.architecture,
        "parameters": sum(p.numel() for p in prepared.loaded.model.parameters()),
        "image_size": input_shape(prepared.loaded.model).size,
        "embed_dim": int(read_model_config(prepared.loaded.architecture)["embed_dim"]),
    }


def _training_record(
    config: TrainConfig, prepared: PreparedRun, metrics: dict[str, Any], notes: list[str]
) -> dict[str, Any]:
    """The content of training.json."""
    return {
        "job_id": config.job_id,
        "params": {
            **config.params.model_dump(),
            "pretrained": prepared.plan.pretrained,
            "epochs": prepared.plan.epochs,
            "batch_size": prepared.plan.batch_size.value,
            "lr": prepared.plan.lr.value,
            "warmup": prepared.plan.warmup.value,
            "precision": prepared.precision,
        },
        **_model_facts(prepared),
        "pretrained": prepared.plan.pretrained,
        "data": {
            "rows": prepared.plan.size.rows,
            "images": prepared.plan.size.images,
            "val_images": prepared.plan.size.val_images,
        },
        "metrics": metrics,
        "lineage": {**config.lineage, "base_model": base_model(prepared.plan)},
        "notes": notes,
        "device": describe_device(prepared.device),
        "versions": read_versions(),
    }


def base_model(plan: TrainPlan) -> str | None:
    """What a run began with: "<architecture>/<tag>", a model of one's own, or None for random weights."""
    if plan.source == "scratch":
        return None
    return plan.pretrained if plan.source == "own" else f"{plan.model}/{plan.pretrained}"


def with_last_good(
    problem: TrainingDiverged, run: Run, end: Callable[[], dict[str, Any]]
) -> TrainingDiverged:
    """The error of a run that diverged, after the last good weights were made a model folder.

    Its details: {"best_epoch": n, "model_folder": path}, both None when no epoch was any good.
    """
    run.diverged = True
    release_memory()
    details: dict[str, Any] = {"best_epoch": None, "model_folder": None}
    measured = _is_measured(run.progress.history)
    which = "was better than the untuned model" if measured else "left a model that is of use"
    kept = f"No epoch before {which}, so no weights were kept."
    for record in _good_epochs(run.progress):
        run.progress.best = record
        try:
            folder = end()["model_folder"]
        except TrainingDiverged:  # never measured, as there are no validation images
            continue
        details = {"best_epoch": record["epoch"], "model_folder": folder}
        kept = f"The last good weights, those of epoch {record['epoch']}, were kept as a model."
        break
    return TrainingDiverged(f"{problem.message} {kept}", remedy=problem.remedy, details=details)


def _good_epochs(progress: Progress) -> list[dict[str, Any]]:
    """Records of the epochs from 1 whose weights may be good, the best first."""
    best = [progress.best] if progress.best else []
    unmeasured = [] if _is_measured(best) else progress.history[-KEPT_BEST:]
    return [each for each in [*best, *reversed(unmeasured)] if each["epoch"] > 0]


def _is_measured(records: list[dict[str, Any]]) -> bool:
    """Whether there were validation images to measure any of these epochs by."""
    return any("t2i_r1" in each for each in records)
