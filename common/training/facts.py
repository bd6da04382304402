"""What a plan is made from and of: the data, the machine, a measured pace, a setting with its reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


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

    def to_dict(self) -> dict[str, Any]:
        """As it goes over the wire."""
        return {"value": self.value, "auto": self.auto, "why": self.why}
