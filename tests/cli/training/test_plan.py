"""The plan that is said before a training is queued."""

from __future__ import annotations

from tests.cli.conftest import Call, Service
from tests.workers import search_data
from workers.runtime.services import open_services


def test_a_plan_is_said_before_a_training_is_queued(call: Call, service: Service) -> None:
    search_data.add_dataset(open_services(service.settings), 6, "planned")
    assert call("split", "--dataset", "planned", "--follow").code == 0
    words = ["train", "--dataset", "planned", "--model", "clip-browser-small", "--warmup", "10000"]
    answer = call(*words, "--epochs", "3", "--lr", "0.001", "--batch-size", "2")
    assert answer.code == 0, answer.err
    assert "6 steps, nobody knows how long on the CPU" in answer.err
    assert "batch size 2, lr 0.001, warmup 10,000" in answer.err
    assert "Note: A warmup of 10,000 steps never ends in a run of 6" in answer.err
    refused = call(*words, "--epochs", "0")
    assert refused.code == 1
    assert "epochs is 0; it must be a whole number from 1 to 1,000" in refused.err
    assert "steps" not in refused.err.split("epochs is")[0]
