"""The training child that comes no further than to a step, so that a test can stop or kill it in the middle."""

from __future__ import annotations

import itertools
import time
from typing import Any

from workers.gpu.training.child import run
from workers.runtime import child_io
from workers.runtime.child_io import Emitter

# The pause is longer than half the time between two reports.
PAUSE_S, LAST = 0.2, 8


def run_slowly(emitter: Emitter, raw: dict[str, Any]) -> dict[str, Any]:
    """As `workers.gpu.training.child.run`; after its LASTth step it waits until it is asked to stop."""
    from torch.optim.optimizer import register_optimizer_step_post_hook

    steps = itertools.count(1)

    def wait(*_: Any) -> None:
        time.sleep(PAUSE_S)
        is_last = next(steps) >= LAST
        while is_last and not child_io.stop_event().is_set():
            time.sleep(0.02)

    register_optimizer_step_post_hook(wait)
    return run(emitter, raw)


if __name__ == "__main__":
    child_io.main(run_slowly, child_io.leave_at_once)
