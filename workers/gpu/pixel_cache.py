"""Images decoded and shrunk once, then kept: decoding again in each epoch is most of a run's time."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from workers.pixels import open_rgb

Pixels = npt.NDArray[np.uint8]  # (H, W, 3)
# Shorter side kept, as a share of the model's: room for a random crop (256 px for 224).
KEEP_RATIO = 8 / 7
AHEAD = 64  # images decoded before they are asked for


class PixelCache:
    """A list of uint8 images; what is above `limit_bytes` lies in a memory-mapped file."""

    def __init__(self, limit_bytes: int, spill_file: Path) -> None:
        self._limit = limit_bytes
        self._spill_file = spill_file
        self._used = 0
        self._spilled_bytes = 0
        self._images: list[Pixels | tuple[int, tuple[int, ...]]] = []
        self._map: npt.NDArray[np.uint8] | None = None

    def __len__(self) -> int:
        return len(self._images)

    @property
    def spilled_bytes(self) -> int:
        """How much lies in the file."""
        return self._spilled_bytes

    def append(self, pixels: Pixels) -> None:
        """Keep one more image."""
        if self._used + pixels.nbytes <= self._limit:
            self._images.append(pixels)
            self._used += pixels.nbytes
            return
        with self._spill_file.open("ab" if self._spilled_bytes else "wb") as out:
            out.write(pixels.tobytes())
        self._images.append((self._spilled_bytes, pixels.shape))
        self._spilled_bytes += pixels.nbytes
        self._map = None

    def __getitem__(self, index: int) -> Pixels:
        entry = self._images[index]
        if not isinstance(entry, tuple):
            return entry
        if self._map is None:
            self._map = np.memmap(self._spill_file, dtype=np.uint8, mode="r")
        offset, shape = entry
        return self._map[offset : offset + math.prod(shape)].reshape(shape)


def decode_shrunk(path: Path, size: int) -> Pixels:
    """(H, W, 3) with the shorter side at most 8/7 of `size`; never enlarged. Raises OSError."""
    keep = math.ceil(size * KEEP_RATIO)
    image = open_rgb(path, least_side=keep)
    ratio = keep / min(image.size)
    if ratio < 1:
        width, height = (max(keep, round(side * ratio)) for side in image.size)
        image = image.resize((width, height), Image.Resampling.BICUBIC, reducing_gap=3.0)
    return np.asarray(image, dtype=np.uint8)


def decode_all(
    paths: Sequence[Path], decode: Callable[[Path], Pixels], workers: int | None = None
) -> Iterator[Pixels | None]:
    """decode(path) of each path in order, by several threads; None for a file that is broken."""

    def safely(path: Path) -> Pixels | None:
        try:
            return decode(path)
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
            return None

    with ThreadPoolExecutor(workers or os.cpu_count() or 1) as pool:
        for start in range(0, len(paths), AHEAD):  # by chunks: a slow reader fills no memory
            yield from pool.map(safely, paths[start : start + AHEAD])
