"""Child modules as real processes, spoken to as the supervisor does."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Event = dict[str, Any]
PATIENCE_S = 240.0  # of which a busy machine takes a minute to import torch


class Child:
    """A running `python -m workers.gpu.<module>`, of several processes by torchrun; its events.

    slow: the training child that makes a few steps and waits for its stop (`training/slow_child.py`).
    """

    def __init__(
        self,
        module: str,
        config: dict[str, Any],
        folder: Path,
        env: dict[str, str] | None = None,
        processes: int = 1,
        slow: bool = False,
    ) -> None:
        path = folder / f"{module}.json"
        path.write_text(json.dumps(config), encoding="utf-8")
        self._errors = (folder / f"{module}.stderr").open("ab")
        self.events: list[Event] = []
        place = "tests.workers.gpu.training.slow_child" if slow else f"workers.gpu.{module}"
        several = ["workers.gpu.training.launch", str(processes)] if processes > 1 else []
        self.process = subprocess.Popen(
            [sys.executable, "-m", *several, place, str(path)],
            stdout=subprocess.PIPE, stderr=self._errors, text=True,
            env={**os.environ, "OMP_NUM_THREADS": str(max(1, 2 // processes)), **(env or {})},
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.events.append(json.loads(line))

    def wait_for(self, fits: Callable[[Event], bool], timeout_s: float = PATIENCE_S) -> Event:
        """The first event that fits."""
        end, looked = time.monotonic() + timeout_s, 0
        while time.monotonic() < end:
            has_said_all = not self._reader.is_alive()
            for event in self.events[looked:]:
                looked += 1
                if fits(event):
                    return event
            assert not has_said_all, self.events[-3:]
            time.sleep(0.01)
        raise AssertionError(f"no such event within {timeout_s} s: {self.events[-3:]}")

    def stop(self) -> None:
        """Ask it to stop, as the supervisor does."""
        self.process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it without a word."""
        self.process.kill()
        self.process.wait(PATIENCE_S)

    def finish(self, timeout_s: float = PATIENCE_S) -> Child:
        """Wait for its end."""
        self.process.wait(timeout_s)
        self._reader.join(PATIENCE_S)
        self._errors.close()
        return self

    @property
    def closing(self) -> Event:
        """The event it ended with."""
        return self.events[-1]

    def named(self, event: str) -> list[Event]:
        """All events of a kind."""
        return [each for each in self.events if each["event"] == event]

    def series(self, name: str) -> list[tuple[int, float]]:
        """(step, value) of a metric."""
        return [
            (each["step"], each["value"]) for each in self.named("metric") if each["name"] == name
        ]


def run_child(
    module: str,
    config: dict[str, Any],
    folder: Path,
    env: dict[str, str] | None = None,
    processes: int = 1,
) -> Child:
    """Run a child to its end."""
    return Child(module, config, folder, env, processes).finish()
