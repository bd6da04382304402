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

from common.errors import TrainingDiverged
from workers.runtime.child_io import Emitter

EVERY_S = 0.5
RATE = "train/samples_per_second"
SHOWN = ("train/loss", "train/lr", RATE)


class MetricWriter:
    """What open_clip's training loop calls a tb_writer.

    runs_dir: of TensorBoard's files; None for none. The job gets the points of a step at most every half second, but always the first and the last.
    """

    def __init__(self, emitter: Emitter, runs_dir: Path | None, resumed_at: int | None) -> None:
        self._emitter = emitter
        self._files = _BoardFiles(runs_dir, resumed_at, emitter.log)
        self.step = resumed_at or 0
        self.epoch = 0.0
        self.last: dict[str, float] = {}
        self._losses: list[float] = []
        self._samples = 0
        self._rated_at = time.monotonic()
        self._sent_step = -1
        self._sending_step = -1
        self._sent_at = -math.inf

    def begin(self, samples: int) -> None:
        """Steps of so many images follow, from now on."""
        self._samples, self._rated_at = samples, time.monotonic()

    def begin_step(self, step: int, epoch: float) -> None:
        """The figures that come are of this step."""
        self.step, self.epoch = step, epoch

    def add_scalar(self, name: str, value: float, _step: int) -> None:
        """A figure of the current step (open_clip counts anew when an epoch is resumed; `step` not).

        Raises TrainingDiverged when the loss is no number.
        """
        if name == RATE and self._samples:
            value = self._measure_rate()
        self._files.add(name, value, self.step)
        if name == "train/loss":
            self._check(value)
            self._losses.append(value)
        if name in SHOWN:
            self.last[name] = value
            if self._due():
                self._emitter.metric(name, self.step, value, self.epoch)

    def _check(self, loss: float) -> None:
        if not math.isfinite(loss):
            raise TrainingDiverged(
                f"The loss became {loss} at step {self.step + 1} of the run.",
                remedy="Train again with a lower learning rate or a longer warmup.",
            )

    def _measure_rate(self) -> float:
        """Images a second since the last step; open_clip's own is of a clock that may jump."""
        moment = time.monotonic()
        took_s, self._rated_at = moment - self._rated_at, moment
        return self._samples / max(took_s, 1e-6)

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
