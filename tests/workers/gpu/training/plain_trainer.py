"""Our training child with augmentation off, if asked with batches in parts or in little memory.

`python -m tests.workers.gpu.training.plain_trainer CONFIG.json [PARTS [ROOM_GB]]`: with PARTS a batch is always
run in so many parts; with ROOM_GB it may take so much more than the program itself does (RLIMIT_DATA).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from workers.gpu.data.batches import Augmentation
from workers.gpu.training import run as train_run
from workers.gpu.training.child import run
from workers.gpu.training.memory import BatchLayout
from workers.runtime import child_io
from workers.runtime.child_io import Emitter

PARTS = int(sys.argv[2]) if len(sys.argv) > 2 else 0
ROOM_GB = float(sys.argv[3]) if len(sys.argv) > 3 else 0.0


def taken_gb() -> float:
    """What counts against RLIMIT_DATA."""
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmData"))
    return int(line.split()[1]) * 1024 / 1e9


def run_plainly(emitter: Emitter, config: dict[str, Any]) -> dict[str, Any]:
    return run(emitter, {**config, "memory_gb": taken_gb() + ROOM_GB} if ROOM_GB else config)


if __name__ == "__main__":
    Augmentation.__init__.__defaults__ = ((1.0, 1.0),)
    if PARTS:
        layout = BatchLayout(PARTS, True)
        train_run.starting_layout = lambda *_: layout
    child_io.main(run_plainly)
