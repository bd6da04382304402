from __future__ import annotations

import io
import json
import os
import time
from typing import Any

import psutil

from tests.workers.clock import Clock
from tests.workers.conftest import wait_until
from workers.gpu.report import progress
from workers.gpu.report.progress import StepReports
from workers.gpu.report.system_load import SystemLoad, gpu_figures
from workers.runtime.child_io import Emitter


def sent(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_the_load_comes_again_and_again_until_the_end_with_the_step_of_the_moment() -> None:
    stream = io.StringIO()
    pulses: list[float] = []
    where = {"step": 3}
    load = SystemLoad(
        Emitter(stream), "cpu", lambda: (where["step"], 0.5), lambda: pulses.append(0), 0.05
    )
    with load:
        wait_until(lambda: len(pulses) >= 2)
        where["step"] = 4
        wait_until(lambda: len(pulses) >= 4)
    ended = len(pulses)
    time.sleep(0.2)
    assert len(pulses) == ended
    points = sent(stream)
    assert {each["name"] for each in points} == {"system/cpu_utilisation", "system/memory_gb"}
    assert {each["step"] for each in points} == {3, 4}
    memory = next(each["value"] for each in points if each["name"] == "system/memory_gb")
    mine = psutil.Process(os.getpid()).memory_info().rss / 1e9
    assert 0.5 * mine < memory < 2 * mine


def test_a_cpu_has_no_gpu_figures() -> None:
    assert gpu_figures("cpu") == {}


def test_a_long_step_shows_that_it_is_under_way(monkeypatch: Any) -> None:
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    stream = io.StringIO()
    reports = StepReports(Emitter(stream), 10)
    clock.now_s += progress.LONG_STEP_S
    reports.pulse()
    assert sent(stream) == []
    reports.progress(4, "epoch 1 of 2", {"loss": 1.0})
    clock.now_s += progress.LONG_STEP_S - 0.1
    reports.pulse()
    clock.now_s += 0.1
    reports.pulse()
    said = [each for each in sent(stream) if each["event"] == "progress"]
    assert len(said) == 2
    assert said[1]["message"] == "epoch 1 of 2, 2 s in this step"
    assert (said[1]["done"], said[1]["total"]) == (4, 10)
