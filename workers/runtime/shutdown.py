"""A worker that is asked to end tells its pool processes, so that running jobs are handed back.

The word is a file named after the worker's host and pid: it reaches pool processes that were forked
long before, and a thread pool alike. Containers that share a work directory have equal pids.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path


def _flag(work_dir: Path, pid: int) -> Path:
    return work_dir / f"worker-{socket.gethostname()}-{pid}.stopping"


def announce(work_dir: Path) -> None:
    """Called in the worker's main process when it begins to shut down."""
    work_dir.mkdir(parents=True, exist_ok=True)
    _flag(work_dir, os.getpid()).touch()


def withdraw(work_dir: Path) -> None:
    """Called when a worker starts or has ended: pids are given out again."""
    _flag(work_dir, os.getpid()).unlink(missing_ok=True)


def announced(work_dir: Path) -> bool:
    """Whether the worker that this process belongs to is ending."""
    return any(_flag(work_dir, pid).exists() for pid in (os.getpid(), os.getppid()))
