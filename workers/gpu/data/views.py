"""Pixels as a model looks at them, made without torch: reading begins while torch is imported."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from common.models.catalogue import find_model
from workers.gpu.config import TrainConfig
from workers.gpu.data.cache import Pixels
from workers.models.pixels import crop_middle, open_rgb

if TYPE_CHECKING:
    from workers.models.clip_model import LoadedClip  # it imports torch

LOCAL_DIR = "local-dir:"
_INTERPOLATIONS = {
    "bicubic": Image.Resampling.BICUBIC,
    "bilinear": Image.Resampling.BILINEAR,
}


@dataclass(frozen=True)
class View:
    """How a model takes a validation image: side in px, and open_clip's names of the way there."""

    size: int
    interpolation: str = "bicubic"
    resize_mode: str = "shortest"

    @classmethod
    def from_config(cls, preprocess: dict[str, Any]) -> View:
        """Of open_clip's preprocess_cfg. Raises KeyError."""
        size = preprocess["size"]
        return cls(
            int(size[0] if isinstance(size, (tuple, list)) else size),
            str(preprocess.get("interpolation") or "bicubic"),
            str(preprocess.get("resize_mode") or "shortest"),
        )

    @property
    def is_known(self) -> bool:
        """Whether `decode_view` makes it; the model's own preprocessing makes all."""
        return self.resize_mode in ("shortest", "squash") and self.interpolation in _INTERPOLATIONS


def expect_view(config: TrainConfig) -> View | None:
    """What the model will most likely take, before it is loaded; None when nothing tells.

    To be compared with the loaded model's own configuration.
    """
    if not config.base:
        known = find_model(config.params.model)
        return View(known.image_size) if known else None
    try:
        folder = Path(config.base.removeprefix(LOCAL_DIR))
        told = json.loads((folder / "open_clip_config.json").read_text("utf-8"))
        view = View.from_config(
            {"size": told["model_cfg"]["vision_cfg"]["image_size"], **told["preprocess_cfg"]}
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None  # said when the model is loaded
    return view


def decode_view(path: Path, view: View) -> Pixels:
    """(S, S, 3) as open_clip's preprocessing makes it (open_clip/transform.py, torchvision's Resize
    and CenterCrop on Pillow images), to the last bit. Raises InvalidInput for a broken file.
    """
    image = open_rgb(path)
    if view.resize_mode == "shortest":
        image = crop_middle(image)
    how = _INTERPOLATIONS[view.interpolation]
    if view.resize_mode == "squash":
        return np.asarray(image.resize((view.size, view.size), how), dtype=np.uint8)
    short, long = min(image.size), max(image.size)
    longer = int(view.size * long / short)
    wide = image.width > image.height
    size = (longer, view.size) if wide else (view.size, longer)
    if size != image.size:
        image = image.resize(size, how)
    left, top = (round((side - view.size) / 2.0) for side in size)
    return np.asarray(image.crop((left, top, left + view.size, top + view.size)), dtype=np.uint8)


def shrink(loaded: LoadedClip, image: Image.Image) -> npt.NDArray[np.uint8]:
    """(S, S, 3): the image as the model's own preprocessing makes it, before it is normalised."""
    made: Any = image
    for step in loaded.preprocess.transforms[:-2]:  # type: ignore[attr-defined]  # ToTensor, Normalize
        made = step(made)
    return np.asarray(made, dtype=np.uint8)
