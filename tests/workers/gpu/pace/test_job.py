"""The probe job with a real GPU worker (on the CPU)."""

from __future__ import annotations

import pytest

from common.db.tables import Dataset
from common.training.pace import estimate_training_s
from common.training.plan import Machine
from tests.workers.conftest import Backstage, wait_until
from tests.workers.trainings import OVER, SMALL, run, start, stop

TEN_EPOCHS = {**SMALL, "epochs": 10, "batch_size": 16, "precision": "auto", "gpus": 1}


@pytest.fixture
def empty(stage: Backstage) -> Backstage:
    """A GPU worker, and a dataset without images."""
    with stage.services.sessions() as session:
        session.add(Dataset(id="shapes", name="Shapes", created_by="anna", defaults={}))
    stage.start_worker("gpu")
    return stage


def test_a_probe_measures_without_a_dataset_and_the_next_estimate_goes_by_it(
    empty: Backstage,
) -> None:
    job = empty.wait_for(start(empty, "probe", **TEN_EPOCHS), *OVER)
    assert job.state == "succeeded", job.error
    assert job.result is not None
    assert job.result["batch_size"] == 16
    assert job.result["samples_per_second"] > 1
    assert not (empty.settings.work_dir / job.id).exists()
    empty.start_worker("cpu")
    machine = Machine("cpu", gpus=0, name="the CPU")
    with empty.services.readers() as session:
        assert estimate_training_s(session, machine, "shapes", TEN_EPOCHS) is None
    assert run(empty, "sample", count=60).state == "succeeded"
    split = run(empty, "split").result
    assert split is not None
    with empty.services.readers() as session:
        told_s = estimate_training_s(session, machine, "shapes", TEN_EPOCHS)
        other = estimate_training_s(session, machine, "shapes", {**TEN_EPOCHS, "model": "ViT-B-32"})
        on_gpu = Machine("cuda", 80.0, name="NVIDIA H100")
        elsewhere = estimate_training_s(session, on_gpu, "shapes", TEN_EPOCHS)
    samples = split["train_images"] // 16 * 16 * 10
    overhead_s = job.result["overhead_s"]
    assert told_s is not None
    assert abs(told_s - samples / job.result["samples_per_second"] - overhead_s) < 0.2
    assert (other, elsewhere) == (None, None)


def test_a_probe_can_be_stopped(empty: Backstage) -> None:
    job_id = start(empty, "probe", **{**TEN_EPOCHS, "model": "ViT-B-32"})
    wait_until(lambda: empty.job(job_id).progress.get("message"))
    stop(empty, job_id)
    assert empty.wait_for(job_id, *OVER).state == "stopped"
    wait_until(lambda: not empty.children())


def test_a_probe_of_a_model_that_is_gone_fails_to_start(empty: Backstage) -> None:
    job = empty.wait_for(
        start(empty, "probe", **{**TEN_EPOCHS, "model": "ViT-X-9", "pretrained": "20250101-000000_gone"}),
        *OVER,
    )  # fmt: skip
    assert job.state == "failed"
    assert job.error is not None
    assert job.error["code"] == "training_failed_to_start"
