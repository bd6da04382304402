"""Images and captions to train on for the measurement: the sample's pictures as large photographs.

Flat pictures decode too fast: each gets noise of all scales, like a photograph's, and then costs
what a photograph of that size costs. The noise hides nothing a caption speaks of.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from workers.cpu.images.sample import draw_sample

FORMS = ("{}", "a picture of {}", "a photo that shows {}", "there is {} here")
NOISE = 9.0  # standard deviation, of 255
QUALITY = 90
SMALL_PX = 64  # at this size noise would drown the picture, and decoding costs nothing anyway


@dataclass(frozen=True)
class TrainSet:
    """Images with four captions each; `val` is measured with and not trained on."""

    train: list[tuple[Path, list[str]]]
    val: list[tuple[Path, list[str]]]

    @property
    def pairs(self) -> int:
        """Image-caption pairs to train on."""
        return sum(len(captions) for _, captions in self.train)

    @property
    def mean_kib(self) -> float:
        """Size of a training image."""
        return sum(path.stat().st_size for path, _ in self.train) / len(self.train) / 1024


def draw_set(folder: Path, size: tuple[int, int], images: int, val_images: int) -> TrainSet:
    """Write JPEG files of `size` (width, height) into `folder`, always the same ones."""
    folder.mkdir(parents=True, exist_ok=True)
    noise = _noise(size)
    rng = np.random.default_rng(0)
    made = []
    for each in draw_sample(images + val_images, seed=1):
        path = folder / f"{Path(each.filename).stem}.jpg"
        picture = _enlarged(each.png, size)
        if min(size) > SMALL_PX:
            shifts = (int(rng.integers(size[1])), int(rng.integers(size[0])))
            picture = np.clip(picture + np.roll(noise, shifts, (0, 1))[..., None], 0, 255)
        Image.fromarray(picture.astype(np.uint8)).save(path, quality=QUALITY)
        made.append((path, [form.format(each.caption) for form in FORMS]))
    return TrainSet(made[val_images:], made[:val_images])


def _enlarged(png: bytes, size: tuple[int, int]) -> npt.NDArray[np.float32]:
    """The square picture in the middle of (H, W, 3), its edges drawn out to the sides."""
    width, height = size
    side = min(size)
    picture = (
        Image.open(io.BytesIO(png)).convert("RGB").resize((side, side), Image.Resampling.BICUBIC)
    )
    across, down = width - side, height - side
    pads = ((down // 2, down - down // 2), (across // 2, across - across // 2), (0, 0))
    return np.pad(np.asarray(picture, dtype=np.float32), pads, mode="edge")


def _noise(size: tuple[int, int]) -> npt.NDArray[np.float32]:
    """(H, W): amplitude falls with frequency, as in photographs (Field 1987)."""
    width, height = size
    white = np.fft.rfft2(np.random.default_rng(7).standard_normal((height, width)))
    frequency = np.hypot(np.fft.fftfreq(height)[:, None] * height, np.fft.rfftfreq(width) * width)
    field = np.fft.irfft2(white / np.maximum(frequency, 1.0) ** 0.8, (height, width))
    made: npt.NDArray[np.float32] = (field / field.std() * NOISE).astype(np.float32)
    return made


def write_tables(made: TrainSet, folder: Path) -> tuple[Path, Path]:
    """The bare trainer's (train, val) tables. A val image has one row there: it takes a caption's own
    row as its only right answer, and would decode the image once for each.
    """
    train = [(path, caption) for path, captions in made.train for caption in captions]
    val = [(path, captions[0]) for path, captions in made.val]
    return _table(folder / "train.tsv", train), _table(folder / "val.tsv", val)


def _table(path: Path, rows: Sequence[tuple[Path, str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as out:
        table = csv.writer(out, delimiter="\t")
        table.writerow(["filepath", "title"])
        table.writerows(rows)
    return path
