"""Where a run's figures go: TensorBoard's files, all of them, and the job, a few a second."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

from torch.utils.tensorboard import SummaryWriter

from common.errors import TrainingDiverged
from workers.child_io import Emitter

EVERY_S = 0.5
SHOWN = ("train/loss", "train/lr", "train/samples_per_second")


class MetricWriter:
    """What open_clip's training loop calls a tb_writer.

    The job gets the points of a step at most every half second, but always the first and the last.
    """

    def __init__(self, emitter: Emitter, runs_dir: Path, resumed_at: int | None) -> None:
        self._emitter = emitter
        self._files = SummaryWriter(str(runs_dir), purge_step=resumed_at, flush_secs=5)
        self.step = resumed_at or 0
        self.epoch = 0.0
        self.last: dict[str, float] = {}
        self._sent_step = -1
        self._sending_step = -1
        self._sent_at = -math.inf

    def add_scalar(self, name: str, value: float, _step: int) -> None:
        """A figure of the current step (open_clip counts anew when an epoch is resumed; `step` not).

        Raises TrainingDiverged when the loss is no number.
        """
        self._files.add_scalar(name, value, self.step)
        if name == "train/loss" and not math.isfinite(value):
            raise TrainingDiverged(
                f"The loss became {value} at step {self.step + 1} of the run.",
                remedy="Train again with a lower learning rate or a longer warmup; the weights of the "
                "best epoch before are kept in the job's folder.",
            )
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
            self._files.add_scalar(f"val/{name}", value, step)
            self._emitter.metric(f"val/{name}", step, value, epoch)
        self._files.flush()

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
