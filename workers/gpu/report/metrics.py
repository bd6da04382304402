"""Where a run's figures go: TensorBoard's files, all of them, and the job, a few a second."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from torch.utils.tensorboard import SummaryWriter

from workers.runtime.child_io import Emitter

EVERY_S = 0.5
SHOWN = ("train/loss", "train/lr", "train/samples_per_second")


class MetricWriter:
    """The figures of a run, under the names that open_clip's own trainer gives them.

    runs_dir: of TensorBoard's files; None for none. The job gets the points of a step at most every half
    second, but always the first and the last.
    """

    def __init__(self, emitter: Emitter, runs_dir: Path | None, resumed_at: int | None) -> None:
        self._emitter = emitter
        self._files = _BoardFiles(runs_dir, resumed_at, emitter.log)
        self.step = resumed_at or 0
        self.epoch = 0.0
        self.last: dict[str, float] = {}
        self._losses: list[float] = []
        self._samples, self._gpus, self._data_s = 0, 1, 0.0
        self._ended_at = time.monotonic()
        self._sent_step = -1
        self._sending_step = -1
        self._sent_at = -math.inf

    def begin(self, samples: int, gpus: int = 1) -> None:
        """Steps follow from now on, each of so many images on each of the GPUs."""
        self._samples, self._gpus, self._ended_at = samples, gpus, time.monotonic()

    def begin_step(self, step: int, epoch: float) -> None:
        """Its batch is here: the figures that come are of this step."""
        self.step, self.epoch = step, epoch
        self._data_s = time.monotonic() - self._ended_at

    def add_step(self, figures: dict[str, float]) -> None:
        """The figures of the current step, which ends now: `loss`, `lr` and others."""
        moment = time.monotonic()
        took_s, self._ended_at = max(moment - self._ended_at, 1e-6), moment
        pace = self._samples / took_s
        times = {
            "data_time": self._data_s, "batch_time": took_s,
            "samples_per_second": pace * self._gpus, "samples_per_second_per_gpu": pace,
        }  # fmt: skip
        self._losses.append(figures["loss"])
        for name, value in {**times, **figures}.items():
            self._add(f"train/{name}", value)

    def _add(self, name: str, value: float) -> None:
        self._files.add(name, value, self.step)
        if name in SHOWN:
            self.last[name] = value
            if self._due():
                self._emitter.metric(name, self.step, value, self.epoch)

    def _due(self) -> bool:
        """Whether this step's points are sent: decided once a step, for all its names alike."""
        if self._sending_step != self.step:
            moment = time.monotonic()
            if moment - self._sent_at < EVERY_S:
                return False
            self._sent_at, self._sending_step = moment, self.step
        self._sent_step = self.step
        return True

    def add_validation(self, figures: dict[str, float], step: int, epoch: int) -> None:
        """The figures of an evaluation; always sent."""
        for name, value in figures.items():
            self.add_point(f"val/{name}", value, step, epoch)
        self._files.flush()

    def add_point(self, name: str, value: float, step: int, epoch: int) -> None:
        """A figure that belongs to no step's own; always sent."""
        self._files.add(name, value, step)
        self._emitter.metric(name, step, value, epoch)

    def take_mean(self) -> dict[str, float]:
        """{"train_loss": mean of the losses since the last call}; {} when there were none."""
        losses, self._losses = self._losses, []
        return {"train_loss": sum(losses) / len(losses)} if losses else {}

    def flush(self) -> None:
        """Send the last step's points if they were held back."""
        if self.last and self._sent_step != self.step:
            for name, value in self.last.items():
                self._emitter.metric(name, self.step, value, self.epoch)
            self._sent_step = self.step
        self._files.flush()

    def close(self) -> None:
        """Send and write what is left."""
        self.flush()
        self._files.close()

    def summary(self) -> dict[str, Any]:
        """The newest figures for the progress record: loss, lr, samples_per_second."""
        return {name.removeprefix("train/"): value for name, value in self.last.items()}


class _BoardFiles:
    """TensorBoard's files: a copy for those who like it. A full disk ends them, not the run."""

    def __init__(
        self, folder: Path | None, purge_step: int | None, log: Callable[[str], None]
    ) -> None:
        self._log = log
        self._files: SummaryWriter | None = None
        if folder is not None:
            self._try(partial(self._open, folder, purge_step))

    def _open(self, folder: Path, purge_step: int | None) -> None:
        self._files = SummaryWriter(str(folder), purge_step=purge_step, flush_secs=5)

    def add(self, name: str, value: float, step: int) -> None:
        """Write a point."""
        if self._files is not None:
            self._try(partial(self._files.add_scalar, name, value, step))

    def flush(self) -> None:
        """Have it on the disk."""
        if self._files is not None:
            self._try(self._files.flush)

    def close(self) -> None:
        """End the files."""
        if self._files is not None:
            self._try(self._files.close)

    def _try(self, write: Callable[[], Any]) -> None:
        try:
            write()
        except OSError as problem:
            files, self._files = self._files, None
            self._log(f"Error: TensorBoard's files of this run end here: {problem}")
            if files is not None and files.file_writer is not None:
                with suppress(
                    OSError
                ):  # its thread would try again in some seconds, and fail alone
                    files.file_writer.close()
