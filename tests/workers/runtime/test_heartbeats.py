"""What a running job asks of the database: little, and the less the longer it takes to answer."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from common.jobs import leases, states
from tests.workers.clock import Clock
from tests.workers.conftest import Backstage, open_backstage
from workers.runtime import job_context
from workers.runtime.job_context import JobContext, JobFacts
from workers.runtime.services import Services


@pytest.fixture
def usual(tmp_path: Path) -> Iterator[Backstage]:
    """With the times that services have."""
    with open_backstage(tmp_path, "", lease_s=30.0, reap_every_s=5.0) as opened:
        yield opened


def begin(stage: Backstage, services: Services | None = None) -> JobContext:
    """A job that this process runs. services: if not the stage's own."""
    job_id = stage.make(send=False)
    with stage.services.sessions() as session:
        held = leases.take(session, job_id, "here", stage.settings.lease_s)
    assert held is not None
    return JobContext(services or stage.services, JobFacts.of(stage.job(job_id)), held)


def test_what_writes_reports_keeps_the_lease_and_reads_the_stop_flag(any_stage: Backstage) -> None:
    context = begin(any_stage)
    before = any_stage.job(context.job.id).lease_until
    with any_stage.services.sessions() as session:
        states.request_stop(session, context.job.id, "save")
    context.report(done=1, total=2)
    context.flush()
    job = any_stage.job(context.job.id)
    assert before is not None
    assert job.lease_until is not None
    assert job.lease_until > before
    assert job.progress["done"] == 1
    assert context.stop_requested == "save"


def test_reports_of_a_job_that_another_has_are_not_written_and_its_runner_knows(
    any_stage: Backstage,
) -> None:
    context = begin(any_stage)
    with any_stage.services.sessions() as session:
        states.get_job(session, context.job.id).lease_owner = "somebody else"
    context.report(done=1, total=2)
    context.flush()
    assert context.lost
    assert any_stage.job(context.job.id).progress == {}


def test_a_database_that_answers_slowly_gets_reports_more_rarely(
    usual: Backstage, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(time.monotonic())

    @contextmanager
    def slow_heartbeats() -> Iterator[Session]:
        clock.now_s += 0.3
        with usual.services.heartbeats() as session:
            yield session

    monkeypatch.setattr(job_context, "time", clock)
    context = begin(usual, replace(usual.services, heartbeats=slow_heartbeats))

    def report(done: int) -> int:
        context.report(done=done, total=3)
        context.flush()
        return int(usual.job(context.job.id).progress["done"])

    assert report(1) == 1
    assert report(2) == 1
    clock.now_s += 1.4
    assert report(2) == 1
    clock.now_s += 0.2
    assert report(2) == 2


@pytest.mark.timed
def test_a_call_is_heard_long_before_the_lease_is_due(usual: Backstage) -> None:
    usual.start_worker()
    job_id = usual.make(steps=1000, step_s=0.05)
    usual.wait_for(job_id, "running")
    time.sleep(1.0)
    with usual.services.sessions() as session:
        states.request_stop(session, job_id, "save")
    usual.services.queue.call_stop(job_id)
    asked = time.monotonic()
    usual.wait_for(job_id, "stopped", "succeeded")
    assert time.monotonic() - asked < 1.5
