"""The spine: jobs on real worker processes, which are stopped, killed and told things twice."""

from __future__ import annotations

import os
import signal
import time
from datetime import timedelta

import pytest

from common.db.tables import now
from common.errors import Conflict
from common.jobs import leases, reports, states
from common.jobs.series import read_series
from tests.workers.conftest import PATIENCE_S, Backstage, is_alive, kill_hard, wait_until


def test_a_job_runs_reports_and_succeeds(any_stage: Backstage) -> None:
    any_stage.start_worker()
    job_id = any_stage.make(steps=4)
    job = any_stage.wait_for(job_id, "succeeded", "failed")
    assert job.state == "succeeded"
    assert job.result == {"steps": 4}
    assert job.progress["done"] == 4
    assert job.progress["metrics"] == {"depth": 3}
    with any_stage.services.readers() as session:
        log, end = reports.read_log(session, job_id, 0)
        series = read_series(session, job_id).points
    assert "step 3" in log
    assert end == len(log)
    assert [point["value"] for point in series["probe/depth"]] == [0, 1, 2, 3]


def run_another(stage: Backstage) -> str:
    """A job that is sent now and has succeeded: what was sent before it was taken before."""
    job_id = stage.make()
    stage.wait_for(job_id, "succeeded")
    return job_id


def test_a_second_delivery_of_a_running_or_finished_job_does_nothing(stage: Backstage) -> None:
    stage.start_worker()
    stage.start_worker()
    job_id = stage.make(waits=True)
    stage.wait_for(job_id, "running")
    stage.services.queue.send_job(stage.job(job_id), stage.services.sessions)
    meanwhile = run_another(stage)
    stage.open_gate()
    stage.wait_for(job_id, "succeeded")
    stage.services.queue.send_job(stage.job(job_id), stage.services.sessions)
    last = run_another(stage)
    assert stage.begun() == [job_id, meanwhile, last]
    assert stage.job(job_id).attempt == 1


def test_an_error_of_a_job_keeps_its_code_and_its_remedy(stage: Backstage) -> None:
    stage.start_worker()
    known, unknown = stage.make(fail=True), stage.make(crash=True)
    failed = stage.wait_for(known, "failed", "succeeded")
    assert failed.error is not None
    assert failed.error["code"] == "no_captions"
    assert "Caption images first" in failed.error["remedy"]
    crashed = stage.wait_for(unknown, "failed", "succeeded")
    assert crashed.error is not None
    assert crashed.error["code"] == "internal"
    with stage.services.readers() as session:
        assert "ZeroDivisionError" in reports.read_log(session, unknown, 0)[0]


def test_a_queued_job_is_stopped_at_once_without_any_worker(any_stage: Backstage) -> None:
    job_id = any_stage.make()
    with any_stage.services.sessions() as session:
        assert states.request_stop(session, job_id, "save").state == "stopped"
    any_stage.start_worker()
    other = run_another(any_stage)
    assert any_stage.begun() == [other]
    assert any_stage.job(job_id).state == "stopped"


@pytest.mark.timed
def test_a_running_job_stops_soon_and_is_never_called_succeeded(stage: Backstage) -> None:
    stage.start_worker()
    job_id = stage.make(steps=1000, step_s=0.05)
    stage.wait_for(job_id, "running")
    with stage.services.sessions() as session:
        states.request_stop(session, job_id, "save")
    asked = time.monotonic()
    job = stage.wait_for(job_id, "stopped", "succeeded", "failed")
    assert job.state == "stopped"
    assert time.monotonic() - asked < 3
    with stage.services.sessions() as session, pytest.raises(Conflict, match="already stopped"):
        states.request_stop(session, job_id, "save")


def test_a_stopped_child_saves_and_a_resumed_job_goes_on_from_there(stage: Backstage) -> None:
    stage.start_worker()
    job_id = stage.make("probe_child", steps=20, waits=True)
    wait_until(lambda: stage.job(job_id).progress.get("done", 0) >= 5, what="five steps")
    with stage.services.sessions() as session:
        states.request_stop(session, job_id, "save")
    stopped = stage.wait_for(job_id, "stopped", "succeeded", "failed")
    assert stopped.state == "stopped"
    assert stopped.result is not None
    saved_at = stopped.result["saved_at"]
    assert 5 <= saved_at < 20
    with stage.services.sessions() as session:
        job = states.requeue(session, job_id, fresh=False)
    stage.open_gate()
    stage.services.queue.send_job(job, stage.services.sessions)
    done = stage.wait_for(job_id, "succeeded", "failed", "stopped")
    assert done.result == {"began_at": saved_at, "ended_at": 20}


@pytest.mark.parametrize(("mode", "deaf"), [("kill", False), ("save", True)])
def test_a_child_that_is_killed_or_does_not_listen_is_gone(
    stage: Backstage, mode: str, deaf: bool
) -> None:
    stage.start_worker()
    job_id = stage.make("probe_child", steps=10_000, deaf=deaf, grace_s=1.0)
    wait_until(stage.children, what="the child's start")
    with stage.services.sessions() as session:
        states.request_stop(session, job_id, mode)
    assert stage.wait_for(job_id, "stopped", "succeeded", "failed").state == "stopped"
    assert not is_alive(stage.children()[0])


def test_a_child_that_is_killed_from_outside_is_tried_again(stage: Backstage) -> None:
    stage.start_worker()
    job_id = stage.make("probe_child", steps=20, waits=True)
    wait_until(lambda: stage.job(job_id).progress.get("done", 0) >= 5, what="five steps")
    kill_hard(stage.children()[0])
    stage.open_gate()
    job = stage.wait_for(job_id, "succeeded", "failed")
    assert job.state == "succeeded", job.error
    assert job.attempt == 2
    assert job.result is not None
    assert job.result["began_at"] >= 5


def test_a_child_that_fails_says_its_last_line(stage: Backstage) -> None:
    stage.start_worker()
    job = stage.wait_for(stage.make("probe_child", steps=1, exit_code=3), "failed", "succeeded")
    assert job.error is not None
    assert "exit code 3: out of luck" in job.error["message"]


def test_a_killed_worker_takes_its_child_along_and_another_worker_goes_on(
    any_stage: Backstage,
) -> None:
    any_stage.start_beat()
    first = any_stage.start_worker()
    maintenance = any_stage.start_worker("maintenance")
    job_id = any_stage.make("probe_child", steps=20, waits=True)
    wait_until(lambda: any_stage.job(job_id).progress.get("done", 0) >= 5, what="five steps")
    any_stage.start_worker()
    killed = time.monotonic()
    any_stage.lose(first, job_id)
    wait_until(lambda: len(any_stage.children()) == 2, what="the second execution")
    assert time.monotonic() - killed < 45
    any_stage.open_gate()
    job = any_stage.wait_for(job_id, "succeeded", "failed")
    assert job.state == "succeeded"
    assert job.attempt == 2
    before, after = any_stage.children()
    assert before != after
    assert not is_alive(before)
    assert maintenance.poll() is None


def look_twice(stage: Backstage) -> tuple[int, int]:
    """(jobs queued again, jobs ended) by two looks at all leases, as far apart as in a real service."""
    found, first = [0, 0], now() + timedelta(seconds=1)
    for moment in (first, first + timedelta(seconds=stage.settings.reap_every_s)):
        with stage.services.sessions() as session:
            again, ended = leases.reap(session, stage.settings, moment)
        found = [found[0] + len(again), found[1] + len(ended)]
    return found[0], found[1]


def test_a_job_whose_worker_is_lost_too_often_fails_with_worker_lost(stage: Backstage) -> None:
    job_id = stage.make(send=False)
    found = []
    for _ in range(3):
        with stage.services.sessions() as session:
            assert leases.take(session, job_id, "ghost", lease_s=0.0) is not None
        found.append(look_twice(stage))
    assert found == [(1, 0), (1, 0), (0, 1)]
    assert stage.job(job_id).error is not None
    assert stage.job(job_id).error["code"] == "worker_lost"  # type: ignore[index]


def test_a_runner_that_lost_its_lease_writes_nothing_more(any_stage: Backstage) -> None:
    job_id = any_stage.make(send=False)
    with any_stage.services.sessions() as session:
        late = leases.take(session, job_id, "slow", lease_s=0.0)
    with any_stage.services.sessions() as session:
        assert leases.take(session, job_id, "hasty", lease_s=30.0) is None
    assert look_twice(any_stage) == (1, 0)
    with any_stage.services.sessions() as session:
        owner = leases.take(session, job_id, "quick", lease_s=30.0)
    assert late is not None
    assert owner is not None
    with any_stage.services.sessions() as session:
        assert leases.take(session, job_id, "third", lease_s=30.0) is None
        assert leases.extend_lease(session, late, 30.0)[0] is False
        assert reports.write_reports(session, late, reports.Reports({"done": 1})) is None
        assert leases.finish(session, late, "failed") == []
        assert [job.id for job in leases.finish(session, owner, "succeeded", result={})] == [job_id]


def test_a_job_that_follows_another_starts_when_that_has_succeeded(stage: Backstage) -> None:
    stage.start_worker()
    first = stage.make(waits=True)
    second = stage.make(send=False, after=first)
    stage.open_gate()
    assert stage.wait_for(second, "succeeded", "failed").state == "succeeded"
    one, two = stage.job(first), stage.job(second)
    assert one.finished_at is not None
    assert two.started_at is not None
    assert two.started_at >= one.finished_at


def test_what_follows_a_failed_job_fails_too_and_says_why(stage: Backstage) -> None:
    stage.start_worker()
    first = stage.make(fail=True, send=False)
    second = stage.make(send=False, after=first)
    stage.services.queue.send_job(stage.job(first), stage.services.sessions)
    job = stage.wait_for(second, "failed", "succeeded")
    assert job.error is not None
    assert first in job.error["message"]


def test_a_job_whose_message_was_lost_is_sent_again(stage: Backstage) -> None:
    stage.start_beat()
    stage.start_worker("cpu,maintenance")
    job_id = stage.make(send=False)
    assert stage.wait_for(job_id, "succeeded", "failed").state == "succeeded"


def test_a_worker_that_shuts_down_hands_its_job_to_the_next_uncounted(stage: Backstage) -> None:
    first = stage.start_worker()
    job_id = stage.make("probe_child", steps=20, waits=True)
    wait_until(lambda: stage.job(job_id).progress.get("done", 0) >= 5, what="five steps")
    os.kill(first.pid, signal.SIGTERM)
    first.wait(PATIENCE_S)
    stage.wait_for(job_id, "queued")
    stage.open_gate()
    stage.start_worker()
    job = stage.wait_for(job_id, "succeeded", "failed")
    assert job.state == "succeeded"
    assert job.attempt == 1
    assert job.result is not None
    assert job.result["began_at"] >= 5


def test_progress_numbers_only_grow(stage: Backstage) -> None:
    stage.start_worker()
    job_id = stage.make(steps=20, step_s=0.05, waits=True)
    seen = [0]
    while stage.job(job_id).state in states.ACTIVE:
        seen.append(stage.job(job_id).seq)
        if len(set(seen)) == 5:
            stage.open_gate()
        time.sleep(0.02)
    seen.append(stage.job(job_id).seq)
    assert seen == sorted(seen)
    assert len(set(seen)) >= 5
