"""A pace measurement in a process of its own: `python -m workers.gpu.pace.child CONFIG.json`.

A run's own steps are made, with the architecture's random weights (nothing is downloaded) on random
pixels and words: time and memory do not depend on what the numbers mean.
"""

from __future__ import annotations

import time
from typing import Any

from common.errors import InvalidInput, NotFound
from workers.gpu.config import PaceConfig
from workers.gpu.training.child import as_start_failure
from workers.runtime import child_io
from workers.runtime.child_io import Emitter


def run(emitter: Emitter, raw: dict[str, Any]) -> dict[str, Any]:
    """Measure as the configuration says; the result of the probe job.

    Raises TrainingFailedToStart, GpuOutOfMemory, child_io.Stopped.
    """
    began = time.monotonic()
    config = PaceConfig.model_validate(raw)
    emitter.progress(0, None, "steps", "loading torch")
    from workers.gpu.pace.measurement import measure_pace

    try:
        return measure_pace(emitter, config, began)
    except (InvalidInput, NotFound) as problem:
        raise as_start_failure(problem) from problem


if __name__ == "__main__":
    child_io.main(run)
