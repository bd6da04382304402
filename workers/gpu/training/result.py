"""The end of a training: the model folder with its record, and the job's result."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.errors import InvalidInput
from common.training.plan import TrainPlan
from workers.gpu.data.batches import TrainBatches
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
from workers.gpu.proof.evaluation import Validation
from workers.gpu.proof.recall import RECALLS
from workers.gpu.training.config import TrainConfig
from workers.gpu.training.progress import Progress
from workers.gpu.training.trainer import Trainer
from workers.models.clip_model import LoadedClip
from workers.models.memory import is_out_of_memory

KEPT_BEST = 3


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
    config: TrainConfig, ready: Ready, trainer: Trainer, proof: Proof, began: float
) -> dict[str, Any]:
    """Measure the best weights and write the model folder; the job's result.

    Exit code 0 is not success: there must be steps and weights. Of a run that diverged these are the
    last good weights. Raises InvalidInput, DiskFull.
    """
    state = trainer.state
    if trainer.step == 0:
        raise InvalidInput("The run made no step.", remedy="Use a smaller batch size.")
    best = best_file(config.work_dir, state.best_epoch)
    if not best.is_file():
        save_weights(ready.loaded.model, best)
    found = _prove(config, trainer, proof, best)
    metrics = {
        **_metrics(state, trainer, began),
        **run_facts(config, ready, trainer),
        **found.to_dict(),
    }
    said = [*_outcome_notes(state, trainer), *found.notes]
    for note in said:
        proof.tell(note)
    notes = [*ready.notes, *said]
    folder = write_model_folder(
        config.work_dir / "model",
        folder_name(config.params.name or config.params.model),
        weights=best,
        model_config=_model_config(config, ready),
        preprocess=dict(ready.loaded.model.visual.preprocess_cfg),
        training=_training_record(config, ready, metrics, notes),
        history=state.history,
    )
    return {**metrics, "model_folder": str(folder), "notes": notes, **_model_facts(ready)}


def _prove(config: TrainConfig, trainer: Trainer, proof: Proof, best: Path) -> Findings:
    """What the proof finds; nothing, and a note, where the memory does not suffice for it."""
    state = trainer.state
    try:
        return proof.conclude(
            best_file(config.work_dir, 0),
            best,
            step=trainer.step,
            trained_s=state.trained_s,
            before=state.history[0],
            after=state.best or state.history[-1],
        )
    except Exception as problem:
        if not is_out_of_memory(problem):
            raise
        return Findings(notes=[f"The tuned model was not measured: memory ran out ({problem})."])


def run_facts(config: TrainConfig, ready: Ready, trainer: Trainer) -> dict[str, Any]:
    """How the run was done: device, precision, memory, and whether it ended before its time."""
    peak_gb = peak_memory_gb(ready.device)
    return {
        "device": ready.device,
        "device_name": describe_device(ready.device),
        "precision": ready.precision,
        "gpus": config.params.gpus,
        "peak_memory_gb": peak_gb and round(peak_gb, 2),
        "micro_batch": trainer.rung.micro_batch(trainer.batch_size),
        "accumulation": trainer.rung.accumulation,
        "gradient_checkpointing": trainer.rung.gradient_checkpointing,
        "stopped_early": trainer.stopped_early,
        "diverged": trainer.diverged,
    }


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
    took_s = time.monotonic() - began
    return {
        "best_epoch": state.best_epoch,
        "epochs_done": state.epoch,
        "steps": trainer.step,
        "recall_before": {name: first[name] for name in RECALLS if name in first},
        "recall_after": {name: best[name] for name in RECALLS if name in best},
        "samples_per_second": round(
            trainer.step
            * trainer.batch_size
            * trainer.args.world_size
            / max(state.trained_s, 1e-6),
            1,
        ),
        "trained_s": round(state.trained_s, 2),
        "took_s": round(took_s, 2),
        "overhead_s": round(max(0.0, took_s - state.trained_s), 2),
    }


def _model_facts(ready: Ready) -> dict[str, Any]:
    return {
        "architecture": ready.architecture,
        "parameters": sum(p.numel() for p in ready.loaded.model.parameters()),
        "image_size": input_shape(ready.loaded.model).size,
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
        "lineage": {**config.lineage, "base_model": base_model(ready.plan)},
        "notes": notes,
        "device": describe_device(ready.device),
        "versions": read_versions(),
    }


def base_model(plan: TrainPlan) -> str | None:
    """What a run began with: "<architecture>/<tag>", a model of one's own, or None for random weights."""
    if plan.source == "scratch":
        return None
    return plan.pretrained if plan.source == "own" else f"{plan.model}/{plan.pretrained}"
