"""The GPUs of this machine, by nvidia-smi: neither the API nor a worker's own process loads torch."""

from __future__ import annotations

import shutil
import subprocess
import threading
import time
from typing import Any

FRESH_S = 3.0
_FIELDS = "index,name,memory.total,memory.used,utilization.gpu"
_lock = threading.Lock()
_seen: tuple[float, list[dict[str, Any]]] = (float("-inf"), [])


def read_gpus() -> list[dict[str, Any]]:
    """`[{index, name, memory_gb, used_gb, utilisation}]`; empty without a driver. Kept for 3 s."""
    global _seen
    with _lock:
        if time.monotonic() - _seen[0] > FRESH_S:
            _seen = (time.monotonic(), _query())
        return _seen[1]


def _query() -> list[dict[str, Any]]:
    if shutil.which("nvidia-smi") is None:
        return []
    command = ["nvidia-smi", f"--query-gpu={_FIELDS}", "--format=csv,noheader,nounits"]
    try:
        asked = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return []
    lines = asked.stdout.splitlines() if asked.returncode == 0 else []
    return [parse_gpu(line) for line in lines if line.count(",") >= 4]


def parse_gpu(line: str) -> dict[str, Any]:
    """One line of nvidia-smi; memory there is in MiB, here in GiB. `[N/A]` becomes None."""
    index, name, total, used, utilisation = (part.strip() for part in line.split(","))
    return {
        "index": int(index),
        "name": name,
        "memory_gb": _number(total, 1024) or 0.0,
        "used_gb": _number(used, 1024),
        "utilisation": _number(utilisation, 1),
    }


def _number(text: str, divisor: float) -> float | None:
    try:
        return round(float(text) / divisor, 1)
    except ValueError:
        return None
