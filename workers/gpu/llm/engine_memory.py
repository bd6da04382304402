"""How much memory a language model may take, so that it fits beside what else runs. No torch."""

from __future__ import annotations

from common.augment.language_models import FALLBACK
from common.errors import LlmFailed

GB = 1e9
GPU_SHARE = 0.85  # of the whole GPU, where nobody else uses it
SPARE = 0.03  # of the whole GPU, left free beside what others use
CONTEXT_BYTES = int(1.2 * GB)  # CUDA's own, activations and graphs
CACHE_BYTES = int(0.5 * GB)  # of keys and values; less lets too few captions run side by side
CPU_CACHE_BYTES = 1024**3
CPU_PROCESS_BYTES = int(1.5 * GB)


def gpu_share(model: str, weights: int, free: int, total: int) -> float:
    """The part of a GPU that vLLM may use, 0 to 1. All sizes in bytes.

    Raises LlmFailed when the model does not fit into what is free.
    """
    needed = int(weights * 1.1) + CONTEXT_BYTES + CACHE_BYTES
    share = min(GPU_SHARE, (free - SPARE * total) / total)
    if share * total < needed:
        raise too_small("The GPU", model, needed, free, total)
    return round(share, 3)


def require_memory(model: str, weights: int, cache: int, free: int, total: int) -> None:
    """Raises LlmFailed when the machine's memory has no room for a model on the CPU. In bytes."""
    needed = int(weights * 1.2) + cache + CPU_PROCESS_BYTES
    if free < needed:
        raise too_small("This machine", model, needed, free, total)


def too_small(what: str, model: str, needed: int, free: int, total: int) -> LlmFailed:
    """The error that says how much is free and how much is needed."""
    return LlmFailed(
        f"{what} has too little free memory for {model}: {free / GB:.1f} of {total / GB:.1f} GB are "
        f"free, about {needed / GB:.1f} GB are needed.",
        remedy="Wait for what else runs there or close it, choose a smaller language model, "
        + FALLBACK,
    )
