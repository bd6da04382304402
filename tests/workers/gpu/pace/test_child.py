"""A probe's child process on the CPU, as the worker starts it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from workers.gpu.pace.measurement import MAX_STEPS, Stopwatch
from workers.gpu.training.memory import BatchLayout


def probe(folder: Path, memory_gb: float | None = None, **params: Any) -> list[dict[str, Any]]:
    """The events of a probe with these params."""
    settings = {"model": "clip-browser-small", "pretrained": "", "epochs": 1, **params}
    config = folder / "probe.json"
    work = folder / "work"
    work.mkdir()
    told = {"params": settings, "work_dir": str(work), "device": "cpu", "memory_gb": memory_gb}
    config.write_text(json.dumps(told))
    done = subprocess.run(
        [sys.executable, "-m", "workers.gpu.pace.child", str(config)],
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_few_steps_tell_pace_memory_and_machine(tmp_path: Path) -> None:
    events = probe(tmp_path, batch_size=16)
    result = events[-1]
    assert result["event"] == "result"
    assert result["samples_per_second"] > 1
    assert 0.1 < result["memory_gb"] < 20
    assert (result["device_name"], result["precision"]) == ("the CPU", "fp32")
    assert result["device"].startswith("the CPU (")
    assert (result["batch_size"], result["micro_batch"], result["accumulation"]) == (16, 16, 1)
    assert 1 <= result["steps"] <= MAX_STEPS
    assert 0 < result["overhead_s"] < result["took_s"]
    said = [event for event in events if event["event"] == "progress"]
    assert any("a step takes" in event["message"] for event in said)
    assert not list((tmp_path / "work" / "checkpoints").glob("*"))


def test_an_automatic_batch_is_that_of_a_thousand_images(tmp_path: Path) -> None:
    assert probe(tmp_path, batch_size="auto")[-1]["batch_size"] == 64


def test_an_architecture_that_nobody_knows_fails_to_start(tmp_path: Path) -> None:
    closing = probe(tmp_path, model="ViT-X-99")[-1]
    assert (closing["event"], closing["code"]) == ("error", "training_failed_to_start")


def test_the_first_step_counts_only_where_there_is_no_other() -> None:
    watch = Stopwatch(report=lambda *_: None)
    whole, parted = BatchLayout(), BatchLayout(2, True)
    watch.started = [(0.0, whole), (9.0, whole)]
    assert watch.step_s() == 9.0
    watch.started = [(0.0, whole), (9.0, whole), (10.0, whole), (11.0, whole), (14.0, whole)]
    assert watch.step_s() == 1.0
    watch.started = [(0.0, whole), (5.0, parted), (8.0, parted), (10.0, parted)]
    assert watch.step_s() == 2.0


def test_a_step_that_takes_longer_than_the_limit_is_the_only_one() -> None:
    told: list[str] = []
    watch = Stopwatch(report=lambda *words: told.append(words[-1]))
    assert not watch.begin(BatchLayout())
    watch.started[0] = (watch.started[0][0] - 45.0, BatchLayout())
    assert watch.begin(BatchLayout())
    assert told == ["the first step", "a step takes 45 s"]
