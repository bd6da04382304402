"""The training child with a pause after each step, so that a test can stop or kill it in the middle."""

from __future__ import annotations

import time
from typing import Any

from workers.gpu.training.child import run
from workers.runtime import child_io
from workers.runtime.child_io import Emitter

PAUSE_S = 0.2


def run_slowly(emitter: Emitter, raw: dict[str, Any]) -> dict[str, Any]:
    """As `workers.gpu.training.child.run`."""
    from torch.optim.optimizer import register_optimizer_step_post_hook

    register_optimizer_step_post_hook(lambda *_: time.sleep(PAUSE_S))
    return run(emitter, raw)


if __name__ == "__main__":
    child_io.main(run_slowly, child_io.leave_at_once)
