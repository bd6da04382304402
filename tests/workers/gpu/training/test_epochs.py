"""The end of an epoch: a model that is of no use is told, also where no image can measure it."""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from common.errors import TrainingDiverged
from workers.gpu.proof.control_set import SAMPLE, make_control_set
from workers.gpu.training.epochs import EpochEnd, Progress
from workers.models.clip_model import LoadedClip, create_clip, cut_text


@pytest.fixture
def loaded() -> LoadedClip:
    torch.manual_seed(1)
    return create_clip("clip-browser-small", None)


def epoch_end(loaded: LoadedClip, kept: list[int]) -> EpochEnd:
    """Without validation images."""
    reports: Any = SimpleNamespace(
        writer=SimpleNamespace(take_mean=dict), log=print, stop_asked=lambda: False
    )
    sample = make_control_set(loaded, SAMPLE)
    assert len(sample.pixels) == len(sample.tokens) == SAMPLE
    return EpochEnd(
        loaded.model, None, reports, device="cpu", precision="fp32",
        keep_best=kept.append, cut=partial(cut_text, loaded.model), sample=sample,
    )  # fmt: skip


def test_without_validation_images_a_model_that_embeds_is_kept(loaded: LoadedClip) -> None:
    kept: list[int] = []
    progress = Progress(epoch=2)
    epoch_end(loaded, kept).close(progress, step=4, epochs=2)
    assert (kept, progress.best_epoch, progress.history) == ([2], 2, [{"epoch": 2, "step": 4}])


def test_a_model_that_is_of_no_use_outside_of_training_is_not_kept(loaded: LoadedClip) -> None:
    """Its weights are numbers and so is its loss, whose BatchNorm takes the batch's own statistics."""
    norms = [each for each in loaded.model.modules() if isinstance(each, torch.nn.BatchNorm2d)]
    for each in norms:
        each.running_var.fill_(float("inf"))
        each.running_mean.fill_(float("inf"))
    kept: list[int] = []
    progress = Progress(epoch=2)
    with pytest.raises(TrainingDiverged, match=r"embeddings .* after epoch 2"):
        epoch_end(loaded, kept).close(progress, step=4, epochs=2)
    assert (kept, progress.best, progress.history) == ([], None, [])


def test_weights_that_are_no_numbers_are_told(loaded: LoadedClip) -> None:
    with torch.no_grad():
        next(iter(loaded.model.parameters())).fill_(float("nan"))
    with pytest.raises(TrainingDiverged, match=r"weights .* after epoch 1"):
        epoch_end(loaded, []).close(Progress(epoch=1), step=2, epochs=3)
