"""Batches handed out in parts, for open_clip's accumulation (accum_freq)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from workers.gpu.data.batches import Batch, TrainBatches


@dataclass(frozen=True)
class LoopData:
    """What open_clip's training loop calls its data: as open_clip_train.data.DataInfo, whose module
    would import pandas and webdataset, half a second of each run.
    """

    dataloader: MicroBatches

    def set_epoch(self, epoch: int) -> None:
        """Which epoch comes."""
        self.dataloader.set_value(epoch)


class MicroBatches:
    """What open_clip's training loop calls a dataloader: each batch in `parts`, as equal as can be.

    The parts of a batch hold its images in its order. They may differ by one: open_clip joins the
    embeddings of all parts before the loss, so no part's size matters.
    """

    def __init__(self, batches: TrainBatches, parts: int) -> None:
        self._batches, self._parts = batches, parts
        self.num_batches = batches.num_batches * parts
        self.num_samples = batches.num_samples

    def set_value(self, epoch: int) -> None:
        """Which epoch comes."""
        self._batches.set_value(epoch)

    def __len__(self) -> int:
        return self.num_batches

    def __iter__(self) -> Iterator[Batch]:
        for images, texts in self._batches:
            yield from zip(
                images.tensor_split(self._parts), texts.tensor_split(self._parts), strict=True
            )
