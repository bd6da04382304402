"""What a training makes a model forget: recall on pictures of everyday things that no run learns from.

Fine-tuning a CLIP model costs some of what it knew beyond its new data (Wortsman et al. 2022, "Robust
fine-tuning of zero-shot models"). So the same 200 named pictures, the control set (people read "the probe"), are searched before
and after.
Where they are from stands in `control_pictures/README.md`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from PIL import Image

from workers.gpu.data.examples import input_shape
from workers.gpu.data.views import shrink
from workers.gpu.proof.evaluation import Validation, make_validation
from workers.models.clip_model import LoadedClip

FOLDER = Path(__file__).parent / "control_pictures"
TEMPLATE = "a picture of {}"
FIGURES = ("t2i_r1", "t2i_r5", "i2t_r1", "i2t_r5")
SERIES = "forgetting/t2i_r1"
SAMPLE = 16  # of the pictures: they show whether a model embeds at all


def read_pictures() -> Iterator[tuple[str, Image.Image]]:
    """(name with its article, 64 x 64 RGB picture) of everything in the control set."""
    listed = json.loads((FOLDER / "pictures.json").read_text("utf-8"))
    side, columns = listed["side"], listed["columns"]
    with Image.open(FOLDER / "pictures.webp") as opened:
        sheet = opened.convert("RGB")
    for place, item in enumerate(listed["items"]):
        left, top = place % columns * side, place // columns * side
        yield item["name"], sheet.crop((left, top, left + side, top + side))


def make_control_set(loaded: LoadedClip, count: int | None = None) -> Validation:
    """The control set as this model takes it: its own preprocessing, one caption a picture.

    count: only so many of its pictures.
    """
    pictures = list(islice(read_pictures(), count))
    made = make_validation(
        [shrink(loaded, picture) for _, picture in pictures],
        [[TEMPLATE.format(name)] for name, _ in pictures],
        loaded.tokenizer,
        input_shape(loaded.model),
        batch_size=len(pictures),
    )
    assert made is not None  # the control set has pictures
    return made


def kept_figures(measured: dict[str, float]) -> dict[str, float]:
    """Those of an evaluation's figures that tell about forgetting."""
    return {name: measured[name] for name in FIGURES}


def say_forgetting(forgetting: dict[str, Any]) -> str:
    """One sentence for people. forgetting: {"before": figures, "after": figures, ...}."""
    before, after = (round(100 * forgetting[when]["t2i_r1"]) for when in ("before", "after"))
    if before == after:
        return f"General knowledge: recall on the probe stayed at {after} %."
    way = "fell" if after < before else "rose"
    return f"General knowledge: recall on the probe {way} from {before} % to {after} %."
