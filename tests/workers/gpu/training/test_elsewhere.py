"""Runs that another machine goes on with: two folders, one S3 server, workers that are killed."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.workers.conftest import Backstage, Worker, kill_hard, open_backstage, wait_until
from tests.workers.trainings import (
    SMALL,
    add_dataset,
    children_of,
    go_on,
    log_of,
    start,
    steps_of,
    stop,
    trained,
    wait_for_steps,
)
from workers.gpu.training.checkpoint_copies import LIST, copies_prefix

LEASE_S = 6.0
EPOCHS = 40  # some seconds, in which a run is stopped or its machine lost


@pytest.fixture(scope="module")
def stage(tmp_path_factory: Any, s3_url: str) -> Iterator[Backstage]:
    """A dataset 'shapes' in an S3 store, no GPU worker yet."""
    folder = tmp_path_factory.mktemp("elsewhere")
    with open_backstage(
        folder, f"sqlite:///{folder / 'shared.db'}", store_url=s3_url,
        lease_s=LEASE_S, checkpoint_every_s=0.5,
    ) as opened:  # fmt: skip
        opened.start_beat()
        opened.start_worker("maintenance,cpu")
        add_dataset(opened, "shapes", 60)
        yield opened


@pytest.fixture
def machines(stage: Backstage, tmp_path: Path) -> Iterator[list[Path]]:
    """Two folders; GPU workers that a test started for them end with it."""
    before = list(stage._workers)
    yield [tmp_path / "one", tmp_path / "two"]
    for worker in stage._workers:
        if worker not in before and worker.poll() is None:
            lose(worker)


def lose(worker: Worker) -> None:
    """As when its machine loses power: all of its processes at once."""
    for process in [
        *psutil.Process(worker.pid).children(recursive=True),
        psutil.Process(worker.pid),
    ]:
        kill_hard(process.pid)
    worker.wait(10)


def copies(stage: Backstage, job_id: str) -> list[str]:
    return [
        item.key.rsplit("/", 1)[-1] for item in stage.services.store.list(copies_prefix(job_id))
    ]


def wait_for_copy(stage: Backstage, job_id: str) -> None:
    wait_until(lambda: LIST in copies(stage, job_id), 90, "the copy of a checkpoint")


def test_a_run_whose_machine_is_lost_goes_on_at_the_other_one_alone_from_the_copied_checkpoint(
    stage: Backstage, machines: list[Path]
) -> None:
    workers = [stage.start_worker("gpu", data_dir=folder) for folder in machines]
    job_id = start(stage, "train", **SMALL, epochs=EPOCHS, batch_size=16)
    wait_for_copy(stage, job_id)
    (child,) = children_of(job_id)
    owner = next(w for w in workers if w.pid in [parent.pid for parent in child.parents()])
    lose(owner)
    shutil.rmtree(machines[workers.index(owner)])
    wait_until(lambda: stage.job(job_id).attempt == 2, 45, "the second attempt")
    seen = []
    while stage.job(job_id).state not in ("succeeded", "failed"):
        seen.append(len(children_of(job_id)))
        time.sleep(0.2)
    assert max(seen) == 1
    done = stage.job(job_id)
    assert trained(stage, done)["epochs_done"] == EPOCHS
    assert done.attempt == 2
    log = log_of(stage, job_id)
    assert "was fetched from the artifact store" in log
    assert "Going on after step" in log
    assert copies(stage, job_id) == []
    assert stage.services.store.exists(f"models_finetuned/{done.result['model_id']}/README.md")  # type: ignore[index]


def test_a_run_that_was_stopped_is_resumed_by_another_machine(
    stage: Backstage, machines: list[Path]
) -> None:
    first = stage.start_worker("gpu", data_dir=machines[0])
    job_id = start(stage, "train", **SMALL, epochs=EPOCHS, batch_size=16)
    wait_for_steps(stage, job_id, 2)
    stop(stage, job_id)
    stopped = stage.wait_for(job_id, "stopped", "failed")
    assert stopped.result is not None
    lose(first)
    stage.start_worker("gpu", data_dir=machines[1])
    go_on(stage, job_id)
    done = stage.wait_for(job_id, "succeeded", "failed", timeout_s=400)
    trained(stage, done)
    assert f"Going on after step {stopped.result['step']} " in log_of(stage, job_id)
    steps = steps_of(stage, job_id)
    assert steps == sorted(set(steps))
