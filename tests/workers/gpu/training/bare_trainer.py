"""`python -m open_clip_train.main` as it is, with our model configurations and, if asked, our order.

`python -m tests.workers.gpu.training.bare_trainer SEED ARGUMENTS...`: with a seed the rows come in the order in
which our own training takes the images; "-" leaves open_clip its own shuffling.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import torch
from open_clip_train import data, main
from torch.utils.data import DataLoader, Sampler

from common.models.catalogue import MODEL_CONFIG_DIR
from workers.gpu.data.batches import InputShape, TrainBatches
from workers.gpu.data.cache import PixelCache


class OurOrder(Sampler[int]):
    """The images of one epoch after the other in our order."""

    def __init__(self, count: int, seed: int) -> None:
        cache = PixelCache(10**6, Path("unused"))
        for _ in range(count):
            cache.append(np.zeros((1, 1, 3), np.uint8))
        shape = InputShape(1, (0.5,) * 3, (0.5,) * 3)
        captions = [[i] for i in range(count)]
        self._ours = TrainBatches(
            cache, torch.zeros(count, 4), captions, shape, batch_size=1, seed=seed
        )
        self._count, self._epoch = count, -1

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[int]:
        self._epoch += 1
        return iter(self._ours.order(self._epoch).tolist())


def take_our_order(seed: int) -> None:
    """Have open_clip's CSV data set handed out in our order."""
    original = data.get_csv_dataset

    def get_csv_dataset(args: Any, *rest: Any, **named: Any) -> Any:
        info = original(args, *rest, **named)
        loader: Any = DataLoader(
            info.dataloader.dataset,
            batch_size=args.batch_size,
            sampler=OurOrder(len(info.dataloader.dataset), seed),
            drop_last=True,
        )
        loader.num_samples, loader.num_batches = info.dataloader.num_samples, len(loader)
        return data.DataInfo(loader, None)

    data.get_csv_dataset = get_csv_dataset


if __name__ == "__main__":
    open_clip.add_model_config(MODEL_CONFIG_DIR)
    if sys.argv[1] != "-":
        take_our_order(int(sys.argv[1]))
    main.main(sys.argv[2:])
