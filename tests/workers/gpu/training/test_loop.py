"""Our loop and open_clip's `train_one_epoch`, in each precision, whole and in parts: to the last bit."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from open_clip import create_loss
from open_clip_train.scheduler import cosine_lr
from open_clip_train.train import train_one_epoch

from common.training.params import TrainParams
from common.training.plan import DataSize, Machine
from common.training.planning import plan_training
from tests.workers.gpu.tiny_clip import NAME, make_model_folder
from workers.gpu.data.batches import Batch, TrainBatches
from workers.gpu.data.cache import PixelCache
from workers.gpu.data.examples import input_shape
from workers.gpu.training.loop import train
from workers.gpu.training.memory import BatchLayout, split_batch
from workers.gpu.training.optimizer import create_adamw, open_clip_args
from workers.gpu.training.run_state import Run
from workers.models.clip_model import LoadedClip, create_clip

IMAGES, BATCH, EPOCHS = 30, 10, 2
NOTHING: Any = lambda *_: None  # noqa: E731


def make_batches(loaded: LoadedClip, folder: Path) -> TrainBatches:
    shape, rng = input_shape(loaded.model), np.random.default_rng(1)
    cache = PixelCache(10**8, folder)
    for _ in range(IMAGES):
        cache.append(rng.integers(0, 256, (shape.size, shape.size, 3), dtype=np.uint8))
    tokens = loaded.tokenizer([f"a picture of {number}" for number in range(IMAGES)])
    rows = [[number] for number in range(IMAGES)]
    return TrainBatches(cache, tokens, rows, shape, batch_size=BATCH, seed=1)


def train_ours(loaded: LoadedClip, batches: TrainBatches, args: Any, parts: int) -> list[float]:
    """The loss of each step."""
    losses: list[float] = []
    writer = SimpleNamespace(
        begin=NOTHING, begin_step=NOTHING, summary=dict, flush=NOTHING,
        add_step=lambda figures: losses.append(figures["loss"]),
    )  # fmt: skip
    reports: Any = SimpleNamespace(
        writer=writer, progress=NOTHING, log=NOTHING, stop_asked=lambda: False
    )
    epoch_end: Any = SimpleNamespace(
        close=lambda progress, *_: progress.history.append({"epoch": progress.epoch}),
        ends_early=lambda _: False,
    )
    saver: Any = SimpleNamespace(is_due=lambda *_: False)
    layout = BatchLayout(parts, parts > 1)
    train(Run(loaded.model, batches, args, epoch_end, saver, reports, layout=layout))
    return losses


class TheirData:
    """What open_clip's loop calls its data and its loader."""

    num_samples = IMAGES

    def __init__(self, batches: TrainBatches, parts: int) -> None:
        self._batches, self._parts, self.dataloader = batches, parts, self
        self.num_batches = batches.num_batches * parts

    def set_epoch(self, epoch: int) -> None:
        self._epoch = epoch

    def __iter__(self) -> Iterator[Batch]:
        for batch in self._batches.of_epoch(self._epoch):
            yield from split_batch(*batch, self._parts)


def train_theirs(loaded: LoadedClip, batches: TrainBatches, args: Any, parts: int) -> list[float]:
    losses: list[float] = []
    args.accum_freq, args.gather_with_grad = parts, False
    if parts > 1:
        loaded.model.set_grad_checkpointing(True)
        # Theirs adds up the scale's gradient of each part's loss, which is that of the whole batch.
        loaded.model.logit_scale.register_hook(lambda gradient: gradient / parts)
    optimizer = create_adamw(loaded.model, args)
    schedule = cosine_lr(optimizer, args.lr, args.warmup, batches.num_batches * EPOCHS)
    scaler = torch.amp.GradScaler("cpu") if args.precision == "amp" else None
    writer = SimpleNamespace(
        add_scalar=lambda name, value, _: losses.append(value) if name == "train/loss" else None
    )
    data = {"train": TheirData(batches, parts)}
    for epoch in range(EPOCHS):
        train_one_epoch(
            loaded.model, data, create_loss(args), epoch, optimizer, scaler, schedule, None, args,
            tb_writer=writer,
        )  # fmt: skip
    return losses


@pytest.mark.parametrize("parts", [1, 3])
@pytest.mark.parametrize("precision", ["fp32", "amp", "amp_bf16"])
def test_each_step_is_open_clips_own(tmp_path: Path, precision: str, parts: int) -> None:
    params = TrainParams(
        model=NAME, epochs=EPOCHS, batch_size=BATCH, lr=1e-3, warmup=2, pretrained="mine"
    )
    plan = plan_training(params, DataSize(IMAGES, IMAGES, 0), Machine("cpu"))
    args = open_clip_args(NAME, params, plan, "cpu", precision)
    folder = f"local-dir:{make_model_folder(tmp_path)}"
    ours, theirs = create_clip(folder, None), create_clip(folder, None)
    losses = train_ours(ours, make_batches(ours, tmp_path), copy.copy(args), parts)
    assert len(losses) == IMAGES // BATCH * EPOCHS
    assert losses == train_theirs(theirs, make_batches(theirs, tmp_path), args, parts)
    for name, tensor in theirs.model.state_dict().items():
        assert torch.equal(ours.model.state_dict()[name], tensor), name
