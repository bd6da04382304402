"""The end of a training: the model folder with its record, and the job's result."""

from __future__ import annotations

import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from common.errors import InvalidInput
from common.train_plan import TrainPlan
from workers.clip_model import LoadedClip
from workers.gpu.batches import TrainBatches
from workers.gpu.devices import describe_device
from workers.gpu.evaluate import Validation
from workers.gpu.model_folder import (
    folder_name,
    read_model_config,
    save_weights,
    write_model_folder,
)
from workers.gpu.train_config import TrainConfig
from workers.gpu.train_data import input_shape
from workers.gpu.trainer import Progress, Trainer

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


def _best_file(work_dir: Path, epoch: int) -> Path:
    return work_dir / f"best_{epoch:05d}.safetensors"


def keep_best(model: Any, work_dir: Path, epoch: int) -> None:
    """Write the weights of the best epoch so far; the one before stays for an older checkpoint."""
    save_weights(model, _best_file(work_dir, epoch))
    for old in sorted(work_dir.glob("best_*.safetensors"))[:-3]:
        old.unlink()


def finish(config: TrainConfig, ready: Ready, trainer: Trainer, began: float) -> dict[str, Any]:
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
        "samples_per_second": round(
            trainer.step * trainer.args.batch_size / max(state.trained_s, 1e-6), 1
        ),
        "trained_s": round(state.trained_s, 2),
        "took_s": round(time.monotonic() - began, 2),
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
        "lineage": config.lineage,
        "notes": notes,
        "device": describe_device(ready.device),
        "versions": {name: version(name) for name in ("clip-browser", "open_clip_torch", "torch")},
    }
