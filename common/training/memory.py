"""How much GPU memory a training takes, and how a batch is made to fit. Pure: estimates, not trials."""

from __future__ import annotations

from dataclasses import dataclass

from common.models.catalogue import CatalogueModel

OVERHEAD_GB = 0.5  # CUDA context and workspaces
STATE_BYTES = 16  # a parameter: fp32 weight and gradient, two Adam moments
# Of 34 bytes kept per token, width and layer, a block's input alone is 2 (Korthikanti et al. 2022).
INPUT_SHARE = 2 / 34


@dataclass(frozen=True)
class MemoryFit:
    """How a batch is laid out on each GPU. fits: False when not even single samples would.

    micro_batch x accumulation samples make one optimizer step of a GPU.
    """

    memory_gb: float
    micro_batch: int
    accumulation: int = 1
    gradient_checkpointing: bool = False
    fits: bool = True


def estimate_memory_gb(
    known: CatalogueModel, batch_size: float, *, checkpointing: bool = False
) -> float:
    """GB of memory on one GPU: weights, gradients and Adam's moments in fp32, and the activations.

    Several GPUs need no more on each: their gradients lie in the very buckets that are exchanged.

    batch_size: samples that go through the model at once on this GPU.
    """
    fixed = known.parameters * STATE_BYTES / 1e9
    share = INPUT_SHARE + 1 / known.blocks if checkpointing and known.blocks else 1.0
    return round(fixed + share * known.activation_mb * batch_size / 1e3 + OVERHEAD_GB, 1)


def fit_batch(known: CatalogueModel, batch_size: int, memory_gb: float | None) -> MemoryFit:
    """The fastest layout of a GPU's share of the batch that should fit; memory_gb None: as it is.

    First the whole batch, then with gradient checkpointing, then in ever more micro-batches.
    """
    whole = MemoryFit(estimate_memory_gb(known, batch_size), batch_size)
    if memory_gb is None or whole.memory_gb <= memory_gb:
        return whole
    accumulation = 1
    while True:
        micro = -(-batch_size // accumulation)
        needed = estimate_memory_gb(known, micro, checkpointing=True)
        if needed <= memory_gb or micro == 1:
            fits = needed <= memory_gb
            return MemoryFit(needed, micro, accumulation, bool(known.blocks), fits)
        accumulation = min(2 * accumulation, batch_size)


def nearest_smaller_batch(
    known: CatalogueModel | None, batch_size: int, memory_gb: float | None
) -> int:
    """The largest power of two below `batch_size` that should fit whole; 0 when not even 2 does."""
    batch = 1 << (max(batch_size, 2) - 1).bit_length() - 1
    while batch > 1 and known and memory_gb and estimate_memory_gb(known, batch) > memory_gb:
        batch //= 2
    return batch if batch >= 2 else 0
