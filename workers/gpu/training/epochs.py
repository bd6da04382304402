"""Where a run is, and what happens when an epoch is over: the model is measured, the best one kept,
trends are told.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any

import torch
from open_clip_train.precision import get_autocast

from common.errors import TrainingDiverged
from workers.gpu.proof.evaluation import Validation, evaluate, usual_encode_batch
from workers.gpu.proof.recall import is_better
from workers.gpu.report.progress import Reports
from workers.gpu.report.trends import find_trends
from workers.gpu.training.checkpoints import is_disk_full
from workers.models.memory import with_smaller_batches

Figures = dict[str, float]


class StopAsked(Exception):
    """Raised between two steps, or within an evaluation, once somebody has asked to stop."""


@dataclass
class Progress:
    """Where a run is. history: one dict for each evaluated epoch; best: the best of them.

    said: the kinds of trend that the user has been told of (`workers.gpu.report.trends`).
    """

    epoch: int = 0
    batches_done: int = 0  # of this epoch
    history: list[dict[str, Any]] = field(default_factory=list)
    best: dict[str, Any] | None = None
    trained_s: float = 0.0
    said: list[str] = field(default_factory=list)

    @property
    def best_epoch(self) -> int:
        """The epoch whose weights are kept."""
        return int(self.best["epoch"]) if self.best else self.epoch

    @classmethod
    def from_saved(cls, saved: dict[str, Any]) -> Progress:
        """From a checkpoint, which another version may have written: what is not known is left out."""
        known = {each.name for each in fields(cls)}
        return cls(**{name: value for name, value in saved.items() if name in known})


class EpochEnd:
    """Measures a model after each epoch.

    keep_best: writes the weights as those of an epoch. cut: as in `workers.models.clip_model.cut_text`.
    patience: epochs without a better one until a run ends early; 0 for never. sample: what the model must
    still embed when there are no validation images; None: its weights need only be numbers.
    """

    def __init__(
        self,
        model: Any,
        validation: Validation | None,
        reports: Reports,
        *,
        device: str,
        precision: str,
        keep_best: Callable[[int], None],
        cut: Callable[[torch.Tensor], torch.Tensor],
        patience: int = 0,
        sample: Validation | None = None,
    ) -> None:
        self._model, self._validation, self._sample = model, validation, sample
        self._reports = reports
        self._device = device
        self._autocast = get_autocast(precision, torch.device(device).type)
        self._keep_best, self._cut, self._patience = keep_best, cut, patience
        self._encode_batch = usual_encode_batch(device)

    def close(self, progress: Progress, step: int, epochs: int) -> None:
        """Measure the model as it is after `progress.epoch` and note it in `progress`.

        Raises TrainingDiverged, StopAsked.
        """
        figures = self._measure(progress.epoch, step)
        mean = self._reports.writer.take_mean()
        record = {"epoch": progress.epoch, "step": step, **mean, **figures}
        progress.history.append(record)
        if is_better(record, progress.best) and self._keep(progress.epoch):
            progress.best = record
        if 0 < progress.epoch < epochs:
            self._tell_trends(progress)

    def _measure(self, epoch: int, step: int) -> Figures:
        """The figures on the validation images; {} without any."""
        data = self._validation
        if data is None:
            self._check_model(epoch)
            return {}
        what = "the untuned model" if epoch == 0 else f"epoch {epoch}"
        self._reports.progress(step, f"evaluating {what}", self._reports.writer.summary())
        figures = self._evaluate(data)
        self._reports.writer.add_validation(figures, step, epoch)
        shown = ", ".join(f"{name} {value:.4f}" for name, value in figures.items())
        self._reports.log(f"Epoch {epoch}: {shown}")
        return figures

    def _check_model(self, epoch: int) -> None:
        """Raises TrainingDiverged when the model is of no use. Its loss may still be a number: BatchNorm
        takes a batch's own statistics in training, those of many batches afterwards.
        """
        if not all(bool(torch.isfinite(each).all()) for each in self._model.parameters()):
            raise TrainingDiverged(f"The weights are no numbers any more after epoch {epoch}.")
        if self._sample is None:
            return
        try:
            self._evaluate(self._sample)
        except TrainingDiverged as problem:
            raise TrainingDiverged(
                f"The model's embeddings are no numbers any more after epoch {epoch}."
            ) from problem

    def _evaluate(self, data: Validation) -> Figures:
        """In smaller batches from now on when memory runs out. Raises TrainingDiverged, StopAsked."""

        def measure(encode_batch: int) -> Figures:
            self._encode_batch = encode_batch
            return evaluate(
                self._model, data, self._device, self._autocast, self._cut, self._check_stop,
                encode_batch=encode_batch,
            )  # fmt: skip

        return with_smaller_batches(measure, self._encode_batch, self._reports.log)

    def _check_stop(self) -> None:
        if self._reports.stop_asked():
            raise StopAsked

    def _keep(self, epoch: int) -> bool:
        """Write the best weights; a full disk is said, and the best before stays the best."""
        try:
            self._keep_best(epoch)
        except (
            Exception
        ) as problem:  # safetensors has an exception of its own for what the disk says
            if not is_disk_full(problem):
                raise
            self._reports.log(f"Error: the weights of epoch {epoch} were not kept: {problem}")
            return False
        return True

    def _tell_trends(self, progress: Progress) -> None:
        for kind, words in find_trends(progress.history).items():
            if kind not in progress.said:
                progress.said.append(kind)
                self._reports.note(words)

    def ends_early(self, progress: Progress) -> bool:
        """Whether there was no better epoch for `patience` epochs; then it is said."""
        stale = progress.epoch - progress.best_epoch
        if not self._patience or self._validation is None or stale < self._patience:
            return False
        self._reports.note(
            f"Stopped early after epoch {progress.epoch}: no better epoch than {progress.best_epoch} in the "
            f"last {stale}."
        )
        return True
