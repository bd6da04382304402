"""What a training child, or one that measures the pace, is told: the JSON file that is its argument."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from common.training.params import TrainParams


class TrainItem(BaseModel):
    """An image and all its captions. name: what people call it, where that is known."""

    path: Path
    captions: list[str] = Field(min_length=1)
    name: str = ""

    @property
    def shown_name(self) -> str:
        """What to call it before people."""
        return self.name or self.path.name


class TrainConfig(BaseModel):
    """A whole training.

    params: as in the job. base: what to begin with: "" for params.pretrained as it stands (a tag or
    ""), or "local-dir:<folder>" of a model tuned here. runs_dir: for TensorBoard's files.
    image_cache_mib: images kept in memory, the rest in a file. lineage: copied to training.json.
    memory_gb: of the GPU, or of the machine without one, that it may take; None for all there is.
    rung: the layout of a batch (accumulation, gradient checkpointing) to begin with, when more did not
    fit before.
    """

    model_config = ConfigDict(extra="forbid")

    job_id: str
    params: TrainParams
    base: str = ""
    train: list[TrainItem]
    val: list[TrainItem] = []
    work_dir: Path
    runs_dir: Path
    weights_dir: Path
    device: str = "auto"
    image_cache_mib: int = Field(4096, ge=0)
    checkpoint_every_s: float = Field(60.0, ge=0)
    memory_gb: float | None = Field(None, gt=0)
    rung: tuple[int, bool] | None = None
    lineage: dict[str, Any] = {}

    @property
    def rows(self) -> int:
        """Rows of train.csv."""
        return sum(len(item.captions) for item in self.train)


class PaceConfig(BaseModel):
    """What a pace measurement is told. base: "local-dir:<folder>" of a model of the registry, else ""."""

    model_config = ConfigDict(extra="forbid")

    params: TrainParams
    base: str = ""
    work_dir: Path
    device: str = "auto"
    memory_gb: float | None = None
