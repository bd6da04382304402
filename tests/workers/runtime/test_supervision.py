"""Children that save slowly, and children of several processes, with real workers and real kills."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from common.jobs import reports, states
from tests.workers.conftest import Backstage, is_alive, kill_hard, wait_until


def stop(stage: Backstage, job_id: str, mode: str = "save") -> float:
    """Ask it to stop; when that was, in monotonic seconds."""
    with stage.services.sessions() as session:
        states.request_stop(session, job_id, mode)
    return time.monotonic()


def gone(pids: list[int]) -> bool:
    return not any(map(is_alive, pids))


def log_of(stage: Backstage, job_id: str) -> str:
    with stage.services.readers() as session:
        return reports.read_log(session, job_id, 0)[0]


def started(stage: Backstage, processes: int = 1, **params: Any) -> tuple[str, list[int]]:
    """(a job whose child has made five steps, the pids of its processes)."""
    job_id = stage.make("probe_child", steps=10_000, processes=processes, **params)
    wait_until(lambda: len(stage.children()) == processes, what="the start of its processes")
    wait_until(lambda: stage.job(job_id).progress.get("done", 0) >= 5, what="five steps")
    return job_id, stage.children()


def test_a_child_that_is_writing_a_checkpoint_is_waited_for_beyond_the_grace_time(
    stage: Backstage,
) -> None:
    stage.start_worker()
    job_id, _ = started(stage, grace_s=4.0, save_s=6.0)
    stop(stage, job_id)
    stopped = stage.wait_for(job_id, "stopped", "failed", "succeeded")
    assert stopped.result is not None, log_of(stage, job_id)
    assert stopped.result["saved_at"] >= 5
    assert "was killed" not in log_of(stage, job_id)


@pytest.mark.timed
def test_a_child_that_does_not_end_after_its_checkpoint_is_killed(stage: Backstage) -> None:
    stage.start_worker()
    job_id, pids = started(stage, grace_s=0.5, save_s=1.0, linger_s=60.0)
    asked = stop(stage, job_id)
    assert stage.wait_for(job_id, "stopped", "failed").state == "stopped"
    assert 1.0 < time.monotonic() - asked < 5.0
    assert gone(pids)
    assert "was killed" in log_of(stage, job_id)


@pytest.mark.timed
def test_a_stop_is_heard_within_a_second(stage: Backstage) -> None:
    stage.start_worker()
    job_id, pids = started(stage)
    asked = stop(stage, job_id)
    stage.wait_for(job_id, "stopped", "failed")
    assert time.monotonic() - asked < 1.5
    assert gone(pids)


@pytest.mark.timed
def test_all_processes_of_a_child_stop_and_save(stage: Backstage) -> None:
    stage.start_worker()
    job_id, pids = started(stage, processes=2)
    asked = stop(stage, job_id)
    stopped = stage.wait_for(job_id, "stopped", "failed", "succeeded")
    assert stopped.state == "stopped"
    assert stopped.result is not None, log_of(stage, job_id)
    assert time.monotonic() - asked < 5
    assert gone(pids)
    saved = [Path(f"{stage.settings.work_dir}/{job_id}/counter{rank}") for rank in (0, 1)]
    assert all(int(path.read_text()) >= 5 for path in saved)


@pytest.mark.parametrize("which", ["first", "last", "launcher"])
def test_when_one_of_several_processes_is_killed_none_is_left_and_the_job_goes_on(
    stage: Backstage, which: str
) -> None:
    stage.start_worker()
    job_id, pids = started(stage, processes=2)
    launcher = psutil.Process(pids[0]).ppid()
    killed = time.monotonic()
    kill_hard({"first": pids[0], "last": pids[1], "launcher": launcher}[which])
    wait_until(lambda: gone([*pids, launcher]), what="the end of all its processes")
    wait_until(lambda: stage.job(job_id).attempt == 2, what="the second attempt")
    assert time.monotonic() - killed < 45
    wait_until(lambda: len(stage.children()) == 4, what="its processes")
    job = stage.job(job_id)
    assert (job.state, job.attempt) == ("running", 2), log_of(stage, job_id)


def test_a_killed_worker_leaves_none_of_several_processes(stage: Backstage) -> None:
    worker = stage.start_worker()
    _, pids = started(stage, processes=2)
    launcher = psutil.Process(pids[0]).ppid()
    kill_hard(worker.pid)
    wait_until(lambda: gone([*pids, launcher]), what="the end of all its processes")


def test_the_processes_see_the_gpus_that_were_gathered_for_them(stage: Backstage) -> None:
    stage.start_worker()
    job_id = stage.make("probe_child", steps=1, gpus=["3", "5"])
    done = stage.wait_for(job_id, "succeeded", "failed")
    assert done.result is not None, log_of(stage, job_id)
    assert done.result["gpus"] == "3,5"


def test_an_error_of_any_process_reaches_the_user(stage: Backstage) -> None:
    stage.start_worker()
    job_id = stage.make("probe_child", steps=1, processes=2, failing_rank="1")
    failed = stage.wait_for(job_id, "failed", "succeeded")
    assert failed.error is not None, log_of(stage, job_id)
    assert failed.error["code"] == "gpu_out_of_memory"
