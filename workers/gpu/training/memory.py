"""Training that fits the memory: the ways to run one and the same batch in less and less of it.

First the whole batch, then with gradient checkpointing (activations are computed twice, not kept; Chen
et al. 2016), then in 2, 4, 8 ... micro-batches whose embeddings meet in one loss (open_clip's accum_freq,
as in GradCache, Gao et al. 2021). Each is the same optimisation; each is slower.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import torch

from workers.models.memory import is_out_of_memory, release_memory

Made = TypeVar("Made")


@dataclass(frozen=True)
class Rung:
    """One way to run a batch: in how many parts, and whether activations are kept."""

    accumulation: int = 1
    gradient_checkpointing: bool = False

    def micro_batch(self, batch_size: int) -> int:
        """Images in the largest part of a batch."""
        return -(-batch_size // self.accumulation)

    def describe(self, batch_size: int) -> str:
        """ "micro-batches of 8 (4 to a batch of 32), gradient checkpointing"."""
        parts = []
        if self.accumulation > 1:
            size = self.micro_batch(batch_size)
            parts.append(
                f"micro-batches of {size} ({self.accumulation} to a batch of {batch_size})"
            )
        else:
            parts.append(f"batches of {batch_size}")
        if self.gradient_checkpointing:
            parts.append("gradient checkpointing")
        return ", ".join(parts)


def make_ladder(batch_size: int) -> list[Rung]:
    """All ways for a batch, from the fastest to the smallest: micro-batches of one image at the end."""
    rungs = [Rung(), Rung(1, True)]
    parts = 2
    while parts < batch_size:
        rungs.append(Rung(parts, True))
        parts *= 2
    return [*rungs, Rung(batch_size, True)] if batch_size > 1 else rungs


def next_rung(rung: Rung, batch_size: int) -> Rung | None:
    """The next smaller way; None when there is none."""
    ladder = make_ladder(batch_size)
    after = [
        each
        for each in ladder
        if (each.accumulation, each.gradient_checkpointing)
        > (rung.accumulation, rung.gradient_checkpointing)
    ]
    return after[0] if after else None


def allocate_moments(optimizer: torch.optim.Optimizer) -> None:
    """Make Adam's moments now, all zero, not in the first step, and gradients once for the attempt.

    A step with zero gradients at learning rate 0 changes no weight (decay is multiplied by the rate);
    its count is taken back. After that a step allocates nothing, so memory can only run out before the
    weights change, and the same batch can be tried again.
    """
    rates = [group["lr"] for group in optimizer.param_groups]
    for group in optimizer.param_groups:
        group["lr"] = 0.0
        for parameter in group["params"]:
            parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    optimizer.zero_grad()
    for state in optimizer.state.values():
        state["step"].zero_()
    for group, rate in zip(optimizer.param_groups, rates, strict=True):
        group["lr"] = rate


def with_smaller_batches(
    work: Callable[[int], Made], first: int, log: Callable[[str], None]
) -> Made:
    """work(batch size), again with half as many when memory runs out, down to one image at a time."""
    size = first
    while True:
        try:
            return work(size)
        except Exception as problem:
            if size == 1 or not is_out_of_memory(problem):
                raise
        release_memory()
        log(f"{size} images at once do not fit the memory; going on with {size // 2}.")
        size //= 2


def has_batch_norm(model: Any) -> bool:
    """Whether the result depends on how a batch is parted: BatchNorm measures each part by itself."""
    return any(isinstance(part, torch.nn.modules.batchnorm._BatchNorm) for part in model.modules())
