"""The training batches: one random caption for each image in each epoch, one random crop of it.

Sibling captions of one image in one batch would be false negatives of each other, and each would
cost a decoding: one caption an epoch avoids both (LaCLIP, Fan et al. 2023). Everything random comes
from (seed, epoch, batch), so a run that is resumed in the middle of an epoch sees what it would have.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from workers.gpu.pixel_cache import PixelCache, Pixels

Box = tuple[float, float, float, float]  # left, top, right, bottom
Batch = tuple[torch.Tensor, torch.Tensor]  # (B, 3, S, S) float32, (B, L) int64
RATIO = (3 / 4, 4 / 3)  # torchvision's RandomResizedCrop
TRIES = 10


@dataclass(frozen=True)
class Augmentation:
    """A random crop's share of the image's area (open_clip's default); (1, 1) crops nothing."""

    scale: tuple[float, float] = (0.9, 1.0)


@dataclass(frozen=True)
class InputShape:
    """What the model takes: side in pixels, mean and standard deviation of each channel."""

    size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def normalise(self, pixels: npt.NDArray[np.uint8]) -> torch.Tensor:
        """(B, S, S, 3) uint8 -> (B, 3, S, S) float32."""
        mean = torch.tensor(self.mean).view(1, 3, 1, 1)
        std = torch.tensor(self.std).view(1, 3, 1, 1)
        return (torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255 - mean) / std


class TrainBatches:
    """What open_clip's training loop calls a dataloader.

    tokens: (C, 77) int64 of all captions; captions_of[i]: the rows of image i's captions in it.
    """

    def __init__(
        self,
        images: PixelCache,
        tokens: torch.Tensor,
        captions_of: Sequence[Sequence[int]],
        shape: InputShape,
        *,
        batch_size: int,
        seed: int,
        cut: Callable[[torch.Tensor], torch.Tensor] = lambda tokens: tokens,
        augmentation: Augmentation | None = None,
    ) -> None:
        self.num_batches = len(images) // batch_size
        self.num_samples = self.num_batches * batch_size
        self._images, self._tokens, self._captions_of = images, tokens, captions_of
        self._shape, self._batch_size, self._seed = shape, batch_size, seed
        self._cut = cut
        self._augmentation = augmentation or Augmentation()
        self._epoch = 0
        self._first = 0

    def set_value(self, epoch: int) -> None:
        """Which epoch comes (open_clip sets it through DataInfo.set_epoch)."""
        self._epoch = epoch

    def skip(self, batches: int) -> None:
        """Leave out the first batches of the next pass: they were trained before the stop."""
        self._first = batches

    def order(self, epoch: int) -> npt.NDArray[np.int64]:
        """The images of an epoch in their order, (N,)."""
        return np.random.default_rng([self._seed, epoch]).permutation(len(self._images))

    def __len__(self) -> int:
        return self.num_batches

    def __iter__(self) -> Iterator[Batch]:
        order, first, self._first = self.order(self._epoch), self._first, 0
        epoch = self._epoch
        with ThreadPoolExecutor(1) as ahead, ThreadPoolExecutor(os.cpu_count() or 1) as crops:

            def make(number: int) -> Batch:
                chosen = order[number * self._batch_size : (number + 1) * self._batch_size]
                return self._batch(epoch, number, chosen, crops)

            coming = ahead.submit(make, first) if first < self.num_batches else None
            for number in range(first + 1, self.num_batches + 1):
                assert coming is not None
                batch = coming.result()
                coming = ahead.submit(make, number) if number < self.num_batches else None
                yield batch

    def _batch(
        self, epoch: int, number: int, chosen: npt.NDArray[np.int64], crops: ThreadPoolExecutor
    ) -> Batch:
        rng = np.random.default_rng([self._seed, epoch, number])
        own = [self._captions_of[i] for i in chosen]
        rows = [captions[int(rng.integers(len(captions)))] for captions in own]
        images = [self._images[i] for i in chosen]
        boxes = [self._box(image, rng) for image in images]
        pixels = np.stack(list(crops.map(self._crop, images, boxes)))  # (B, S, S, 3)
        return self._shape.normalise(pixels), self._cut(self._tokens[rows])

    def _box(self, image: Pixels, rng: np.random.Generator) -> Box:
        height, width = image.shape[:2]
        return random_box(width, height, self._augmentation.scale, rng)

    def _crop(self, image: Pixels, box: Box) -> Pixels:
        size = (self._shape.size, self._shape.size)
        whole = (0.0, 0.0, float(image.shape[1]), float(image.shape[0]))
        if box == whole and image.shape[:2] == size:
            return image
        cropped = Image.fromarray(image).resize(size, Image.Resampling.BICUBIC, box=box)
        return np.asarray(cropped)


def random_box(
    width: int, height: int, scale: tuple[float, float], rng: np.random.Generator
) -> Box:
    """A crop as torchvision's RandomResizedCrop.get_params draws it; the middle square if none fits."""
    if scale == (1.0, 1.0):
        return middle_square(width, height)
    low, high = math.log(RATIO[0]), math.log(RATIO[1])
    for _ in range(TRIES):
        area = width * height * rng.uniform(*scale)
        aspect = math.exp(rng.uniform(low, high))
        w, h = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
        if 0 < w <= width and 0 < h <= height:
            left, top = rng.integers(width - w + 1), rng.integers(height - h + 1)
            return float(left), float(top), float(left + w), float(top + h)
    return middle_crop(width, height)


def middle_crop(width: int, height: int) -> Box:
    """The largest crop in the middle whose aspect is within RATIO (torchvision's fallback)."""
    w, h = float(width), float(height)
    if w / h < RATIO[0]:
        h = round(w / RATIO[0])
    elif w / h > RATIO[1]:
        w = round(h * RATIO[1])
    left, top = (width - w) / 2, (height - h) / 2
    return left, top, left + w, top + h


def middle_square(width: int, height: int) -> Box:
    """The largest square in the middle."""
    side = min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    return left, top, left + side, top + side
