"""The training batches: one caption for each image in each epoch, one random crop of it.

Sibling captions of one image in one batch would be false negatives of each other, and each would
cost a decoding: one caption an epoch avoids both (LaCLIP, Fan et al. 2023). An image's captions take
turns, from a random one on, so that none is left out of a short run. Everything random comes from
(seed, epoch, batch), so a run that is resumed in the middle of an epoch sees what it would have.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from workers.gpu.data.cache import PixelCache, Pixels, cores

Box = tuple[float, float, float, float]  # left, top, right, bottom
Batch = tuple[torch.Tensor, torch.Tensor]  # (B, 3, S, S) float32 channels last, (B, L) int64
RATIO = (3 / 4, 4 / 3)  # torchvision's RandomResizedCrop
TRIES = 10
TURNS = 2**32 - 1  # in place of an epoch: the random numbers of which caption has the first turn
AHEAD = 3  # batches made before they are asked for
MAKERS = 2  # of them at a time; their crops share as many threads as there are cores


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
        return self.normalise_tensor(torch.from_numpy(pixels))

    def normalise_tensor(self, pixels: torch.Tensor) -> torch.Tensor:
        """As `normalise`, on the tensor's own device."""
        mean = torch.tensor(self.mean, device=pixels.device).view(1, 3, 1, 1)
        std = torch.tensor(self.std, device=pixels.device).view(1, 3, 1, 1)
        return (pixels.permute(0, 3, 1, 2).float() / 255 - mean) / std

    def write_normalised(self, pixels: Pixels, out: npt.NDArray[np.float32]) -> None:
        """(S, S, 3) uint8 into (S, S, 3), to the last bit as `normalise`, on this thread alone.

        (torch would start threads of its own under each of ours.)
        """
        mean, std = (  # for whole rows: numpy is slow where the last axis is short
            np.tile(np.array(each, dtype=np.float32), pixels.shape[1])
            for each in (self.mean, self.std)
        )
        rows = out.reshape(len(out), -1)
        np.divide(pixels.reshape(len(out), -1), np.float32(255), out=rows)
        np.subtract(rows, mean, out=rows)
        np.divide(rows, std, out=rows)


class TrainBatches:
    """The batches of each epoch, the same whenever they are asked for.

    tokens: (C, 77) int64 of all captions; captions_of[i]: the rows of image i's captions in it.
    part: which of a batch's examples this process makes, of so many (all, if it is alone). device:
    batches for a GPU are handed out on it: as bytes they travel in a quarter of the time.
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
        part: Callable[[int], slice] = slice,
        device: str = "cpu",
    ) -> None:
        self.num_batches = len(images) // batch_size
        self._images, self._tokens, self._captions_of = images, tokens, captions_of
        self._shape, self._batch_size, self._seed = shape, batch_size, seed
        self._cut, self._part, self._device = cut, part, torch.device(device)
        self._augmentation = augmentation or Augmentation()
        self._first_turns = np.random.default_rng([seed, TURNS]).integers(2**31, size=len(images))

    def order(self, epoch: int) -> npt.NDArray[np.int64]:
        """The images of an epoch in their order, (N,)."""
        return np.random.default_rng([self._seed, epoch]).permutation(len(self._images))

    def of_epoch(self, epoch: int, first: int = 0) -> Iterator[Batch]:
        """The batches of an epoch from number `first` on: those before were trained before a stop."""
        order = self.order(epoch)
        with ThreadPoolExecutor(MAKERS) as makers, ThreadPoolExecutor(cores()) as crops:

            def make(number: int) -> Batch:
                chosen = order[number * self._batch_size : (number + 1) * self._batch_size]
                return self._batch(epoch, number, chosen, crops)

            coming: deque[Future[Batch]] = deque()
            try:
                for number in range(first, self.num_batches):
                    coming.append(makers.submit(make, number))
                    if len(coming) > AHEAD:
                        yield self._on_device(coming.popleft().result())
                while coming:
                    yield self._on_device(coming.popleft().result())
            finally:
                for left in coming:
                    left.cancel()

    def _batch(
        self, epoch: int, number: int, chosen: npt.NDArray[np.int64], crops: ThreadPoolExecutor
    ) -> Batch:
        """All that is random is drawn for the whole batch, so that its parts fit together."""
        rng = np.random.default_rng([self._seed, epoch, number])
        rows = [self._turn(i, epoch) for i in chosen]
        images = [self._images[i] for i in chosen]
        boxes = [self._box(image, rng) for image in images]
        mine = self._part(len(chosen))
        pixels = self._pixels(images[mine], boxes[mine], crops)
        return pixels, self._cut(self._tokens[rows])[mine]

    def _turn(self, image: int, epoch: int) -> int:
        """The row of the caption whose turn it is."""
        own = self._captions_of[image]
        return own[int(self._first_turns[image] + epoch) % len(own)]

    def _pixels(
        self, images: list[Pixels], boxes: list[Box], crops: ThreadPoolExecutor
    ) -> torch.Tensor:
        """(B, 3, S, S) float32 for a CPU, (B, S, S, 3) uint8 in pinned memory for a GPU.

        In memory the channels come last in both, as convolutions are quickest with them.
        """
        side = self._shape.size
        if self._device.type == "cpu":
            made = np.empty((len(images), side, side, 3), dtype=np.float32)

            def write(number: int) -> None:
                self._shape.write_normalised(
                    self._crop(images[number], boxes[number]), made[number]
                )

            list(crops.map(write, range(len(images))))
            return torch.from_numpy(made).permute(0, 3, 1, 2)
        is_pinned = self._device.type == "cuda"
        bytes_ = torch.empty((len(images), side, side, 3), dtype=torch.uint8, pin_memory=is_pinned)
        view = bytes_.numpy()

        def copy(number: int) -> None:
            view[number] = self._crop(images[number], boxes[number])

        list(crops.map(copy, range(len(images))))
        return bytes_

    def _on_device(self, batch: Batch) -> Batch:
        """Hand it to the GPU without waiting; torch keeps pinned memory until it has arrived."""
        if self._device.type == "cpu":
            return batch
        pixels = batch[0].to(self._device, non_blocking=True)
        return self._shape.normalise_tensor(pixels), batch[1].to(self._device, non_blocking=True)

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
