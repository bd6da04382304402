"""A probe in a process of its own: `python -m workers.gpu.training.pace_child CONFIG.json`.

The very trainer of a run makes a few steps, with the architecture's random weights (nothing is
downloaded) on random pixels and words: time and memory do not depend on what the numbers mean.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from common.errors import InvalidInput, NotFound
from common.training.params import TrainParams
from workers.runtime import child_io
from workers.runtime.child_io import Emitter

if TYPE_CHECKING:
    from workers.gpu.training.memory import Rung

LIMIT_S = 20.0  # after this no further step begins
MAX_STEPS = 24
WORDS = [
    "a",
    "photo",
    "of",
    "two",
    "dogs",
    "that",
    "run",
    "over",
    "green",
    "grass",
    "beside",
    "an",
    "old",
    "red",
    "barn",
]


class ProbeConfig(BaseModel):
    """What to measure. base: "local-dir:<folder>" of a model of the registry, else ""."""

    model_config = ConfigDict(extra="forbid")

    params: TrainParams
    base: str = ""
    work_dir: Path
    device: str = "auto"
    memory_gb: float | None = None


@dataclass
class Stopwatch:
    """When each step began, and in which way (rung) its batch was run."""

    report: Any
    started: list[tuple[float, Rung]] = field(default_factory=list)

    def begin(self, rung: Rung) -> bool:
        """A step begins now, or none is needed any more: then True."""
        self.started.append((time.monotonic(), rung))
        times = [moment for moment, used in self.started if used == rung]
        done = len(times) - 1
        self.report(done, MAX_STEPS, "steps", self._message(times))
        return done >= MAX_STEPS or (done >= 1 and times[-1] - self.started[0][0] >= LIMIT_S)

    @staticmethod
    def _message(times: Sequence[float]) -> str:
        if len(times) == 1:
            return "the first step"
        return f"a step takes {times[-1] - times[-2]:.3g} s"

    def step_s(self) -> float:
        """Seconds of a step: the median, without the first one where there are more."""
        last = self.started[-1][1]
        times = [moment for moment, used in self.started if used == last]
        took = [after - before for before, after in pairwise(times)]
        counted = sorted(took[1:] or took)
        return counted[len(counted) // 2]


def run(emitter: Emitter, raw: dict[str, Any]) -> dict[str, Any]:
    """Measure as the configuration says; the result of the probe job.

    Raises TrainingFailedToStart, GpuOutOfMemory, child_io.Stopped.
    """
    began = time.monotonic()
    config = ProbeConfig.model_validate(raw)
    emitter.progress(0, MAX_STEPS, "steps", "loading torch")
    from workers.gpu.training import pace_measurement
    from workers.gpu.training.child import as_start_failure

    try:
        return pace_measurement.measure(emitter, config, began)
    except (InvalidInput, NotFound) as problem:
        raise as_start_failure(problem) from problem


if __name__ == "__main__":
    child_io.main(run)
