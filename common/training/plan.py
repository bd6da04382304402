"""The plan of a training: what `auto` makes of its settings, and what will come of them.

Pure: the API shows the plan before a run, the training child uses the same one. What may be asked
for stands in `common/training/params.py`, what `auto` makes of it in `common/training/planning.py`, warnings in
`common/training/advice.py`, memory in `common/training/memory.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from common.errors import InvalidInput
from common.models.catalogue import find_model
from common.training.advice import all_warnings
from common.training.facts import DataSize, Machine, Setting
from common.training.memory import MemoryFit, fit_batch
from common.training.params import TrainParams, resolve_pretrained, source_of
from common.training.planning import (
    choose_batch_size,
    choose_epochs,
    choose_lr,
    choose_warmup,
    defaults_for,
    recommended_lr,
)
from common.training.schedule import lr_curve

GUIDE_IMAGES, GUIDE_EPOCHS = 1000, 10  # what the user's guide gives hours for


@dataclass(frozen=True)
class TrainPlan:
    """All that a run will do. `source`: "tag", "scratch" or "own" (a model of the registry).

    fit: how a GPU's share of the batch is laid out, None for an architecture that is not known.
    """

    model: str
    pretrained: str
    source: str
    epoch_setting: Setting
    batch_size: Setting
    lr: Setting
    warmup: Setting
    size: DataSize
    machine: Machine
    gpus: int
    fit: MemoryFit | None
    warnings: tuple[str, ...]

    @property
    def epochs(self) -> int:
        """Passes over the images."""
        return int(self.epoch_setting.value)

    @property
    def steps_per_epoch(self) -> int:
        """Batches in an epoch; each image comes at most once, an incomplete last batch is left out."""
        return self.size.images // int(self.batch_size.value)

    @property
    def steps(self) -> int:
        """Optimizer steps of the whole run."""
        return self.steps_per_epoch * self.epochs

    @property
    def estimated_s(self) -> float | None:
        """Seconds the job will take at the measured pace."""
        pace = self.machine.pace
        if pace is None or pace.samples_per_second <= 0:
            return None
        samples = self.steps * int(self.batch_size.value)
        return round(samples / pace.samples_per_second + pace.overhead_s, 1)

    @property
    def memory_gb(self) -> float | None:
        """GB on each GPU: measured with this batch, else estimated."""
        pace, estimated = self.machine.pace, self.fit.memory_gb if self.fit else None
        if pace and pace.peak_memory_gb and pace.batch_size == self.batch_size.value:
            return pace.peak_memory_gb
        return estimated

    @property
    def memory_note(self) -> str | None:
        """How the batch fits the memory, in a sentence; None where nothing is known."""
        if self.fit is None or self.machine.memory_gb is None:
            return None
        return _memory_note(self.fit, self.machine, self.gpus)

    def to_dict(self) -> dict[str, Any]:
        """The shape of `GET /datasets/{id}/train-plan`."""
        defaults, why = defaults_for(self.model, self.pretrained, self.size)
        return {
            "settings": {
                "model": self.model,
                "pretrained": self.pretrained,
                "epochs": self.epoch_setting.to_dict(),
                "batch_size": self.batch_size.to_dict(),
                "lr": self.lr.to_dict(),
                "warmup": self.warmup.to_dict(),
            },
            "rows": self.size.rows,
            "images": self.size.images,
            "val_images": self.size.val_images,
            "steps": self.steps,
            "steps_per_epoch": self.steps_per_epoch,
            "estimated_s": self.estimated_s,
            "estimated_from": self._estimated_from(),
            "memory_gb": self.memory_gb,
            "memory_note": self.memory_note,
            "fit": self.fit.to_dict() if self.fit else None,
            "guide": self._guide(),
            "device": self.machine.device,
            "device_name": self.machine.name,
            "gpus": self.gpus,
            "lr_curve": lr_curve(self.lr.value, self.warmup.value, self.steps),
            "warnings": list(self.warnings),
            "defaults": defaults,
            "defaults_why": why,
        }

    def _estimated_from(self) -> dict[str, str] | None:
        pace = self.machine.pace
        if pace is None:
            return None
        return {name: getattr(pace, name) for name in ("source", "job_id", "device", "at")}

    def _guide(self) -> dict[str, Any] | None:
        """The user guide's figures, and its hours for as many images and epochs as this run has."""
        known = find_model(self.model)
        if known is None or known.guide_hours is None:
            return None
        share = self.size.images * self.epochs / (GUIDE_IMAGES * GUIDE_EPOCHS)
        return {
            "hours": list(known.guide_hours),
            "memory_gb": known.memory_gb,
            "images": GUIDE_IMAGES,
            "epochs": GUIDE_EPOCHS,
            "scaled_hours": [round(hours * share, 2) for hours in known.guide_hours],
        }


def plan_training(
    params: TrainParams, size: DataSize, machine: Machine, parameters: int | None = None
) -> TrainPlan:
    """What a run with these parameters on this data will do.

    parameters: of an architecture that is not in the catalogue. Raises InvalidInput below 2 images,
    or with fewer images than GPUs.
    """
    _require_images(size, params.gpus)
    pretrained = resolve_pretrained(params.model, params.pretrained)
    source, known = source_of(params.model, pretrained), find_model(params.model)
    epochs = choose_epochs(params, source)
    batch = choose_batch_size(params, size, machine, known)
    steps = size.images // batch.value * epochs.value
    share = batch.value // params.gpus
    fit = fit_batch(known, share, machine.memory_gb) if known else None
    made = TrainPlan(
        params.model, pretrained, source, epochs, batch,
        choose_lr(params, known, source, parameters), choose_warmup(params, steps),
        size, machine, params.gpus, fit, (),
    )  # fmt: skip
    advised = recommended_lr(known, source, parameters)
    return replace(made, warnings=all_warnings(made, params, known, advised))


def _require_images(size: DataSize, gpus: int) -> None:
    has = f"The training part has {size.images} image{'s' if size.images != 1 else ''}"
    if size.images < 2:
        raise InvalidInput(
            f"{has}; contrastive training needs at least 2.",
            remedy="Caption more images, then split again.",
        )
    if size.images < gpus:
        raise InvalidInput(
            f"{has}, and gpus is {gpus}: each GPU needs a part of every batch.",
            remedy=f"Set gpus to {size.images} or fewer.",
        )


def _memory_note(fit: MemoryFit, machine: Machine, gpus: int) -> str:
    """fit: of one GPU, or of one process on the CPU."""
    where = (
        f"of {'each' if gpus > 1 else 'the'} GPU" if machine.device != "cpu" else "allowed to it"
    )
    room = f"the {machine.memory_gb:.0f} GB {where}"
    if not fit.fits:
        return (
            f"Not even single images should fit: {fit.memory_gb:g} GB are needed, more than {room}."
        )
    if fit.accumulation == 1 and not fit.gradient_checkpointing:
        return f"The batch fits {room}."
    means = ["gradient checkpointing"] if fit.gradient_checkpointing else []
    if fit.accumulation > 1:
        means.insert(0, f"{fit.accumulation} micro-batches of {fit.micro_batch}")
    return (
        f"The batch should not fit {room} at once, so it is trained with {' and '.join(means)}: "
        "the same result, more slowly."
    )
