"""Jobs on a small drawn dataset with real workers of all queues (on the CPU), and what they say."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from common.db.tables import Dataset, Job
from common.jobs import reports, states
from common.jobs.series import read_series
from tests.workers.conftest import Backstage, open_backstage, wait_until

SMALL = {"model": "clip-browser-small", "pretrained": ""}
OVER = ("succeeded", "failed", "stopped")


@contextmanager
def open_training_stage(
    folder: Path, gpu_workers: int = 1, images: int = 60, **settings: Any
) -> Iterator[Backstage]:
    """A drawn, split and augmented dataset 'shapes', and workers."""
    more = {"lease_s": 10.0, "checkpoint_every_s": 0.5, **settings}
    with open_backstage(folder, "", **more) as opened:
        opened.start_beat()
        for queue in ("maintenance", "cpu", *["gpu"] * gpu_workers):
            opened.start_worker(queue)
        add_dataset(opened, "shapes", images)
        yield opened


def add_dataset(stage: Backstage, name: str, images: int) -> None:
    """One more drawn dataset, split and augmented."""
    with stage.services.sessions() as session:
        session.add(Dataset(id=name, name=name.title(), created_by="anna", defaults={}))
    for kind, params in (("sample", {"count": images}), ("split", {}), ("augment", {})):
        done = run(stage, kind, name, **params)
        assert done.state == "succeeded", done.error


def start(stage: Backstage, kind: str, dataset: str = "shapes", **params: Any) -> str:
    """A job, sent; its id."""
    with stage.services.sessions() as session:
        job = states.create_job(session, kind, dataset_id=dataset, params=params, created_by="anna")
    stage.services.queue.send_job(job, stage.services.sessions)
    return job.id


def run(stage: Backstage, kind: str, dataset: str = "shapes", **params: Any) -> Job:
    """A job, at its end."""
    return stage.wait_for(start(stage, kind, dataset, **params), *OVER, timeout_s=280)


def stop(stage: Backstage, job_id: str, mode: str = "save") -> float:
    """Ask a job to stop; when that was, in monotonic seconds."""
    with stage.services.sessions() as session:
        states.request_stop(session, job_id, mode)
    return time.monotonic()


def go_on(stage: Backstage, job_id: str, *, fresh: bool = False) -> None:
    """Resume a job, or retry it from the start."""
    with stage.services.sessions() as session:
        job = states.requeue(session, job_id, fresh=fresh)
    stage.services.queue.send_job(job, stage.services.sessions)


def log_of(stage: Backstage, job_id: str) -> str:
    """The job's whole log."""
    with stage.services.readers() as session:
        return reports.read_log(session, job_id, 0)[0]


def series_of(stage: Backstage, job_id: str) -> dict[str, list[dict[str, Any]]]:
    """The job's series."""
    with stage.services.readers() as session:
        return read_series(session, job_id).points


def steps_of(stage: Backstage, job_id: str) -> list[int]:
    """The steps that figures came of, in the order they came."""
    return [point["step"] for point in series_of(stage, job_id).get("train/lr", [])]


def wait_for_steps(stage: Backstage, job_id: str, count: int) -> None:
    """Until it has reported of so many steps."""
    wait_until(
        lambda: len(steps_of(stage, job_id)) >= count or stage.job(job_id).state in OVER,
        200, f"{count} steps",
    )  # fmt: skip
    assert stage.job(job_id).state not in OVER, log_of(stage, job_id)[-3000:]


def trained(stage: Backstage, job: Job) -> dict[str, Any]:
    """The result of a training that succeeded."""
    assert job.state == "succeeded", f"{job.error}\n{log_of(stage, job.id)[-3000:]}"
    assert job.result is not None
    return job.result


def children_of(job_id: str) -> list[psutil.Process]:
    """The processes that train for a job, torchrun among them."""
    found = []
    for process in psutil.process_iter():
        try:
            line = " ".join(process.cmdline())
            if "workers.gpu.training.child" in line and job_id in line:
                found.append(process)
        except psutil.Error:
            continue
    return [process for process in found if process.pid != os.getpid()]
