"""The images and captions of a training, loaded into memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from common.errors import InvalidInput
from common.training.plan import TrainPlan
from workers.gpu.config import TrainConfig, TrainItem
from workers.gpu.data.batches import InputShape, TrainBatches
from workers.gpu.data.cache import PixelCache, Pixels, decode_all
from workers.gpu.data.reading import MIB, REPORT_EVERY_S, ImageReading
from workers.gpu.data.views import View, decode_view, shrink
from workers.models.clip_model import LoadedClip, cut_text
from workers.models.pixels import open_rgb
from workers.runtime import child_io
from workers.runtime.child_io import Emitter, Stopped

LeftOut = Sequence[tuple[TrainItem, InvalidInput]]


def input_shape(model: Any) -> InputShape:
    """What a model takes, from the preprocessing that open_clip attached to it."""
    config = model.visual.preprocess_cfg
    size = config["size"]
    side = int(size[0] if isinstance(size, (tuple, list)) else size)
    return InputShape(side, tuple(config["mean"]), tuple(config["std"]))


def read_images(
    emitter: Emitter, config: TrainConfig, loaded: LoadedClip, early: ImageReading | None
) -> tuple[ImageReading, list[str]]:
    """(all images of the run, notes): those of `early` if the model takes what was guessed.

    Raises InvalidInput when no training image can be read, Stopped, OSError.
    """
    view = View.from_config(loaded.model.visual.preprocess_cfg)
    if early is not None and early.view == view:
        early.wait(emitter)
        return _checked(emitter, config, early)
    if early is not None:
        early.give_up()

    def decode_val(path: Path) -> Pixels:
        return shrink(loaded, open_rgb(path))

    with ImageReading(config, view, decode_val) as reading:
        reading.wait(emitter)
    return _checked(emitter, config, reading)


def no_images(config: TrainConfig) -> tuple[ImageReading, list[str]]:
    """What a process has that reads none itself: another one lends it the training images."""
    view = View(0)
    return ImageReading(config, view, partial(decode_view, view=view)), []


def _checked(
    emitter: Emitter, config: TrainConfig, reading: ImageReading
) -> tuple[ImageReading, list[str]]:
    if not reading.train:
        raise InvalidInput(
            f"None of the {len(config.train)} training images could be read, first "
            f"{_say_first(reading.left_out['training'])}.",
            remedy="Check that the artifact store still holds the dataset's images.",
        )
    if reading.cache.spilled_bytes:
        emitter.log(
            f"{reading.cache.spilled_bytes / MIB:,.0f} MiB of the images lie in a file, not in memory."
        )
    return reading, [
        *missing_note(len(config.train), reading.left_out["training"], "training"),
        *missing_note(len(config.val), reading.left_out["validation"], "validation"),
    ]


def load_val_images(
    emitter: Emitter, items: Sequence[TrainItem], loaded: LoadedClip
) -> tuple[list[TrainItem], list[Pixels], LeftOut]:
    """(items that could be read, their (S, S, 3) pixels by the model's own preprocessing, the others)."""

    def decode(path: Path) -> Pixels:
        return shrink(loaded, open_rgb(path))

    kept, pixels, left_out = [], [], []
    for item, made in _decoded(emitter, items, decode, "validation"):
        if isinstance(made, InvalidInput):
            left_out.append((item, made))
        else:
            kept.append(item)
            pixels.append(made)
    return kept, pixels, left_out


def _decoded(
    emitter: Emitter,
    items: Sequence[TrainItem],
    decode: Callable[[Path], Pixels],
    part: str,
) -> Iterator[tuple[TrainItem, Pixels | InvalidInput]]:
    """(item, pixels or why there are none) of each item, reporting, ending when a stop is asked for."""
    said = 0.0
    made = decode_all([item.path for item in items], decode)
    for number, (item, pixels) in enumerate(zip(items, made, strict=True), start=1):
        if child_io.stop_event().is_set():
            raise Stopped(epochs_done=0, step=0, resumable=True)
        if time.monotonic() - said >= REPORT_EVERY_S:
            said = time.monotonic()
            emitter.progress(
                0, None, "steps", f"reading {part} images, {number:,} of {len(items):,}"
            )
        yield item, pixels


def missing_note(count: int, left_out: LeftOut, part: str) -> list[str]:
    """What to say of the images that were left out, if any were."""
    if not left_out:
        return []
    return [
        f"{len(left_out)} of {count} {part} images could not be read and were left out, "
        f"first {_say_first(left_out)}."
    ]


def _say_first(left_out: LeftOut) -> str:
    item, problem = left_out[0]
    return f"{item.shown_name} ({problem.message})"


def make_batches(
    items: Sequence[TrainItem],
    cache: PixelCache,
    loaded: LoadedClip,
    shape: InputShape,
    plan: TrainPlan,
    seed: int,
    device: str,
    part: Callable[[int], slice] = slice,
) -> TrainBatches:
    """The training batches over the cached images of `items`, all captions tokenised once.

    part: which examples of a batch are this process's.
    """
    captions = [caption for item in items for caption in item.captions]
    ends = np.cumsum([len(item.captions) for item in items])
    captions_of = [
        range(end - len(item.captions), end) for item, end in zip(items, ends, strict=True)
    ]
    return TrainBatches(
        cache,
        loaded.tokenizer(captions),
        captions_of,
        shape,
        batch_size=int(plan.batch_size.value),
        seed=seed,
        cut=partial(cut_text, loaded.model),
        device=device,
        part=part,
    )
