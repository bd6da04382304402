"""A worker that waits for a GPU says so, before it takes messages and before it begins a job; the GPU is a name only."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import IO, Any

from common.messaging.live_workers import count_places, read_workers
from common.settings import as_environment
from tests.workers.conftest import PATIENCE_S, Backstage, wait_until


@contextmanager
def gpu_worker(stage: Backstage) -> Iterator[subprocess.Popen[bytes]]:
    """A worker on a host with one GPU."""
    usual = stage.settings.model_copy(update={"lease_s": 30.0, "reap_every_s": 5.0})
    environment = {**as_environment(usual), "CUDA_VISIBLE_DEVICES": "GPU-a"}
    command = [sys.executable, "-m", "workers.runtime.start", "worker", "gpu"]
    with (stage.folder / "waits.log").open("wb") as log:
        worker = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        yield worker
    finally:
        worker.terminate()
        worker.wait(PATIENCE_S)


def take(opened: ExitStack, stage: Backstage, name: str) -> IO[str]:
    """The lock that somebody else on this host has; closing it gives it back."""
    folder = stage.settings.work_dir / "gpus"
    folder.mkdir(parents=True, exist_ok=True)
    handle = opened.enter_context((folder / name).open("a"))
    fcntl.flock(handle, fcntl.LOCK_EX)
    return handle


def test_a_worker_is_shown_as_waiting_while_others_have_its_gpu_and_counts_as_none_that_is_free(
    stage: Backstage,
) -> None:
    def becomes(state: str) -> list[dict[str, Any]]:
        found = read_workers(stage.services.queue.redis)
        return found if [one["state"] for one in found] == [state] else []

    with ExitStack() as opened:
        held, used = (take(opened, stage, f"GPU-a.{kind}") for kind in ("lock", "use"))
        worker = opened.enter_context(gpu_worker(stage))
        waits = wait_until(lambda: becomes("waiting"), what="waiting for a GPU")
        assert (waits[0]["pid"], waits[0]["queues"]) == (worker.pid, ["gpu"])
        assert waits[0]["name"].endswith(f"@{os.uname().nodename}")
        assert count_places(waits, "gpu") == 0
        held.close()
        ready = wait_until(lambda: becomes("ready"), what="having a GPU")
        assert (ready[0]["name"], ready[0]["gpu"]) == (waits[0]["name"], "GPU-a")
        job = stage.make("train")
        waits = wait_until(lambda: becomes("waiting"), what="waiting to begin a job")
        assert waits[0]["messages"]
        assert count_places(waits, "gpu") == 0
        assert stage.job(job).state == "queued"
        used.close()
        stage.wait_for(job, "failed")  # it has no dataset
        wait_until(lambda: becomes("ready"), what="being free again")
