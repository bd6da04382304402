"""A process that steps back behind the others: how much of a core it is left."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import psutil
import pytest

from common.processes import step_back
from workers.runtime.child import NICE

COMPUTE = "while True: pass"


def cpu_s(process: subprocess.Popen[bytes]) -> float:
    """Seconds of a processor that it has had."""
    times = psutil.Process(process.pid).cpu_times()
    return times.user + times.system


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs Linux")
def test_a_training_steps_behind_what_else_computes_and_is_not_starved_by_it() -> None:
    core = min(os.sched_getaffinity(0))
    pair = [
        subprocess.Popen([sys.executable, "-c", COMPUTE], start_new_session=True) for _ in range(2)
    ]
    try:
        for process in pair:
            os.sched_setaffinity(process.pid, {core})
        other, training = pair
        step_back(training.pid, os.getpriority(os.PRIO_PROCESS, other.pid) + NICE)
        until = time.monotonic() + 20
        before = [cpu_s(process) for process in pair]
        had = [0.0, 0.0]
        while sum(had) < 1.5 and time.monotonic() < until:
            time.sleep(0.1)
            had = [cpu_s(process) - then for process, then in zip(pair, before, strict=True)]
        share = had[1] / sum(had)
        assert 0.05 < share < 0.3, had
    finally:
        for process in pair:
            process.kill()
            process.wait()
