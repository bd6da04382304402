"""The training itself: open_clip's model, loss, optimizer, schedule and `train_one_epoch`.

So a run is the same optimisation as `python -m open_clip_train.main` with the same arguments.
Around it: stopping between two steps, checkpoints, resuming in the middle of an epoch, choosing the
best epoch (0, the untuned model, included), early stopping.
"""

from __future__ import annotations

import random
import time
from argparse import Namespace
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from open_clip import create_loss
from open_clip_train.data import DataInfo
from open_clip_train.params import parse_args
from open_clip_train.precision import get_autocast
from open_clip_train.scheduler import cosine_lr
from open_clip_train.train import train_one_epoch

from common.train_plan import TrainParams, TrainPlan
from workers.child_io import Stopped
from workers.gpu.batches import TrainBatches
from workers.gpu.checkpoints import Checkpoints
from workers.gpu.evaluate import Validation, evaluate
from workers.gpu.metric_writer import MetricWriter

SAVE_SHARE = 20  # a checkpoint costs at most about this part of the time ...
SAVE_AT_LEAST_EVERY_S = 120.0  # ... but never is more than this lost


class StopAsked(Exception):
    """Raised between two steps once the user has asked to stop."""


@dataclass
class Progress:
    """Where a run is. history: one dict for each evaluated epoch; best: the best of them."""

    epoch: int = 0
    batches_done: int = 0  # of this epoch
    history: list[dict[str, Any]] = field(default_factory=list)
    best: dict[str, Any] | None = None
    trained_s: float = 0.0

    @property
    def best_epoch(self) -> int:
        """The epoch whose weights are kept."""
        return int(self.best["epoch"]) if self.best else self.epoch


@dataclass(frozen=True)
class Reports:
    """Whom a run talks to."""

    writer: MetricWriter
    progress: Callable[[int, str, dict[str, float]], None]  # steps done, message, figures
    log: Callable[[str], None]
    stop_asked: Callable[[], bool]


def seed_everything(seed: int) -> None:
    """As open_clip_train.main.random_seed."""
    torch.manual_seed(seed)
    np.random.seed(seed)
    random.seed(seed)


def open_clip_args(
    architecture: str, params: TrainParams, plan: TrainPlan, device: str, precision: str
) -> Namespace:
    """open_clip's own arguments, read by its own parser; one process, no distributed mode."""
    asked = {
        "--model": architecture, "--epochs": plan.epochs, "--batch-size": plan.batch_size.value,
        "--lr": plan.lr.value, "--warmup": plan.warmup.value, "--wd": params.weight_decay,
        "--precision": precision, "--seed": params.seed, "--device": device,
        "--log-every-n-steps": 1,
    }  # fmt: skip
    args: Namespace = parse_args([str(part) for pair in asked.items() for part in pair])
    args.distributed = args.horovod = args.distill = args.wandb = False
    args.rank = args.local_rank = 0
    args.world_size = 1
    return args


def create_optimizer(model: Any, args: Namespace) -> torch.optim.AdamW:
    """AdamW with open_clip_train.main's two groups: gains and biases are not decayed."""

    def excluded(name: str, p: torch.Tensor) -> bool:
        return p.ndim < 2 or any(part in name for part in ("bn", "ln", "bias", "logit_scale"))

    named = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    return torch.optim.AdamW(
        [
            {"params": [p for name, p in named if excluded(name, p)], "weight_decay": 0.0},
            {"params": [p for name, p in named if not excluded(name, p)], "weight_decay": args.wd},
        ],
        lr=args.lr,
        betas=(args.beta1, args.beta2),
        eps=args.eps,
        fused=True,
    )


class Trainer:
    """One run from its first to its last epoch."""

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
    ) -> None:
        self.model, self.args, self.state = model, args, Progress()
        self._batches, self._validation = batches, validation
        self._checkpoints, self._reports = checkpoints, reports
        self._keep_best, self._cut, self._patience = keep_best, cut, patience
        self._every_s = self._save_interval_s = checkpoint_every_s
        self._optimizer = create_optimizer(model, args)
        self._scaler = torch.amp.GradScaler(args.device) if args.precision == "amp" else None
        self._loss = create_loss(args)
        self.steps = batches.num_batches * args.epochs
        self._set_lr = cosine_lr(self._optimizer, args.lr, args.warmup, self.steps)
        self._autocast = get_autocast(args.precision, torch.device(args.device).type)
        self._first_batch = 0
        self._saved_at = self._clock = time.monotonic()

    @property
    def step(self) -> int:
        """Optimizer steps done."""
        return self.state.epoch * self._batches.num_batches + self.state.batches_done

    def restore(self, saved: dict[str, Any]) -> None:
        """Go on where a checkpoint was written."""
        self.model.load_state_dict(saved["model"])
        self._optimizer.load_state_dict(saved["optimizer"])
        if self._scaler is not None and saved["scaler"] is not None:
            self._scaler.load_state_dict(saved["scaler"])
        torch.set_rng_state(saved["rng"])
        self.state = Progress(**saved["progress"])

    def run(self) -> None:
        """Train to the end. Raises child_io.Stopped (a checkpoint is written), TrainingDiverged."""
        try:
            while True:
                self._evaluate()
                if self.state.epoch == self.args.epochs or self._has_plateaued():
                    break
                self._train_epoch()
        except StopAsked:
            self._save("stopped")
            raise Stopped(
                epochs_done=self.state.epoch, step=self.step, steps=self.steps, resumable=True
            ) from None
        self._reports.writer.flush()

    def _evaluate(self) -> None:
        """Measure the model as it is at the end of the current epoch, unless that has been done."""
        epoch, data = self.state.epoch, self._validation
        if self.state.batches_done or any(each["epoch"] == epoch for each in self.state.history):
            return
        figures: dict[str, float] = {}
        if data is not None:
            what = "the untuned model" if epoch == 0 else f"epoch {epoch}"
            self._report(f"evaluating {what}")
            figures = evaluate(
                self.model, data, self.args.device, self._autocast, self._cut, self._check_stop
            )
            self._reports.writer.add_validation(figures, self.step, epoch)
            self._reports.log(
                f"Epoch {epoch}: "
                + ", ".join(f"{name} {value:.4f}" for name, value in figures.items())
            )
        record = {"epoch": epoch, "step": self.step, **figures}
        self.state.history.append(record)
        if is_better(record, self.state.best):
            self.state.best = record
            self._keep_best(epoch)
        self._save_if_due(self._save_interval_s / 4)

    def _has_plateaued(self) -> bool:
        stale = self.state.epoch - self.state.best_epoch
        if not self._patience or self._validation is None or stale < self._patience:
            return False
        self._reports.log(
            f"Stopped early: no better epoch than {self.state.best_epoch} since then."
        )
        return True

    def _train_epoch(self) -> None:
        self._first_batch = self.state.batches_done
        self._batches.skip(self._first_batch)
        self._clock = time.monotonic()
        # train_one_epoch logs with the root logger; the figures reach the job through the writer.
        train_one_epoch(
            self.model,
            {"train": DataInfo(dataloader=self._batches, shared_epoch=self._batches)},
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
        self._reports.writer.flush()
        self.state.epoch, self.state.batches_done = self.state.epoch + 1, 0

    def _begin_step(self, step: int) -> None:
        """open_clip's scheduler hook, called before each step. `step` counts from the batch that
        this pass began with, so a resumed epoch needs the batches before it added.
        """
        done = step - self.state.epoch * self._batches.num_batches + self._first_batch
        self.state.batches_done = done
        self._check_stop()
        self._save_if_due(self._save_interval_s)
        writer = self._reports.writer
        writer.step, writer.epoch = self.step, round(self.step / self._batches.num_batches, 3)
        self._report(f"epoch {self.state.epoch + 1} of {self.args.epochs}")
        self._set_lr(self.step)

    def _report(self, message: str) -> None:
        self._reports.progress(self.step, message, self._reports.writer.summary())

    def _check_stop(self) -> None:
        if self._reports.stop_asked():
            raise StopAsked

    def _count_time(self) -> None:
        moment = time.monotonic()
        self.state.trained_s += moment - self._clock
        self._clock = moment

    def _save_if_due(self, every_s: float) -> None:
        if self.step and time.monotonic() - self._saved_at >= every_s:
            self._save("saved")

    def _save(self, why: str) -> None:
        """Write a checkpoint. A full disk is said and does not end the run: the one before is kept."""
        began = time.monotonic()
        if self.state.batches_done:
            self._count_time()
        try:
            self._checkpoints.save(self.step, self._snapshot())
            self._reports.log(f"Checkpoint at step {self.step} of {self.steps} ({why}).")
        except (OSError, RuntimeError) as problem:  # torch wraps what the file raises
            self._reports.log(
                f"Error: the checkpoint at step {self.step} was not written: {problem}"
            )
        took_s = time.monotonic() - began
        self._saved_at = self._clock = time.monotonic()
        if self._every_s:
            longest = max(self._every_s, SAVE_AT_LEAST_EVERY_S)
            self._save_interval_s = min(max(self._every_s, SAVE_SHARE * took_s), longest)

    def _snapshot(self) -> dict[str, Any]:
        return {
            "model": self.model.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "scaler": self._scaler.state_dict() if self._scaler is not None else None,
            "rng": torch.get_rng_state(),
            "progress": vars(self.state),
        }


def is_better(new: dict[str, Any], best: dict[str, Any] | None) -> bool:
    """Whether an epoch beats the best so far: text-to-image recall@1, then the mean of all recalls.

    At a tie the earlier epoch stays. Without validation images the newest counts.
    """
    if best is None or "t2i_r1" not in new:
        return True
    return _merit(new) > _merit(best)


def _merit(record: dict[str, Any]) -> tuple[float, float]:
    recalls = [value for name, value in record.items() if name[:3] in ("t2i", "i2t")]
    return record["t2i_r1"], round(sum(recalls) / len(recalls), 6)
