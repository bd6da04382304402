"""Training that fits the memory: the ways to run one and the same batch in less and less of it.

First the whole batch, then with gradient checkpointing (activations are computed twice, not kept; Chen
et al. 2016), then in 2, 4, 8 ... micro-batches whose embeddings meet in one loss (open_clip's accum_freq,
as in GradCache, Gao et al. 2021). Each is the same optimisation; each is slower.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psutil
import torch

from common.errors import GpuOutOfMemory
from common.models.catalogue import CATALOGUE, find_model
from common.training.memory import fit_batch
from workers.gpu.config import TrainConfig
from workers.gpu.devices import gpu_memory_gb
from workers.models.clip_model import choose_device
from workers.models.memory import is_out_of_memory

Embeddings = dict[str, torch.Tensor]  # what open_clip's model gives and its loss takes
SCALES = ("logit_scale", "logit_bias")  # those of them that belong to no image or text


@dataclass(frozen=True)
class BatchLayout:
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


def list_layouts(batch_size: int) -> list[BatchLayout]:
    """All ways for a batch, from the fastest to the smallest: micro-batches of one image at the end."""
    layouts = [BatchLayout(), BatchLayout(1, True)]
    parts = 2
    while parts < batch_size:
        layouts.append(BatchLayout(parts, True))
        parts *= 2
    return [*layouts, BatchLayout(batch_size, True)] if batch_size > 1 else layouts


def smaller_layout(layout: BatchLayout, batch_size: int) -> BatchLayout | None:
    """The next smaller way; None when there is none."""
    now = (layout.accumulation, layout.gradient_checkpointing)
    after = (
        each
        for each in list_layouts(batch_size)
        if (each.accumulation, each.gradient_checkpointing) > now
    )
    return next(after, None)


def estimate_layout(model: str, batch_size: int, free_gb: float | None) -> BatchLayout:
    """The fastest layout that should fit; the whole batch where nothing is known, as on a CPU."""
    known = find_model(model)
    if known is None or free_gb is None:
        return BatchLayout()
    fit = fit_batch(known, batch_size, free_gb)
    return BatchLayout(fit.accumulation, fit.gradient_checkpointing)


def split_batch(
    images: torch.Tensor, texts: torch.Tensor, parts: int
) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """A batch in so many parts, in its order, as equal as can be; none needs to be as long as another."""
    return list(zip(images.tensor_split(parts), texts.tensor_split(parts), strict=True))


def join_parts(embedded: Sequence[Embeddings], number: int, made: Embeddings) -> Embeddings:
    """What the loss of a whole batch needs: `made` in its place among the embeddings of all parts.

    embedded: of each part, without gradients; empty for a batch in one part. made: part `number`.
    """
    if not embedded:
        return made
    before, after = embedded[:number], embedded[number + 1 :]
    return {
        name: value
        if name in SCALES
        else torch.cat([*(each[name] for each in before), value, *(each[name] for each in after)])
        for name, value in made.items()
    }


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


def has_batch_norm(model: Any) -> bool:
    """Whether the result depends on how a batch is parted: BatchNorm measures each part by itself."""
    return any(isinstance(part, torch.nn.modules.batchnorm._BatchNorm) for part in model.modules())


class LessMemoryNeeded(Exception):
    """Raised when memory ran out in a step of several processes: the run begins again with `layout`."""

    def __init__(self, layout: BatchLayout) -> None:
        super().__init__("out of memory")
        self.layout = layout


@contextmanager
def memory_shortage_told(config: TrainConfig) -> Iterator[None]:
    """Turns what is raised when memory runs out into GpuOutOfMemory with what would fit."""
    try:
        yield
    except LessMemoryNeeded as problem:
        layout = [problem.layout.accumulation, problem.layout.gradient_checkpointing]
        raise GpuOutOfMemory(
            "A step of the run did not fit the memory of one of its GPUs.", details={"rung": layout}
        ) from problem
    except Exception as problem:
        if not is_out_of_memory(problem):
            raise
        traceback.print_exc()  # where it ran out: for the log
        raise _out_of_memory(config, choose_device(config.device)) from problem


def _out_of_memory(config: TrainConfig, device: str) -> GpuOutOfMemory:
    """The error of a training for which not even single images fit, with what should fit."""
    on_gpu = device != "cpu"
    total_gb = gpu_memory_gb(device) or psutil.virtual_memory().total / 1e9
    room_gb = min(total_gb, config.memory_gb or total_gb)
    where = "of GPU memory" if on_gpu else "of memory"
    known = find_model(config.params.model)
    smaller = [
        each
        for each in CATALOGUE
        if (known is None or each.parameters < known.parameters)
        and fit_batch(each, 1, room_gb).fits
    ]
    ways = []
    if smaller:
        best = max(smaller, key=lambda each: each.parameters)
        ways.append(f"train {best.name}, which should fit")
    if config.memory_gb is not None and config.memory_gb < total_gb:
        ways.append("allow more memory (CLIP_BROWSER_TRAIN_MEMORY_GB)")
    ways.append(f"close other programs that use this {'GPU' if on_gpu else 'machine'}")
    remedy = ", or ".join(ways) + "."
    return GpuOutOfMemory(
        f"{config.params.model} does not fit the {room_gb:.1f} GB {where}, not even with one image at "
        "a time and gradient checkpointing.",
        remedy=remedy[0].upper() + remedy[1:],
    )
