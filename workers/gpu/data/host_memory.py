"""How much memory the images of a run may take on this machine."""

from __future__ import annotations

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
            return max(0, min(free, limit - used))
    return free


def image_limit_bytes(asked: int, memory_gb: float | None = None, cgroup: Path = CGROUP) -> int:
    """How many bytes of images to keep in memory: `asked`, less where there is less.

    memory_gb: what the whole process may take of the machine's memory (1e9 bytes), None for all.
    """
    limit = min(asked, int(available_bytes(cgroup) * SHARE))
    return limit if memory_gb is None else min(limit, int(memory_gb * 1e9 * SHARE / 2))


def _read(file: Path) -> int | None:
    """The number in a file; None when there is none ("max": no limit)."""
    try:
        return int(file.read_text("ascii"))
    except (OSError, ValueError):
        return None
