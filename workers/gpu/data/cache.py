"""Images decoded and shrunk once, then kept: decoding again in each epoch is most of a run's time."""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt
from PIL import Image

from common.errors import InvalidInput
from workers.models.pixels import crop_middle, open_rgb

Pixels = npt.NDArray[np.uint8]  # (H, W, 3)
Entry = tuple[int, tuple[int, ...]]  # where an image lies in a file, and its shape
# Shorter side kept, as a share of the model's: room for a random crop (256 px for 224).
KEEP_RATIO = 8 / 7
AHEAD = 64  # images decoded before they are asked for


class PixelCache:
    """A list of uint8 images; what is above `limit_bytes` lies in a memory-mapped file.

    The file is in `folder` without a name: it is gone with this process, however that ends.
    """

    def __init__(self, limit_bytes: int, folder: Path) -> None:
        self._limit = limit_bytes
        self._folder = folder
        self._used = 0
        self._file: IO[bytes] | None = None
        self._spilled_bytes = 0
        self._images: list[Pixels | Entry] = []
        self._map: npt.NDArray[np.uint8] | None = None

    def __len__(self) -> int:
        return len(self._images)

    @property
    def spilled_bytes(self) -> int:
        """How much lies in the file."""
        return self._spilled_bytes

    def append(self, pixels: Pixels) -> None:
        """Keep one more image. Raises OSError when the disk is full."""
        if self._used + pixels.nbytes <= self._limit:
            self._images.append(pixels)
            self._used += pixels.nbytes
            return
        if self._file is None:
            self._file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115  # kept open
        self._file.write(pixels.tobytes())
        self._images.append((self._spilled_bytes, pixels.shape))
        self._spilled_bytes += pixels.nbytes
        self._map = None

    def lend(self, path: Path) -> list[Entry]:
        """Write all images to a file, for `borrow` in another process. Raises OSError."""
        entries, end = [], 0
        with path.open("wb") as out:
            for index in range(len(self)):
                pixels = self[index]
                out.write(pixels.tobytes())
                entries.append((end, pixels.shape))
                end += pixels.nbytes
        return entries

    @classmethod
    def borrow(cls, path: Path, entries: Sequence[Entry]) -> PixelCache:
        """The images that another process lent; the file may lose its name afterwards."""
        made = cls(0, path.parent)
        made._file = path.open("rb")
        made._images = list(entries)
        return made

    def __getitem__(self, index: int) -> Pixels:
        entry = self._images[index]
        if not isinstance(entry, tuple):
            return entry
        if self._map is None:
            assert self._file is not None
            if self._file.writable():
                self._file.flush()
            self._map = np.memmap(self._file, dtype=np.uint8, mode="r")
        offset, shape = entry
        return self._map[offset : offset + math.prod(shape)].reshape(shape)


def decode_shrunk(path: Path, size: int) -> Pixels:
    """(H, W, 3) with the shorter side at most 8/7 of `size`; never enlarged. Raises InvalidInput."""
    keep = math.ceil(size * KEEP_RATIO)
    image = crop_middle(open_rgb(path, least_side=keep))  # random crops are of the middle
    ratio = keep / min(image.size)
    if ratio < 1:
        width, height = (max(keep, round(side * ratio)) for side in image.size)
        image = image.resize((width, height), Image.Resampling.BICUBIC, reducing_gap=3.0)
    return np.asarray(image, dtype=np.uint8)


def decode_all(
    paths: Sequence[Path], decode: Callable[[Path], Pixels], workers: int | None = None
) -> Iterator[Pixels | InvalidInput]:
    """decode(path) of each path in order, by several threads; of a file that is broken, what is wrong."""

    def safely(path: Path) -> Pixels | InvalidInput:
        try:
            return decode(path)
        except InvalidInput as problem:
            return problem

    pool = ThreadPoolExecutor(workers or cores())
    try:
        for start in range(0, len(paths), AHEAD):  # by chunks: a slow reader fills no memory
            yield from pool.map(safely, paths[start : start + AHEAD])
    finally:
        pool.shutdown(cancel_futures=True)


def cores() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
