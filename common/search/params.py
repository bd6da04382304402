"""What the jobs may be asked for that make images findable."""

from __future__ import annotations

from common.jobs.params import ModelId, Params, Seed


class IndexParams(Params):
    """The model to embed the images with; left out: the one that was trained last, if any."""

    model: ModelId | None = None


class MapParams(Params):
    """The model whose index is drawn; left out: the one indexed last."""

    model: ModelId | None = None
    seed: Seed = 0
