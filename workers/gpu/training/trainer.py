"""The training itself: open_clip's model, loss, optimizer, schedule and `train_one_epoch`.

So a run is the same optimisation as `python -m open_clip_train.main` with the same arguments.
Around it: stopping between two steps, checkpoints, resuming in the middle of an epoch, going on in less
memory, choosing the best epoch (0, the untuned model, included), early stopping. Of several processes
(`workers/gpu/training/distributed.py`) each trains on its part of every batch; the first one does the rest.
"""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Callable
from typing import Any

import torch
from open_clip import create_loss
from open_clip_train.precision import get_autocast
from open_clip_train.scheduler import cosine_lr
from open_clip_train.train import train_one_epoch

from common.errors import TrainingDiverged
from workers.gpu.data.batches import TrainBatches
from workers.gpu.proof.evaluation import Validation
from workers.gpu.report.progress import Reports
from workers.gpu.training.checkpoints import Checkpoints, SavePace
from workers.gpu.training.distributed import LessMemoryNeeded, Ranks
from workers.gpu.training.epochs import EpochEnd
from workers.gpu.training.memory import (
    Rung,
    allocate_moments,
    has_batch_norm,
    next_rung,
)
from workers.gpu.training.micro_batches import LoopData, MicroBatches
from workers.gpu.training.optimizer import create_optimizer, share_scale_gradient
from workers.gpu.training.progress import Progress
from workers.models.memory import is_out_of_memory, release_memory
from workers.runtime.child_io import Stopped


class StopAsked(Exception):
    """Raised between two steps once the user has asked to stop."""


class Trainer:
    """One run from its first to its last epoch.

    batch_size: images of an optimizer step in this process, however they are parted. rung: how they
    are parted now.
    """

    def __init__(
        self,
        model: Any,
        batches: TrainBatches,
        validation: Validation | None,
        args: Namespace,
        checkpoints: Checkpoints,
        reports: Reports,
        *,
        keep_best: Callable[[int], None],
        cut: Callable[[torch.Tensor], torch.Tensor],
        patience: int = 0,
        checkpoint_every_s: float = 60.0,
        rung: Rung | None = None,
        ranks: Ranks | None = None,
    ) -> None:
        self.model, self.args, self.state = model, args, Progress()
        self._ranks = ranks or Ranks()
        self._ranks.mark(args)
        self.batch_size = int(args.batch_size) // self._ranks.world_size
        self.stopped_early = self.diverged = False
        self._batches, self._checkpoints, self._reports = batches, checkpoints, reports
        self._optimizer = create_optimizer(model, args)
        self._optimizer.register_step_post_hook(self._note_step)
        share_scale_gradient(model, lambda: self.rung.accumulation)
        self._scaler = torch.amp.GradScaler(args.device) if args.precision == "amp" else None
        self._loss = create_loss(args)
        self.steps = batches.num_batches * args.epochs
        self._set_lr = cosine_lr(self._optimizer, args.lr, args.warmup, self.steps)
        self._epoch_end = EpochEnd(
            model,
            validation,
            reports,
            device=args.device,
            autocast=get_autocast(args.precision, torch.device(args.device).type),
            keep_best=keep_best,
            cut=cut,
            patience=patience,
        )
        self._first_batch = 0
        self._begun: int | None = None  # step that has begun, and is not done
        self._step_s = self._evaluation_s = 0.0
        self._clock = time.monotonic()
        self._pace = SavePace(checkpoint_every_s, self._clock)
        self.use(rung or Rung())
        self._wrapped = self._ranks.wrap(model)

    @property
    def step(self) -> int:
        """Optimizer steps done."""
        return self.state.epoch * self._batches.num_batches + self.state.batches_done

    def use(self, rung: Rung) -> None:
        """Run batches this way from now on."""
        self.rung = rung
        self.args.accum_freq = rung.accumulation
        self.args.batch_size = self.batch_size / rung.accumulation  # open_clip's rate multiplies it
        self.model.set_grad_checkpointing(rung.gradient_checkpointing)

    def restore(self, saved: dict[str, Any]) -> None:
        """Go on where a checkpoint was written."""
        self.model.load_state_dict(saved["model"])
        self._optimizer.load_state_dict(saved["optimizer"])
        if self._scaler is not None and saved["scaler"] is not None:
            self._scaler.load_state_dict(saved["scaler"])
        torch.set_rng_state(saved["rng"])
        self.state = Progress.from_saved(saved["progress"])
        if "rung" in saved:
            self.use(Rung(*saved["rung"]))

    def run(self) -> None:
        """Train to the end. Raises child_io.Stopped (a checkpoint is written), TrainingDiverged.

        What memory raises comes through when not even one image at a time fits.
        """
        try:
            if not self._optimizer.state:
                allocate_moments(self._optimizer)
            while True:
                self._evaluate()
                if self.state.epoch == self.args.epochs:
                    break
                if self._ranks.share(self._epoch_end.ends_early(self.state)):
                    self.stopped_early = True
                    break
                self._train_epoch()
        except StopAsked:
            self._save("stopped")
            self._ranks.leave()
            raise Stopped(
                epochs_done=self.state.epoch,
                step=self.step,
                steps=self.steps,
                resumable=bool(self._checkpoints.files()),
            ) from None
        except TrainingDiverged:
            self.diverged = True
            raise
        self._reports.writer.flush()
        self._ranks.leave()

    def _evaluate(self) -> None:
        """Measure the model as it is at the end of the current epoch, unless that has been done."""
        epoch = self.state.epoch
        if self.state.batches_done or any(each["epoch"] == epoch for each in self.state.history):
            return
        self._save_if_due(self._evaluation_s)
        began = time.monotonic()
        if self._ranks.any(self._ranks.first and self._is_stopped_at_epoch_end()):
            raise StopAsked
        self.state = self._ranks.share(self.state)
        self._evaluation_s = time.monotonic() - began
        self._save_if_due(self._step_s, share=0.25)

    def _is_stopped_at_epoch_end(self) -> bool:
        """Close the epoch; whether somebody asked to stop before that was done."""
        try:
            self._epoch_end.close(self.state, self.step, self.args.epochs, self._check_own_stop)
        except StopAsked:
            return True
        return False

    def _train_epoch(self) -> None:
        """Train the rest of the current epoch, in less memory when it runs out."""
        while True:
            try:
                self._pass_over_epoch()
                break
            except Exception as problem:
                smaller = next_rung(self.rung, self.batch_size)
                if smaller is None or not is_out_of_memory(problem):
                    raise
                if not self._ranks.alone:  # the others wait in the middle of this step
                    raise LessMemoryNeeded(smaller) from problem
            # Outside of `except`: the exception holds the frames, and they the tensors, until here.
            self._step_down(smaller)
        self._optimizer.zero_grad()  # room for the evaluation
        if self.rung != Rung():  # memory is tight; else the next epoch would fetch all of it again
            release_memory()
        self._reports.writer.flush()
        self.state.epoch, self.state.batches_done = self.state.epoch + 1, 0

    def _pass_over_epoch(self) -> None:
        self._first_batch, self._begun = self.state.batches_done, None
        self._batches.skip(self._first_batch)
        loader = MicroBatches(self._batches, self.rung.accumulation)
        self._clock = time.monotonic()
        self._reports.writer.begin(self.batch_size * self.args.world_size)
        # train_one_epoch logs with the root logger; the figures reach the job through the writer.
        train_one_epoch(
            self._wrapped,
            {"train": LoopData(loader)},
            self._loss,
            self.state.epoch,
            self._optimizer,
            self._scaler,
            self._begin_step,
            None,
            self.args,
            tb_writer=self._reports.writer,
        )
        self._count_time()

    def _step_down(self, smaller: Rung) -> None:
        """Go on with the batch that did not fit: the weights are as they were before it."""
        self._count_time()
        self._optimizer.zero_grad()
        release_memory()
        self._reports.log(
            f"Step {self.step + 1} does not fit the memory with {self.rung.describe(self.batch_size)}; "
            f"going on with {smaller.describe(self.batch_size)}: slower, the same batch size of "
            f"{self.batch_size}."
        )
        if smaller.accumulation > 1 and has_batch_norm(self.model):
            self._reports.log(
                "This model has BatchNorm, which now measures each micro-batch by itself: the result "
                "differs a little from that of whole batches."
            )
        self.use(smaller)

    def _begin_step(self, step: int) -> None:
        """open_clip's scheduler hook, called before each micro-batch. `step` counts from the batch
        that this pass began with, so a resumed epoch needs the batches before it added.
        """
        if step == self._begun:
            return
        self._begun = step
        done = step - self.state.epoch * self._batches.num_batches + self._first_batch
        self.state.batches_done = done
        self._count_time()
        self._check_stop()
        self._save_if_due(self._step_s)
        self._reports.writer.begin_step(self.step, round(self.step / self._batches.num_batches, 3))
        self._report(f"epoch {self.state.epoch + 1} of {self.args.epochs}")
        self._set_lr(self.step)

    def _note_step(self, *_: Any) -> None:
        """The optimizer has changed the weights: should memory run out now, this step is done."""
        if self._begun is not None:
            done = self._begun - self.state.epoch * self._batches.num_batches + self._first_batch
            self.state.batches_done = done + 1

    def _report(self, message: str) -> None:
        self._reports.progress(self.step, message, self._reports.writer.summary())

    def _check_stop(self) -> None:
        if self._ranks.any(self._reports.stop_asked()):
            raise StopAsked

    def _check_own_stop(self) -> None:
        if self._reports.stop_asked():
            raise StopAsked

    def _count_time(self) -> None:
        moment = time.monotonic()
        self._step_s = moment - self._clock
        self.state.trained_s += self._step_s
        self._clock = moment

    def _save_if_due(self, coming_s: float, share: float = 1.0) -> None:
        if self.step and self._pace.is_due(time.monotonic(), coming_s, share):
            self._save("saved")

    def _save(self, why: str) -> None:
        """Write a checkpoint. A full disk is said and does not end the run: the one before is kept."""
        if not self._ranks.first:
            return
        began = time.monotonic()
        try:
            with self._reports.saving():
                self._checkpoints.save(self.step, self._snapshot())
            self._reports.log(f"Checkpoint at step {self.step} of {self.steps} ({why}).")
        except (OSError, RuntimeError, MemoryError) as problem:  # torch wraps what the file raises
            self._reports.log(
                f"Error: the checkpoint at step {self.step} was not written: {problem}"
            )
        self._clock = time.monotonic()
        self._pace.note_saved(began, self._clock)

    def _snapshot(self) -> dict[str, Any]:
        return {
            "model": self.model.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "scaler": self._scaler.state_dict() if self._scaler is not None else None,
            "rng": torch.get_rng_state(),
            "progress": vars(self.state),
            "rung": [self.rung.accumulation, self.rung.gradient_checkpointing],
        }
