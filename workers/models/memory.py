"""Memory that runs out: told from other errors, given back, and limited."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import gc
import re
import sys
from collections.abc import Callable
from typing import TypeVar

import torch

Made = TypeVar("Made")
_M_MMAP_THRESHOLD = -3  # malloc.h
# What torch says when there is no memory left, besides raising torch.OutOfMemoryError: the CPU's
# allocator (c10/core/impl/alloc_cpu.cpp), oneDNN, CUDA itself, cuBLAS, cuDNN, and the system.
_SAID = re.compile(
    "can't allocate memory|cannot allocate memory|out of memory|bad_alloc|can't start new thread"
    "|could not create a memory|could not (create|execute) a primitive(?! descriptor)"
    "|CUBLAS_STATUS_ALLOC_FAILED|CUDNN_STATUS_ALLOC_FAILED|ALLOCATION_FAILED",
    re.IGNORECASE,
)


def is_out_of_memory(problem: BaseException) -> bool:
    """Whether an exception means that there is no memory left, on a GPU or in the machine."""
    if isinstance(problem, (torch.OutOfMemoryError, MemoryError)):
        return True
    if isinstance(problem, OSError):
        return problem.errno == errno.ENOMEM
    return isinstance(problem, RuntimeError) and _SAID.search(str(problem)) is not None


def release_memory() -> None:
    """Give back what nobody uses: to the GPU, and on Linux to the system (glibc keeps freed memory)."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    if sys.platform == "linux":
        with contextlib.suppress(AttributeError, OSError):  # another C library has no malloc_trim
            ctypes.CDLL(None).malloc_trim(0)


def limit_memory(limit_gb: float, device: str) -> None:
    """Let this process take `limit_gb` (1e9 bytes): of the GPU's memory, or of the machine's.

    Above it an allocation fails as it would on a smaller GPU or machine. On a CPU it counts all private
    memory of the process (RLIMIT_DATA), what torch itself takes included.
    """
    if device != "cpu":
        total = torch.cuda.get_device_properties(device).total_memory
        share = min(1.0, limit_gb * 1e9 / total)
        torch.cuda.set_per_process_memory_fraction(share, torch.device(device).index)
    elif sys.platform != "win32":
        import resource

        if sys.platform == "linux":
            with contextlib.suppress(AttributeError, OSError):
                # Whatever is large is then mapped by itself, and really given back when it is freed.
                ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, 2**18)
        torch.ones(2**20).add_(1)  # starts torch's threads: OpenMP ends the process when it cannot
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        wanted = int(limit_gb * 1e9)
        if hard != resource.RLIM_INFINITY:
            wanted = min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (wanted, hard))


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
