"""What the jobs are asked for that make a model without training."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class BlendParams(BaseModel):
    """What a blend job is asked for. alpha: 0 (untuned) to 1 (tuned)."""

    model_config = ConfigDict(extra="forbid")

    model: str = Field(max_length=160)
    alpha: float = Field(ge=0, le=1, allow_inf_nan=False)
    name: str | None = Field(None, max_length=60)


class ImportModelParams(BaseModel):
    """What an import is asked for. upload_key: of the zip in the store."""

    model_config = ConfigDict(extra="forbid")

    upload_key: str = Field(min_length=1, max_length=700)
    name: str | None = Field(None, max_length=60)
