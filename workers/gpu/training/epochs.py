"""What happens when an epoch is over: the model is measured, the best one kept, trends are told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from common.errors import TrainingDiverged
from workers.gpu.proof.evaluation import Validation, evaluate, usual_encode_batch
from workers.gpu.report.progress import Reports
from workers.gpu.report.trends import find_trends
from workers.gpu.training.checkpoints import is_disk_full
from workers.gpu.training.memory import with_smaller_batches
from workers.gpu.training.progress import Progress, is_better

Figures = dict[str, float]


class EpochEnd:
    """Measures a model after each epoch.

    keep_best: writes the weights as those of an epoch. cut: as in `workers.models.clip_model.cut_text`.
    patience: epochs without a better one until a run ends early; 0 for never.
    """

    def __init__(
        self,
        model: Any,
        validation: Validation | None,
        reports: Reports,
        *,
        device: str,
        autocast: Callable[[], Any],
        keep_best: Callable[[int], None],
        cut: Callable[[torch.Tensor], torch.Tensor],
        patience: int = 0,
    ) -> None:
        self._model, self._validation, self._reports = model, validation, reports
        self._device, self._autocast = device, autocast
        self._keep_best, self._cut, self._patience = keep_best, cut, patience
        self._encode_batch = usual_encode_batch(device)

    def close(
        self, state: Progress, step: int, epochs: int, check_stop: Callable[[], None]
    ) -> None:
        """Measure the model as it is after `state.epoch` and note it in `state`.

        Raises TrainingDiverged, and what check_stop raises.
        """
        figures = self._measure(state.epoch, step, check_stop)
        record = {"epoch": state.epoch, "step": step, **self._reports.writer.take_mean(), **figures}
        state.history.append(record)
        if is_better(record, state.best) and self._keep(state.epoch):
            state.best = record
        if 0 < state.epoch < epochs:
            self._tell_trends(state)

    def _measure(self, epoch: int, step: int, check_stop: Callable[[], None]) -> Figures:
        """The figures on the validation images; {} without any."""
        data = self._validation
        if data is None:
            if not all(bool(torch.isfinite(each).all()) for each in self._model.parameters()):
                raise TrainingDiverged(f"The weights are no numbers any more after epoch {epoch}.")
            return {}
        what = "the untuned model" if epoch == 0 else f"epoch {epoch}"
        self._reports.progress(step, f"evaluating {what}", self._reports.writer.summary())

        def measure(encode_batch: int) -> Figures:
            self._encode_batch = encode_batch
            return evaluate(
                self._model, data, self._device, self._autocast, self._cut, check_stop,
                encode_batch=encode_batch,
            )  # fmt: skip

        figures = with_smaller_batches(measure, self._encode_batch, self._reports.log)
        self._reports.writer.add_validation(figures, step, epoch)
        shown = ", ".join(f"{name} {value:.4f}" for name, value in figures.items())
        self._reports.log(f"Epoch {epoch}: {shown}")
        return figures

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

    def _tell_trends(self, state: Progress) -> None:
        for kind, words in find_trends(state.history).items():
            if kind not in state.said:
                state.said.append(kind)
                self._reports.note(words)

    def ends_early(self, state: Progress) -> bool:
        """Whether there was no better epoch for `patience` epochs; then it is said."""
        stale = state.epoch - state.best_epoch
        if not self._patience or self._validation is None or stale < self._patience:
            return False
        self._reports.note(
            f"Stopped early after epoch {state.epoch}: no better epoch than {state.best_epoch} in the "
            f"last {stale}."
        )
        return True
