"""Several processes that train one model together: what they agree on and how their work is divided.

The first process alone speaks, evaluates and writes; the others follow. A batch is divided among them
in its order and every feature is gathered with its gradient, so that a step is the same as in one
process (open_clip's ClipLoss with gather_with_grad, DistributedDataParallel).
"""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from torch import distributed as dist
from torch.nn.parallel import DistributedDataParallel

from workers.gpu.data.cache import PixelCache
from workers.gpu.training.memory import has_batch_norm
from workers.runtime import child_io

# Processes wait for the first one while it evaluates or writes, however long that takes. If it ends
# meanwhile, torchrun ends them too.
WAIT_LIMIT = timedelta(days=7)
STEP_LIMIT = timedelta(hours=1)  # in the middle of a step; longer than any checkpoint takes
_GONE = ("Connection closed by peer", "Connection reset by peer", "Broken pipe")  # as gloo says it


@dataclass(frozen=True)
class Ranks:
    """This process among those of the run; `control` is for words between them, on the CPU."""

    rank: int = 0
    world_size: int = 1
    control: Any = None

    @property
    def first(self) -> bool:
        """Whether this is the process that speaks and writes."""
        return self.rank == 0

    @property
    def alone(self) -> bool:
        """Whether there is one process only."""
        return self.world_size == 1

    def device(self, device: str) -> str:
        """This process's own device: "cuda:<rank>" of the GPUs that it can see, or "cpu"."""
        if self.alone or not device.startswith("cuda"):
            return device
        return f"cuda:{self.rank}"

    def any(self, mine: bool) -> bool:
        """Whether it is true in one of the processes. All must ask."""
        if self.alone:
            return mine
        flag = torch.tensor([int(mine)])
        dist.all_reduce(flag, op=dist.ReduceOp.MAX, group=self.control)
        return bool(flag.item())

    def share(self, mine: Any) -> Any:
        """What the first process gave; what the others give is dropped. All must ask."""
        if self.alone:
            return mine
        box = [mine]
        dist.broadcast_object_list(box, src=0, group=self.control)
        return box[0]

    @contextmanager
    def first_goes_first(self) -> Iterator[None]:
        """The first process does what is inside before the others do: they find it made."""
        if not self.first:
            self.share(None)
        yield
        if self.first:
            self.share(None)

    def share_images(
        self, cache: PixelCache, kept: Sequence[int], folder: Path
    ) -> tuple[PixelCache, Sequence[int]]:
        """(the first process's images, which of the run's they are): decoded once, not by each.

        The others read them from a file in `folder`, of which the machine keeps one copy in memory.
        """
        if self.alone:
            return cache, kept
        path = folder / "images.shared"
        entries, kept = self.share((cache.lend(path), kept) if self.first else None)
        if not self.first:
            cache = PixelCache.borrow(path, entries)
        self.any(False)  # all have opened it
        if self.first:
            path.unlink()
        return cache, kept

    def wrap(self, model: Any) -> Any:
        """The model as the training loop calls it; its weights become the first process's.

        A model with BatchNorm normalises over the whole batch on GPUs, over each process's part of
        it on CPUs (SyncBatchNorm runs on GPUs only).
        """
        if self.alone:
            return model
        device = next(model.parameters()).device
        if device.type == "cpu":
            return DistributedDataParallel(model, gradient_as_bucket_view=True)
        # In place, and the parameters stay the same objects.
        torch.nn.SyncBatchNorm.convert_sync_batchnorm(model)  # type: ignore[no-untyped-call]
        return DistributedDataParallel(model, device_ids=[device], gradient_as_bucket_view=True)

    def caveats(self, model: Any) -> list[str]:
        """In what a run differs from the same one in one process."""
        on_cpu = next(model.parameters()).device.type == "cpu"
        if self.alone or not on_cpu or not has_batch_norm(model):
            return []
        return [
            f"This model has BatchNorm, which each of the {self.world_size} processes computes on its "
            "own part of a batch: the result differs a little from that of one process."
        ]

    def mark(self, args: Namespace) -> None:
        """Tell open_clip's loss about the processes."""
        args.distributed = not self.alone
        args.rank = args.local_rank = self.rank
        args.world_size = self.world_size
        args.gather_with_grad = not self.alone

    def part(self, count: int) -> slice:
        """Which of the `count` examples of a batch are this process's; all have equally many."""
        size = count // self.world_size
        return slice(self.rank * size, (self.rank + 1) * size)

    def leave(self) -> None:
        """When the training is over, before the first process finishes by itself."""
        if self.alone:
            return
        self.any(False)
        dist.destroy_process_group()


@contextmanager
def leave_quietly() -> Iterator[None]:
    """Ends this process without a word when another one has ended: that one has said why."""
    try:
        yield
    except RuntimeError as problem:
        if os.environ["RANK"] == "0" or not any(words in str(problem) for words in _GONE):
            raise
        child_io.leave_at_once(1)


def join_ranks(device: str) -> Ranks:
    """Meet the other processes that torchrun started; Ranks() for a process by itself.

    device: "cpu" or "cuda". Raises RuntimeError when they do not come together.
    """
    if not child_io.is_one_of_several():
        return Ranks()
    rank, world_size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    if sys.platform == "linux":
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")  # of this machine, whatever its name is
    if device.startswith("cuda"):
        torch.cuda.set_device(rank)
        dist.init_process_group("nccl", timeout=STEP_LIMIT)
    else:
        dist.init_process_group("gloo", timeout=STEP_LIMIT)
    return Ranks(rank, world_size, dist.new_group(backend="gloo", timeout=WAIT_LIMIT))
