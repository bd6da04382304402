"""A blend in a process of its own: `python -m workers.gpu.models.blend_child CONFIG.json`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, Field

from common.errors import GpuOutOfMemory
from workers.gpu.config import TrainItem
from workers.gpu.data.examples import LeftOut, input_shape, load_val_images, missing_note
from workers.gpu.data.host_memory import limited_to_free
from workers.gpu.data.skipped import as_skipped
from workers.gpu.devices import choose_precision, describe_device
from workers.gpu.models.code_version import read_versions
from workers.gpu.models.folder import (
    folder_name,
    read_model_config,
    save_weights,
    write_model_folder,
)
from workers.gpu.proof.before_after import Evaluator, end_if_asked, make_evaluator
from workers.gpu.proof.blends import interpolate
from workers.gpu.proof.evaluation import Validation, make_validation
from workers.gpu.proof.recall import RECALLS
from workers.models.clip_model import LoadedClip, choose_device, load_clip
from workers.models.memory import is_out_of_memory
from workers.models.source import ModelSource
from workers.runtime import child_io
from workers.runtime.child_io import Emitter

STAGES = 4


class BlendConfig(BaseModel):
    """A whole blend. tuned, base: `ModelSource`s as dicts; val: what to measure with, may be empty.

    training, history: of the tuned model's training.json and metrics.jsonl.
    """

    model_config = ConfigDict(extra="forbid")

    job_id: str
    name: str
    alpha: float = Field(ge=0, le=1)
    tuned: dict[str, str]
    base: dict[str, str]
    val: list[TrainItem] = []
    training: dict[str, Any]
    history: list[dict[str, Any]] = []
    work_dir: Path
    device: str = "auto"


def run(emitter: Emitter, raw: dict[str, Any]) -> dict[str, Any]:
    """Blend, measure and write the model folder; the result of the blend job.

    Raises NotFound, InvalidInput when one of the models cannot be had or does not fit the other,
    GpuOutOfMemory, child_io.Stopped.
    """
    config = BlendConfig.model_validate(raw)
    device = choose_device(config.device)
    try:
        with limited_to_free(device):
            return _blend(emitter, config, device)
    except Exception as problem:
        if not is_out_of_memory(problem):
            raise
        raise GpuOutOfMemory(
            f"{config.training['architecture']} does not fit into the memory of {device}."
        ) from problem


def _blend(emitter: Emitter, config: BlendConfig, device: str) -> dict[str, Any]:
    emitter.progress(0, STAGES, "stages", "loading the untuned model")
    base = _load(emitter, config.base, "cpu").model.state_dict()
    end_if_asked()
    emitter.progress(1, STAGES, "stages", "loading the tuned model")
    tuned = _load(emitter, config.tuned, "cpu")
    state = interpolate(base, tuned.model.state_dict(), config.alpha)
    end_if_asked()
    emitter.progress(2, STAGES, "stages", "reading the validation images")
    evaluator, left_out = _make_evaluator(emitter, config, tuned, device)
    figures = _figures(emitter, config, evaluator, base, state)
    emitter.progress(STAGES, STAGES, "stages", "writing the model")
    weights = config.work_dir / "blend.safetensors"
    save_weights(tuned.model, weights)
    notes = [*missing_note(len(config.val), left_out, "validation"), *_notes(config, figures)]
    return {**_write(config, tuned, device, weights, figures, notes), **as_skipped(left_out)}


def _load(emitter: Emitter, source: dict[str, str], device: str) -> LoadedClip:
    found = ModelSource(**source)
    return load_clip(
        found.reference, weights_dir=Path(found.weights_dir), device=device, log=emitter.log
    )


def _make_evaluator(
    emitter: Emitter, config: BlendConfig, tuned: LoadedClip, device: str
) -> tuple[Evaluator, LeftOut]:
    items, pixels, left_out = load_val_images(emitter, config.val, tuned)
    validation: Validation | None = make_validation(
        pixels,
        [item.captions for item in items],
        tuned.tokenizer,
        input_shape(tuned.model),
        batch_size=max(1, len(items)),
    )
    tuned.model.to(device)
    asked = str((config.training.get("params") or {}).get("precision") or "auto")
    precision = choose_precision(asked, device) if device != "cpu" else "fp32"
    return make_evaluator(tuned, device, precision, validation, emitter.log), left_out


def _figures(
    emitter: Emitter,
    config: BlendConfig,
    evaluator: Evaluator,
    base: dict[str, torch.Tensor],
    state: dict[str, torch.Tensor],
) -> dict[str, Any]:
    """The blend's metrics, before as measured at the training; leaves the blend in the model."""
    emitter.progress(3, STAGES, "stages", "measuring the blend")
    known = config.training.get("metrics") or {}
    before = (known.get("forgetting") or {}).get("before")
    if before is None:
        evaluator.loaded.model.load_state_dict(base)
        before = evaluator.on_control_set(end_if_asked)
    evaluator.loaded.model.load_state_dict(state)
    after = evaluator.on_control_set(end_if_asked)
    measured = evaluator.validation is not None
    recall = evaluator.on_validation(end_if_asked) if measured else _known_recall(config)
    return {
        **{key: value for key, value in known.items() if key not in ("blends", "best_alpha")},
        "recall_before": known.get("recall_before") or {},
        "recall_after": recall,
        "forgetting": {"images": len(evaluator.control_set), "before": before, "after": after},
        "measured": measured,
    }


def _known_recall(config: BlendConfig) -> dict[str, float]:
    """What the training itself measured at this alpha; {} when it did not."""
    for blend in (config.training.get("metrics") or {}).get("blends") or []:
        if abs(blend["alpha"] - config.alpha) < 1e-9:
            return {name: blend[name] for name in RECALLS}
    return {}


def _notes(config: BlendConfig, figures: dict[str, Any]) -> list[str]:
    if figures["measured"]:
        return []
    if figures["recall_after"]:
        return [
            "The validation images of the training are gone: its recall is what the training measured."
        ]
    return ["The validation images of the training are gone, so its recall was not measured."]


def _write(
    config: BlendConfig,
    tuned: LoadedClip,
    device: str,
    weights: Path,
    figures: dict[str, Any],
    notes: list[str],
) -> dict[str, Any]:
    old = config.training
    measured = {key: value for key, value in figures.items() if key != "measured"}
    folder = write_model_folder(
        config.work_dir / "model",
        folder_name(config.name),
        weights=weights,
        model_config=read_model_config(tuned.architecture),
        preprocess=dict(tuned.model.visual.preprocess_cfg),
        training={
            **old,
            "job_id": config.job_id,
            "metrics": measured,
            "lineage": {
                **(old.get("lineage") or {}),
                "base_model": config.base["model_id"],
                "blend_of": config.tuned["model_id"],
                "alpha": config.alpha,
            },
            "notes": notes,
            "device": describe_device(device),
            "versions": read_versions(),
        },
        history=config.history,
    )
    return {
        "model_folder": str(folder),
        "alpha": config.alpha,
        **figures["recall_after"],
        **{key: figures[key] for key in ("recall_before", "recall_after", "forgetting")},
        "measured": figures["measured"],
        "notes": notes,
    }


if __name__ == "__main__":
    child_io.main(run)
