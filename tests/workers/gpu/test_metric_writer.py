from __future__ import annotations

import io
import json
import math
from pathlib import Path
from typing import Any

import pytest

from common.errors import TrainingDiverged
from workers.child_io import Emitter
from workers.gpu.metric_writer import MetricWriter


def sent(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_of_many_steps_a_second_the_first_and_the_last_are_always_sent(tmp_path: Path) -> None:
    stream = io.StringIO()
    writer = MetricWriter(Emitter(stream), tmp_path, None)
    for step in range(200):
        writer.step = step
        writer.add_scalar("train/loss", 2.0 - step / 100, step)
        writer.add_scalar("train/lr", 1e-3, step)
        writer.add_scalar("train/data_time", 0.1, step)
    writer.close()
    points = [(each["name"], each["step"]) for each in sent(stream)]
    assert points[:2] == [("train/loss", 0), ("train/lr", 0)]
    assert points[-2:] == [("train/loss", 199), ("train/lr", 199)]
    assert len(points) < 40


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_loss_that_is_no_number_ends_the_run_with_the_reason(tmp_path: Path, loss: float) -> None:
    writer = MetricWriter(Emitter(io.StringIO()), tmp_path, None)
    writer.step = 41
    with pytest.raises(TrainingDiverged) as caught:
        writer.add_scalar("train/loss", loss, 0)
    assert "step 42" in caught.value.message
    assert "lower learning rate" in caught.value.remedy
