"""Workers that are asked: to drain, pause, run again, stop, and to run more jobs at once."""

from __future__ import annotations

import os
import signal
from typing import Any

from common.db.tables import Worker
from common.jobs import workers
from common.jobs.limits import WHOLE, set_limit
from common.messaging.live_workers import read_workers
from tests.workers.conftest import PATIENCE_S, Backstage, kill_hard, wait_until

NAME = "w0@test"


def row_of(stage: Backstage, name: str = NAME) -> Worker | None:
    with stage.services.readers() as session:
        return session.get(Worker, name)


def ask(stage: Backstage, order: str) -> None:
    with stage.services.sessions() as session:
        workers.ask(session, NAME, order, "ada")


def state_of(stage: Backstage) -> str:
    found: list[dict[str, Any]] = read_workers(stage.services.queue.redis)
    return next((str(one["state"]) for one in found if one["name"] == NAME), "")


def test_a_drained_worker_ends_its_job_and_takes_no_other_until_it_may(stage: Backstage) -> None:
    stage.start_worker("cpu")
    stage.start_beat()
    first = stage.make(waits=True)
    stage.wait_for(first, "running")
    wait_until(lambda: (row := row_of(stage)) and row.runs, what="its row")
    assert row_of(stage).runs[0]["job_id"] == first  # type: ignore[union-attr]
    ask(stage, workers.DRAIN)
    second = stage.make(steps=1)
    wait_until(lambda: state_of(stage) in ("draining", "drained"))
    stage.open_gate()
    stage.wait_for(first, "succeeded")
    wait_until(lambda: state_of(stage) == "drained")
    assert stage.job(second).state == "queued"
    ask(stage, workers.RUN)
    stage.wait_for(second, "succeeded")


def test_a_worker_that_is_stopped_gives_its_job_back_and_has_left(stage: Backstage) -> None:
    worker = stage.start_worker("cpu")
    job_id = stage.make("probe_child", steps=2000)
    stage.wait_for(job_id, "running")
    wait_until(lambda: row_of(stage) is not None)
    wait_until(stage.children)
    ask(stage, workers.STOP)
    worker.wait(PATIENCE_S)
    job = stage.job(job_id)
    assert (job.state, job.attempt) == ("queued", 0)
    row = row_of(stage)
    assert row is not None
    assert row.left_at is not None


def test_a_worker_runs_as_many_jobs_at_once_as_it_is_asked_and_its_queue_allows(
    stage: Backstage,
) -> None:
    stage.start_worker("cpu")
    stage.start_beat()
    wait_until(lambda: row_of(stage) is not None)
    with stage.services.sessions() as session:
        workers.ask_size(session, NAME, 3)
        set_limit(session, "cpu", WHOLE, 2, "ada")
    jobs = [stage.make(waits=True, person=f"p{n}") for n in range(3)]
    running = lambda: [each for each in jobs if stage.job(each).state == "running"]  # noqa: E731
    wait_until(lambda: len(running()) == 2)
    with stage.services.sessions() as session:
        set_limit(session, "cpu", WHOLE, None, "ada")
    stage.services.queue.wake("cpu")  # as the route of limits does
    wait_until(lambda: len(running()) == 3)
    with stage.services.sessions() as session:
        workers.ask_size(session, NAME, 1)
    stage.open_gate()
    for each in jobs:
        stage.wait_for(each, "succeeded")
    wait_until(lambda: row_of(stage).concurrency == 1)  # type: ignore[union-attr]


def test_what_a_killed_worker_ran_stands_in_its_row(stage: Backstage) -> None:
    worker = stage.start_worker("cpu")
    job_id = stage.make(waits=True)
    stage.wait_for(job_id, "running")
    wait_until(lambda: (row := row_of(stage)) and row.runs)
    os.killpg(worker.pid, signal.SIGSTOP)  # so that no child goes on to report
    kill_hard(worker.pid)
    row = row_of(stage)
    assert row is not None
    assert row.left_at is None
    assert [run["job_id"] for run in row.runs] == [job_id]
