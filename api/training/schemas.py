"""Trainings, their plans and sweeps: what requests and answers hold."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from api.answer import Answer, Number
from api.jobs.schemas import JobOut
from api.request import Body, Key, OptionalBody, Request

SWEEP_RUNS = 2, 8


def _distinct(rates: list[float]) -> list[float]:
    if len(set(rates)) != len(rates):
        raise ValueError("a learning rate is named twice")
    return rates


Rate = Annotated[float, Field(gt=0, le=1)]
Rates = Annotated[
    list[Rate],
    Field(min_length=SWEEP_RUNS[0], max_length=SWEEP_RUNS[1]),
    AfterValidator(_distinct),
]


class TrainPlanQuery(Request):
    """The fields of the training form as texts; what is left out is the default."""

    model: Key | None = None
    pretrained: str | None = Field(None, max_length=160)
    epochs: str | None = Field(None, max_length=40)
    batch_size: str | None = Field(None, max_length=40)
    lr: str | None = Field(None, max_length=40)
    warmup: str | None = Field(None, max_length=40)
    weight_decay: str | None = Field(None, max_length=40)
    precision: str | None = Field(None, max_length=40)
    seed: str | None = Field(None, max_length=40)
    early_stopping: str | None = Field(None, max_length=40)
    gpus: str | None = Field(None, max_length=40)


class NewProbe(Body):
    """The params of a train job whose pace and memory are to be measured."""

    params: dict[str, Any] = Field(default_factory=dict)


class Clone(OptionalBody):
    """What differs from the job that is cloned; null takes the default."""

    params: dict[str, Any] = Field(default_factory=dict)


class NewSweep(Body):
    """Trainings that differ in the learning rate alone. auto: a third of auto's, auto's, three times."""

    params: dict[str, Any] = Field(default_factory=dict)
    lr: Rates | Literal["auto"] = "auto"


class PlannedSetting(Answer):
    """A setting with where it comes from."""

    value: Number
    auto: bool
    why: str


class PlannedSettings(Answer):
    """What the run would be started with."""

    model: str
    pretrained: str
    epochs: PlannedSetting
    batch_size: PlannedSetting
    lr: PlannedSetting
    warmup: PlannedSetting


class EstimatedFrom(Answer):
    """The run or probe by which the time is told."""

    source: Literal["run", "probe"]
    job_id: str
    device: str
    at: str


class GuideFigures(Answer):
    """The user guide's hours and memory for this model; scaled_hours: for this run's size."""

    hours: list[Number]
    memory_gb: Number
    images: int
    epochs: int
    scaled_hours: list[Number]


class MemoryLayout(Answer):
    """How a GPU's share of the batch fits the memory."""

    micro_batch: int
    accumulation: int
    gradient_checkpointing: bool
    fits: bool


class TrainPlanOut(Answer):
    """What a training with these settings would do."""

    settings: PlannedSettings
    rows: int
    images: int
    val_images: int
    steps: int
    steps_per_epoch: int
    estimated_s: Number | None
    estimated_from: EstimatedFrom | None
    memory_gb: Number | None
    memory_note: str | None
    fit: MemoryLayout | None
    guide: GuideFigures | None
    device: str
    device_name: str
    gpus: int
    lr_curve: list[tuple[int, Number]]
    warnings: list[str]
    defaults: dict[str, Number | str]
    defaults_why: str


class SweepOut(Answer):
    """The runs of a sweep; group_id stands in each."""

    group_id: str
    jobs: list[JobOut]
