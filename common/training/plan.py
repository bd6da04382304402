"""The plan of a training: its data, its machine, its settings with their reasons, what will come of them.

Pure. How a plan is made stands in `common/training/planning.py`, its warnings in `common/training/advice.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from common.models.catalogue import find_model
from common.training.memory import MemoryFit
from common.training.params import source_of, usual_epochs
from common.training.schedule import lr_curve

GUIDE_IMAGES, GUIDE_EPOCHS = 1000, 10  # what the user's guide gives hours for


@dataclass(frozen=True)
class DataSize:
    """How much there is to learn from. rows: of train.csv; images: distinct ones among them."""

    rows: int
    images: int
    val_images: int


@dataclass(frozen=True)
class Pace:
    """A measurement of the same architecture on the same kind of machine.

    source: "run" or "probe". overhead_s: what a job takes besides training (loading, evaluating).
    peak_memory_gb: with batch_size.
    """

    samples_per_second: float
    overhead_s: float = 0.0
    peak_memory_gb: float | None = None
    batch_size: int | None = None
    source: str = "run"
    job_id: str = ""
    device: str = ""
    at: str = ""


@dataclass(frozen=True)
class Machine:
    """What it will run on. memory_gb: of one GPU, None when unknown or on a CPU.

    pace: measured there before, None when this model never ran there. gpus: of one host, as far as
    is known. name: "NVIDIA H100 80GB HBM3", "" when unknown.
    """

    device: str = "cpu"
    memory_gb: float | None = None
    pace: Pace | None = None
    gpus: int | None = None
    name: str = ""


@dataclass(frozen=True)
class Setting:
    """A value with where it comes from."""

    value: Any
    auto: bool
    why: str


@dataclass(frozen=True)
class Guide:
    """The user guide's hours (least, most) and memory for a model; scaled_hours: for this run's size."""

    hours: tuple[float, ...]
    memory_gb: float
    images: int
    epochs: int
    scaled_hours: tuple[float, ...]


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

    @property
    def lr_curve(self) -> list[list[float]]:
        """[[step, learning rate], ...], few enough to draw."""
        return lr_curve(self.lr.value, self.warmup.value, self.steps)

    @property
    def guide(self) -> Guide | None:
        """The user guide's figures, and its hours for as many images and epochs as this run has."""
        known = find_model(self.model)
        if known is None or known.guide_hours is None:
            return None
        share = self.size.images * self.epochs / (GUIDE_IMAGES * GUIDE_EPOCHS)
        return Guide(
            hours=known.guide_hours,
            memory_gb=known.memory_gb,
            images=GUIDE_IMAGES,
            epochs=GUIDE_EPOCHS,
            scaled_hours=tuple(round(hours * share, 2) for hours in known.guide_hours),
        )


def defaults_for(model: str, pretrained: str, size: DataSize) -> tuple[dict[str, Any], str]:
    """(the form's values for this model and data, why)."""
    source = source_of(model, pretrained)
    values = {
        "model": model,
        "pretrained": pretrained,
        "epochs": usual_epochs(source),
        "batch_size": "auto",
        "lr": "auto",
        "warmup": "auto",
    }
    way = "from scratch" if source == "scratch" else "from pretrained weights"
    return values, f"{model} {way} on {size.images:,} images"


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
