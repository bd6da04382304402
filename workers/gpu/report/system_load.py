"""What the machine is doing while it trains, once a second: GPU, processor, memory."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType

import psutil
import torch

from workers.runtime.child_io import Emitter

EVERY_S = 1.0


def gpu_figures(device: str) -> dict[str, float]:
    """{"gpu_utilisation": percent, "gpu_memory_gb": in use on the GPU}; empty on a CPU.

    Also empty where the driver tells nothing (NVML is missing in some containers).
    """
    if device == "cpu":
        return {}
    try:
        chosen = torch.device(device)
        return {
            "gpu_utilisation": float(torch.cuda.utilization(chosen)),
            "gpu_memory_gb": torch.cuda.device_memory_used(chosen) / 1e9,
        }
    except Exception:  # pynvml and torch raise kinds of their own for each thing the driver lacks
        return {"gpu_memory_gb": torch.cuda.memory_reserved(device) / 1e9}


class SystemLoad:
    """A thread that tells the load once a second, and pulses so that long steps show life.

    where: (step, epoch) of the run now. pulse: called after each point.
    """

    def __init__(
        self,
        emitter: Emitter,
        device: str,
        where: Callable[[], tuple[int, float]],
        pulse: Callable[[], None] = lambda: None,
        every_s: float = EVERY_S,
    ) -> None:
        self._emitter, self._device = emitter, device
        self._where, self._pulse, self._every_s = where, pulse, every_s
        self._process = psutil.Process()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="system load", daemon=True)

    def __enter__(self) -> SystemLoad:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    def figures(self) -> dict[str, float]:
        """The load now. cpu_utilisation: percent of all cores; memory_gb: resident, of this process."""
        return {
            **gpu_figures(self._device),
            "cpu_utilisation": psutil.cpu_percent(),
            "memory_gb": self._process.memory_info().rss / 1e9,
        }

    def _watch(self) -> None:
        psutil.cpu_percent()  # a thread's first call only marks the beginning
        while not self._over.wait(self._every_s):
            step, epoch = self._where()
            for name, value in self.figures().items():
                self._emitter.metric(f"system/{name}", step, round(value, 3), epoch)
            self._pulse()
