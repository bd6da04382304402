"""One GPU a worker: an exclusive lease on a GPU of this host, held for as long as the process lives.

The lease is a lock on a file, so the kernel gives it back when the process ends, however it ends.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import IO

from common.settings import Settings

log = logging.getLogger(__name__)
RETRY_S = 5.0
_held: list[IO[str]] = []  # an open file keeps its lock


def count_gpus() -> int:
    """CUDA GPUs of this host that may be used, by nvidia-smi; 0 without a driver."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return len([name for name in visible.split(",") if name.strip()])
    if shutil.which("nvidia-smi") is None:
        return 0
    listed = subprocess.run(
        ["nvidia-smi", "-L"], capture_output=True, text=True, timeout=30, check=False
    )
    return sum(line.startswith("GPU ") for line in listed.stdout.splitlines())


def hold_gpu(settings: Settings) -> str | None:
    """Take a free GPU for this process and its children; wait while all are taken.

    Sets CUDA_VISIBLE_DEVICES and CLIP_BROWSER_GPU. Without a GPU, or with device "cpu", gives None.
    """
    gpus = 0 if settings.device == "cpu" else count_gpus()
    if gpus == 0:
        return None
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    names = [name.strip() for name in visible.split(",") if name.strip()]
    names = names or [str(index) for index in range(gpus)]
    folder = settings.work_dir / "gpus"
    folder.mkdir(parents=True, exist_ok=True)
    waited = False
    while True:
        for name in names:
            if _lock(folder / f"{name.replace('/', '_')}.lock"):
                os.environ["CUDA_VISIBLE_DEVICES"] = os.environ["CLIP_BROWSER_GPU"] = name
                return name
        if not waited:
            log.warning("all %d GPUs of this host are taken; this worker waits for one", gpus)
            waited = True
        time.sleep(RETRY_S)


def _lock(path: Path) -> bool:
    handle = path.open("w", encoding="utf-8")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        handle.close()
        return False
    _held.append(handle)
    return True
