from __future__ import annotations

import io
import json
import math
import time
from pathlib import Path
from typing import Any

import pytest

from common.errors import TrainingDiverged
from tests.small_disk import mounted
from workers.gpu.report.metrics import MetricWriter
from workers.gpu.training.run_state import check_loss
from workers.runtime.child_io import Emitter


def sent(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_of_many_steps_a_second_the_first_and_the_last_are_always_sent(tmp_path: Path) -> None:
    stream = io.StringIO()
    writer = MetricWriter(Emitter(stream), tmp_path, None)
    for step in range(200):
        writer.begin_step(step, 0.0)
        writer.add_step({"loss": 2.0 - step / 100, "lr": 1e-3})
    writer.close()
    points = [
        (each["name"], each["step"])
        for each in sent(stream)
        if each["name"] != "train/samples_per_second"
    ]
    assert points[:2] == [("train/loss", 0), ("train/lr", 0)]
    assert points[-2:] == [("train/loss", 199), ("train/lr", 199)]
    assert len(points) < 40


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_loss_that_is_no_number_ends_the_run_with_the_reason(loss: float) -> None:
    with pytest.raises(TrainingDiverged) as caught:
        check_loss(loss, 42)
    assert "step 42" in caught.value.message
    assert "lower learning rate" in caught.value.remedy


def test_the_rate_is_measured_by_a_clock_that_does_not_jump(tmp_path: Path) -> None:
    writer = MetricWriter(Emitter(io.StringIO()), tmp_path, None)
    writer.begin(8)
    time.sleep(0.05)
    writer.add_step({"loss": 1.0})
    assert 1 < writer.summary()["samples_per_second"] <= 8 / 0.05


def test_the_mean_loss_of_an_epoch_begins_anew_with_the_next(tmp_path: Path) -> None:
    writer = MetricWriter(Emitter(io.StringIO()), tmp_path, None)
    assert writer.take_mean() == {}
    for value in (3.0, 2.0, 1.0):
        writer.add_step({"loss": value})
    assert writer.take_mean() == {"train_loss": 2.0}
    assert writer.take_mean() == {}


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnhandledThreadExceptionWarning"
)  # its own thread
def test_a_full_disk_ends_tensorboards_files_and_not_the_run(tmp_path: Path) -> None:
    stream = io.StringIO()
    with mounted(tmp_path / "disk", "64k") as folder:
        writer = MetricWriter(Emitter(stream), folder, None)
        for step in range(3000):
            writer.begin_step(step, 0.0)
            writer.add_step({"loss": 1.0})
            if step % 500 == 0:
                writer.flush()
        writer.close()
    said = [each["text"] for each in sent(stream) if each["event"] == "log"]
    assert len(said) == 1
    assert "TensorBoard" in said[0]
    assert "No space left" in said[0]
    assert [each for each in sent(stream) if each["event"] == "metric"][-1]["step"] == 2999
