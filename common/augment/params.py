"""What an augment job may be asked for."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from common.augment.synonym_map import MAX_PER_CAPTION
from common.jobs.params import Params, Seed


class AugmentParams(Params):
    """Variants for each training caption: by synonyms, or by a language model on the GPU queue."""

    method: Literal["synonyms", "llm"] = "synonyms"
    per_caption: int = Field(3, ge=1, le=MAX_PER_CAPTION)
    seed: Seed = 0
    llm_model: str | None = Field(None, min_length=1, max_length=300)
