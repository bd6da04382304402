"""A run while it trains: what it trains, where it is, and what happens around its steps.

Of several processes (`distributed`) all have the same state; the first one speaks, measures and writes.
"""

from __future__ import annotations

import math
import time
from argparse import Namespace
from dataclasses import dataclass, field
from typing import Any

import torch
from open_clip import create_loss
from open_clip_train.precision import get_autocast

from common.errors import TrainingDiverged
from common.training.plan import TrainPlan
from workers.gpu.data.batches import TrainBatches
from workers.gpu.proof.evaluation import Validation
from workers.gpu.report.progress import Reports
from workers.gpu.training.checkpoints import CheckpointSaver
from workers.gpu.training.distributed import Ranks
from workers.gpu.training.epochs import EpochEnd, Progress, StopAsked
from workers.gpu.training.memory import (
    BatchLayout,
    LessMemoryNeeded,
    has_batch_norm,
    smaller_layout,
)
from workers.gpu.training.optimizer import Optimizer
from workers.models.clip_model import LoadedClip
from workers.models.memory import is_out_of_memory, release_memory

Figures = dict[str, torch.Tensor]


@dataclass(frozen=True)
class PreparedRun:
    """What a run is made from, in memory."""

    plan: TrainPlan
    loaded: LoadedClip
    architecture: str
    batches: TrainBatches
    validation: Validation | None
    device: str
    precision: str
    notes: list[str]
    skipped: dict[str, Any] = field(default_factory=dict)  # for the result: `as_skipped`


class Run:
    """One run, at the place that `progress` names.

    args: open_clip's. network: the model as the loop calls it, with the other processes' part in it.
    batch_size: images of an optimizer step in this process; layout: how they are parted now.
    """

    def __init__(
        self,
        model: Any,
        batches: TrainBatches,
        args: Namespace,
        epoch_end: EpochEnd,
        saver: CheckpointSaver,
        reports: Reports,
        *,
        layout: BatchLayout | None = None,
        ranks: Ranks | None = None,
    ) -> None:
        self.model, self.batches, self.args, self.reports = model, batches, args, reports
        self.progress, self.ranks = Progress(), ranks or Ranks()
        self.ranks.mark(args)
        self.batch_size = int(args.batch_size) // self.ranks.world_size
        self.steps = batches.num_batches * args.epochs
        self.optimizer = Optimizer(model, args, self.steps)
        self.loss = create_loss(args)
        self.autocast = get_autocast(args.precision, torch.device(args.device).type)
        self.stopped_early = self.diverged = False
        self._epoch_end, self._saver = epoch_end, saver
        self._step_s = self._evaluation_s = 0.0
        self._clock = time.monotonic()
        self.use(layout or BatchLayout())
        self.network = self.ranks.wrap(model)

    @property
    def step(self) -> int:
        """Optimizer steps done."""
        return self.progress.epoch * self.batches.num_batches + self.progress.batches_done

    def where(self) -> dict[str, Any]:
        """What a run that was stopped tells of itself."""
        return {
            "epochs_done": self.progress.epoch,
            "step": self.step,
            "steps": self.steps,
            "resumable": self._saver.has_saved,
        }

    # Before and after a step

    def stop_if_asked(self) -> None:
        """Raises StopAsked once somebody has asked one of the processes to stop."""
        if self.ranks.any(self.reports.stop_asked()):
            raise StopAsked

    def announce_step(self) -> None:
        """Say which step comes."""
        writer = self.reports.writer
        writer.begin_step(self.step, round(self.step / self.batches.num_batches, 3))
        message = f"epoch {self.progress.epoch + 1} of {self.args.epochs}"
        self.reports.progress(self.step, message, writer.summary())

    def report(self, figures: Figures) -> None:
        """Say how the step was. Raises TrainingDiverged when its loss is no number."""
        if self.ranks.first:
            values = {name: float(value.detach()) for name, value in figures.items()}
            check_loss(values["loss"], self.step)
            self.reports.writer.add_step({"lr": self.optimizer.lr, **values})

    def begin_clock(self) -> None:
        """Steps follow from now on."""
        self._clock = time.monotonic()
        self.reports.writer.begin(self.batch_size, self.ranks.world_size)

    def count_time(self) -> None:
        """The time since this was called last was training."""
        moment = time.monotonic()
        self._step_s = moment - self._clock
        self.progress.trained_s += self._step_s
        self._clock = moment

    # Between the epochs

    def evaluate(self) -> None:
        """Measure the model as it is at the end of the current epoch, unless that has been done."""
        epoch, measured = self.progress.epoch, self.progress.history
        if self.progress.batches_done or any(each["epoch"] == epoch for each in measured):
            return
        self._save_if_due(self._evaluation_s)
        began = time.monotonic()
        if self.ranks.any(self.ranks.first and self._is_stopped_in_evaluation()):
            raise StopAsked
        self.progress = self.ranks.share(self.progress)
        self._evaluation_s = time.monotonic() - began
        self._save_if_due(self._step_s, share=0.25)

    def _is_stopped_in_evaluation(self) -> bool:
        try:
            self._epoch_end.close(self.progress, self.step, self.args.epochs)
        except StopAsked:
            return True
        return False

    def is_over(self) -> bool:
        """Whether no epoch follows: it was the last, or the newest are no better than those before."""
        if self.progress.epoch == self.args.epochs:
            return True
        self.stopped_early = self.ranks.share(self._epoch_end.ends_early(self.progress))
        return self.stopped_early

    # In less memory

    def use(self, layout: BatchLayout) -> None:
        """Run batches this way from now on."""
        self.layout = layout
        self.model.set_grad_checkpointing(layout.gradient_checkpointing)

    def smaller_layout(self, problem: Exception) -> BatchLayout:
        """The next smaller layout; raises the problem where there is none, or when it is another one."""
        smaller = smaller_layout(self.layout, self.batch_size)
        if smaller is None or not is_out_of_memory(problem):
            raise problem
        if not self.ranks.alone:  # the others wait in the middle of this step
            raise LessMemoryNeeded(smaller) from problem
        return smaller

    def go_on_with(self, smaller: BatchLayout) -> None:
        """Take the batch that did not fit again: the weights are as they were before it."""
        self.count_time()
        self.optimizer.zero_grad()
        release_memory()
        size = self.batch_size
        self.reports.log(
            f"Step {self.step + 1} does not fit the memory with {self.layout.describe(size)}; going on "
            f"with {smaller.describe(size)}: slower, the same batch size of {size}."
        )
        if smaller.accumulation > 1 and has_batch_norm(self.model):
            self.reports.log(
                "This model has BatchNorm, which now measures each micro-batch by itself: the result "
                "differs a little from that of whole batches."
            )
        self.use(smaller)

    # Checkpoints

    def save_if_due(self) -> None:
        """Write a checkpoint if it is time, given how long a step takes."""
        self._save_if_due(self._step_s)

    def _save_if_due(self, coming_s: float, share: float = 1.0) -> None:
        if self.step and self._saver.is_due(coming_s, share):
            self.save("saved")

    def save(self, why: str) -> None:
        """Write a checkpoint, if the disk has room for it."""
        if self.ranks.first:
            self._saver.save(self.step, self.steps, self._snapshot, why)
            self._clock = time.monotonic()

    def _snapshot(self) -> dict[str, Any]:
        return {
            "model": self.model.state_dict(),
            **self.optimizer.state_dict(),
            "rng": torch.get_rng_state(),
            "progress": vars(self.progress),
            "rung": [self.layout.accumulation, self.layout.gradient_checkpointing],
        }

    def restore(self, saved: dict[str, Any]) -> None:
        """Go on where a checkpoint was written."""
        self.model.load_state_dict(saved["model"])
        self.optimizer.load_state_dict(saved)
        torch.set_rng_state(saved["rng"])
        self.progress = Progress.from_saved(saved["progress"])
        if "rung" in saved:
            self.use(BatchLayout(*saved["rung"]))


def check_loss(loss: float, step: int) -> None:
    """Raises TrainingDiverged when the loss of a run's step, counted from 1, is no number."""
    if not math.isfinite(loss):
        raise TrainingDiverged(
            f"The loss became {loss} at step {step} of the run.",
            remedy="Train again with a lower learning rate or a longer warmup.",
        )
