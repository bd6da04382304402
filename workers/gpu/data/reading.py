"""A run's images read in the background, begun while torch is still being imported.

That import takes seconds of one core; reading takes the others. So the view is guessed before the
model is there, and checked afterwards: a wrong guess costs reading again, never wrong pixels.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType

from common.errors import InvalidInput
from workers.gpu.config import TrainConfig, TrainItem
from workers.gpu.data.cache import PixelCache, Pixels, decode_all, decode_shrunk
from workers.gpu.data.host_memory import image_limit_bytes
from workers.gpu.data.views import View, decode_view, expect_view
from workers.runtime import child_io
from workers.runtime.child_io import Emitter, Stopped

MIB = 2**20
PARTS = ("training", "validation")
REPORT_EVERY_S = 0.25
# Python hands its lock on every 5 ms; a JPEG asks for it about twenty times. While torch is imported
# on another thread, reading would wait most of the time.
SWITCH_S = 0.0005


class ImageReading:
    """Reads all images of `config` on threads: training images as kept for random crops, validation
    images by `decode_val`. Ends early when the process is asked to stop or the block is left.
    """

    def __init__(
        self, config: TrainConfig, view: View, decode_val: Callable[[Path], Pixels]
    ) -> None:
        limit = image_limit_bytes(config.image_cache_mib * MIB, config.memory_gb)
        self.view = view
        self.cache = PixelCache(limit, config.work_dir)
        self.train: list[TrainItem] = []  # those that could be read, as in the cache
        self.val: list[TrainItem] = []
        self.val_pixels: list[Pixels] = []  # (S, S, 3) of each in `val`
        self.left_out: dict[str, list[tuple[TrainItem, InvalidInput]]] = {
            part: [] for part in PARTS
        }
        self._config, self._decode_val = config, decode_val
        self._done = dict.fromkeys(PARTS, 0)
        self._problem: BaseException | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="image reading", daemon=True)

    def __enter__(self) -> ImageReading:
        self._interval_s = sys.getswitchinterval()
        sys.setswitchinterval(min(SWITCH_S, self._interval_s))
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()
        sys.setswitchinterval(self._interval_s)

    def _end(self) -> None:
        self._over.set()
        self._thread.join()

    def give_up(self) -> None:
        """What was read is not what is needed: end, and give the memory back."""
        self._end()
        self.cache = PixelCache(0, self._config.work_dir)
        self.train, self.val, self.val_pixels = [], [], []

    def wait(self, emitter: Emitter) -> None:
        """Until all is read, saying how far it is. Raises Stopped, OSError (the disk is full)."""
        said = 0.0
        while self._thread.is_alive():
            self._thread.join(0.01)
            if time.monotonic() - said >= REPORT_EVERY_S:
                said = time.monotonic()
                emitter.progress(0, None, "steps", self._message())
        if self._problem is not None:
            raise self._problem
        if child_io.stop_event().is_set():
            raise Stopped(epochs_done=0, step=0, resumable=True)

    @property
    def kept(self) -> list[int]:
        """Which of the configuration's training items could be read."""
        number = {id(item): index for index, item in enumerate(self._config.train)}
        return [number[id(item)] for item in self.train]

    def _message(self) -> str:
        part, items = "training", self._config.train
        if self._done["training"] == len(items) and self._config.val:
            part, items = "validation", self._config.val
        return f"reading {part} images, {self._done[part]:,} of {len(items):,}"

    def _run(self) -> None:
        try:
            shrink = partial(decode_shrunk, size=self.view.size)
            self._read("training", self._config.train, shrink, self._keep_train)
            self._read("validation", self._config.val, self._decode_val, self._keep_val)
        except BaseException as problem:  # raised again where it is waited for
            self._problem = problem

    def _read(
        self,
        part: str,
        items: Sequence[TrainItem],
        decode: Callable[[Path], Pixels],
        keep: Callable[[TrainItem, Pixels], None],
    ) -> None:
        for item, pixels in zip(
            items, decode_all([item.path for item in items], decode), strict=False
        ):
            if self._over.is_set() or child_io.stop_event().is_set():
                return
            if isinstance(pixels, InvalidInput):
                self.left_out[part].append((item, pixels))
            else:
                keep(item, pixels)
            self._done[part] += 1

    def _keep_train(self, item: TrainItem, pixels: Pixels) -> None:
        self.cache.append(pixels)
        self.train.append(item)

    def _keep_val(self, item: TrainItem, pixels: Pixels) -> None:
        self.val.append(item)
        self.val_pixels.append(pixels)


def read_early(config: TrainConfig) -> ImageReading | None:
    """Reading with the view that the model will most likely take; None when nothing tells."""
    view = expect_view(config)
    if view is None or not view.is_known:
        return None
    return ImageReading(config, view, partial(decode_view, view=view))
