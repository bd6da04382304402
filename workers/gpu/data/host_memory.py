"""How much memory the images of a run may take on this machine."""

from __future__ import annotations

import math
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

CGROUP = Path("/sys/fs/cgroup")
SHARE = 0.5  # of what is free: the model, its checkpoints and other programs want some too
_LIMITS = (  # (limit, in use) of a container: cgroup v2, v1
    ("memory.max", "memory.current"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
)


def available_bytes(cgroup: Path = CGROUP) -> int:
    """Memory that can be taken now: the machine's, or what a container's limit leaves of it."""
    free = int(psutil.virtual_memory().available)
    for limit_name, used_name in _LIMITS:
        limit, used = _read(cgroup / limit_name), _read(cgroup / used_name)
        if limit is not None and used is not None:
            return max(0, min(free, limit - used + _file_cache(cgroup / used_name)))
    return free


@contextmanager
def limited_to_free(device: str, most_bytes: float = math.inf) -> Iterator[None]:
    """Let this process take what is free of the machine's memory now, or `most_bytes` in all if that is less.

    What asks for more then fails in this process, where it becomes an error with a name, and takes no other
    one along. A GPU's memory has its own limit, and CUDA maps more than it uses: nothing is done there.
    """
    if device != "cpu" or sys.platform != "linux":
        yield
        return
    from workers.models.memory import limit_memory  # it imports torch

    before = resource.getrlimit(resource.RLIMIT_DATA)
    limit_memory(min(most_bytes, _private_bytes() + available_bytes()) / 1e9, device)
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)


def _private_bytes() -> int:
    """What RLIMIT_DATA counts of this process by now."""
    return int(psutil.Process().memory_info().data)


def image_limit_bytes(asked: int, memory_gb: float | None = None, cgroup: Path = CGROUP) -> int:
    """How many bytes of images to keep in memory: `asked`, less where there is less.

    memory_gb: what the whole process may take of the machine's memory (1e9 bytes), None for all.
    """
    limit = min(asked, int(available_bytes(cgroup) * SHARE))
    return limit if memory_gb is None else min(limit, int(memory_gb * 1e9 * SHARE / 2))


def _file_cache(used: Path) -> int:
    """What a container counts as used, and gives back when memory is asked for: files that were read."""
    try:
        lines = dict(
            line.split() for line in used.with_name("memory.stat").read_text().splitlines()
        )
        return int(lines.get("inactive_file", 0)) + int(lines.get("active_file", 0))
    except (OSError, ValueError):
        return 0


def _read(file: Path) -> int | None:
    """The number in a file; None when there is none ("max": no limit)."""
    try:
        return int(file.read_text("ascii"))
    except (OSError, ValueError):
        return None
