"""What requests about trainings may hold, and the plan's answer."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from api.answers import Answer
from api.schemas import MAX_ID, Body, Key, Request


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


class MetricsQuery(Request):
    """points: at most so many of each series. since: only those written after this one."""

    points: int = Field(2000, ge=3, le=100_000)
    since: int = Field(0, ge=0, le=MAX_ID)


class PlannedSetting(Answer):
    """A setting with where it comes from."""

    value: int | float
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

    source: str
    job_id: str
    device: str
    at: str


class GuideFigures(Answer):
    """The user guide's hours and memory for this model; scaled_hours: for this run's size."""

    hours: list[float]
    memory_gb: float
    images: int
    epochs: int
    scaled_hours: list[float]


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
    estimated_s: float | None
    estimated_from: EstimatedFrom | None
    memory_gb: float | None
    memory_note: str | None
    fit: MemoryLayout | None
    guide: GuideFigures | None
    device: str
    device_name: str
    gpus: int
    lr_curve: list[list[float]]
    warnings: list[str]
    defaults: dict[str, Any]
    defaults_why: str
