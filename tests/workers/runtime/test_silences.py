"""What does not answer for a while costs a job a pause, and never its reports, its end or its lease."""

from __future__ import annotations

import logging
import math
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import text

from common.db.tables import Job, now
from common.jobs import leases, reports
from common.jobs.counts import tallies
from common.jobs.queues import read_queue
from common.logs import AddIds, of_job
from common.store import open_store
from tests.servers import free_port
from tests.workers.clock import Clock
from tests.workers.conftest import Backstage, open_backstage, wait_until
from workers.runtime import job_context
from workers.runtime.job_context import JobContext
from workers.runtime.job_runs import run_leased
from workers.runtime.reaper import reap_once
from workers.runtime.retries import pause_s

Body = Callable[[JobContext], dict[str, Any]]
# After the first attempt, by the settings that a user has
PAUSE = timedelta(seconds=20)


@pytest.fixture(params=["sqlite", "postgresql"])
def hasty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Backstage]:
    """Both databases; jobs are tried again after half a second."""
    url = "" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    with open_backstage(tmp_path, url, retry_pause_s=0.5) as opened:
        yield opened


def run(stage: Backstage, body: Body, job_id: str | None = None) -> Job:
    """The job after one execution of this body, here and now."""
    job_id = job_id or stage.make(send=False)
    with stage.services.sessions() as session:
        held = leases.take(session, job_id, "here", stage.settings.lease_s)
    assert held is not None
    run_leased(stage.services, held, body)
    return stage.job(job_id)


def startable(stage: Backstage) -> int:
    with stage.services.readers() as session:
        return read_queue(session, "cpu").startable


def counted(stage: Backstage, name: str) -> int:
    with stage.services.readers() as session:
        return tallies.read_tallies(session)[name]


def log_of(stage: Backstage, job_id: str) -> str:
    with stage.services.readers() as session:
        return reports.read_log(session, job_id, 0)[0]


def asks_a_store_that_is_away(ctx: JobContext) -> dict[str, Any]:
    ctx.report(done=1, total=2)
    store = open_store(f"s3://key:secret@127.0.0.1:{free_port()}/bucket?secure=0")
    return {"found": store.exists("it")}


def test_a_job_whose_store_is_away_is_tried_again_after_a_pause_and_says_so(
    any_stage: Backstage,
) -> None:
    began = now()
    job = run(any_stage, asks_a_store_that_is_away)
    assert (job.state, job.attempt, job.progress["done"]) == ("queued", 1, 1), job.error
    assert job.not_before is not None
    assert began + PAUSE <= job.not_before <= now() + PAUSE
    [note] = job.notes
    assert "Tried again in 20 s (attempt 2 of 3)." in note
    assert job.progress["message"] == note
    assert note in log_of(any_stage, job.id)
    assert startable(any_stage) == 0
    with any_stage.services.sessions() as session:  # as if those seconds had gone by
        session.get_one(Job, job.id).not_before = job.not_before - PAUSE
    assert startable(any_stage) == 1
    assert counted(any_stage, tallies.RETRIES) == 1
    done = run(any_stage, lambda ctx: {"attempt": ctx.job.attempt}, job.id)
    assert (done.state, done.result, done.not_before) == ("succeeded", {"attempt": 2}, None)


def test_a_store_that_stays_away_fails_the_job_once_its_attempts_are_used(stage: Backstage) -> None:
    job = run(stage, asks_a_store_that_is_away)
    for _ in range(2):
        assert job.state == "queued"
        job = run(stage, asks_a_store_that_is_away, job.id)
    assert job.state == "failed"
    assert job.error is not None
    assert job.error["code"] == "store_unavailable"
    assert [pause_s(stage.settings, attempt) for attempt in (1, 2, 3)] == [20, 60, 180]


def test_what_each_attempt_notes_is_noted_once(stage: Backstage) -> None:
    def notes_and_loses_its_store(ctx: JobContext) -> dict[str, Any]:
        ctx.note("Few images.")
        ctx.note(f"Attempt {ctx.job.attempt}.")
        return asks_a_store_that_is_away(ctx) if ctx.job.attempt == 1 else {}

    job = run(stage, notes_and_loses_its_store)
    job = run(stage, notes_and_loses_its_store, job.id)
    assert [note.partition(" ")[0] for note in job.notes] == ["Few", "Attempt", "the", "Attempt"]
    assert log_of(stage, job.id).count("Few images.") == 2


def test_a_job_that_pauses_can_be_stopped_at_once(stage: Backstage) -> None:
    from common.jobs import states

    job = run(stage, asks_a_store_that_is_away)
    with stage.services.sessions() as session:
        assert states.request_stop(session, job.id, "save").state == "stopped"
        again = states.requeue(session, job.id, fresh=False)
        assert again.not_before is None


def says_odd_things(ctx: JobContext) -> dict[str, Any]:
    ctx.report(done=10**400, total=math.nan, message="a\x00b\ud800", depth=math.inf)
    ctx.metric("loss" * 40, 2**40, math.nan)
    ctx.metric("loss", 1, 0.5)
    ctx.log("a\x00b\ud800")
    ctx.note("a\x00b\ud800")
    ctx.save_checkpoint({"a\x00": math.nan})
    time.sleep(0.6)  # a flush or two of the heartbeat's
    return {"made": math.nan, "name": "\ud800"}


def test_a_job_that_reports_what_no_database_keeps_succeeds(hasty: Backstage) -> None:
    job = run(hasty, says_odd_things)
    assert (job.state, job.result) == ("succeeded", {"made": None, "name": "\ufffd"})
    assert job.notes == ["a\ufffdb\ufffd"]
    assert "a\ufffdb\ufffd" in log_of(hasty, job.id)
    assert counted(hasty, tallies.CLEANED_REPORTS) >= 3


REFUSE = {
    "sqlite": """CREATE TRIGGER refuse BEFORE INSERT ON job_logs WHEN NEW.text LIKE '%forbidden%'
                 BEGIN SELECT RAISE(ABORT, 'refused'); END""",
    "postgresql": "ALTER TABLE job_logs ADD CHECK (text NOT LIKE '%forbidden%')",
}


@pytest.mark.parametrize("before", [False, True], ids=["at the end", "before"])
def test_a_report_that_the_database_refuses_does_not_stand_in_the_way_of_the_end(
    hasty: Backstage, before: bool, caplog: pytest.LogCaptureFixture, monkeypatch: Any
) -> None:
    """Who reads the worker's log finds the job: the heartbeat's thread names it, too."""
    caplog.handler.addFilter(AddIds())
    if not before:
        monkeypatch.setattr(job_context, "TICK_S", 3600.0)

    def refused() -> list[logging.LogRecord]:
        return [line for line in caplog.records if "were refused" in line.getMessage()]

    def says_it(ctx: JobContext) -> dict[str, Any]:
        ctx.log("forbidden")
        if before:
            wait_until(refused, what="the refusal of what the heartbeat wrote")
        ctx.log("allowed")
        return {"ok": True}

    with hasty.services.sessions() as session:
        session.execute(text(REFUSE[session.get_bind().dialect.name]))
    job_id = hasty.make(send=False)
    with of_job(job_id):
        job = run(hasty, says_it, job_id)
    assert (job.state, job.result) == ("succeeded", {"ok": True})
    told = refused()
    assert [line.__dict__["ids"] for line in told] == [f" job={job_id}"] * len(told) != []
    assert ("allowed" in log_of(hasty, job.id)) == before
    assert counted(hasty, tallies.REFUSED_REPORTS) >= 1


def switch(postgres_url: str) -> Callable[[bool], None]:
    """A function that cuts the database off (False), and lets everybody in again (True)."""
    address, _, name = postgres_url.rpartition("/")

    def allow(yes: bool) -> None:
        with psycopg.connect(f"{address}/postgres", autocommit=True) as elsewhere:
            elsewhere.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS {yes}')
            if not yes:
                end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
                elsewhere.execute(end, [name])

    return allow


def test_the_end_of_a_job_waits_for_a_database_that_is_away(
    tmp_path: Path, postgres_url: str
) -> None:
    with open_backstage(tmp_path, postgres_url, lease_s=2.0) as stage:
        allow = switch(postgres_url)
        # Longer than the lease: the reaper needs two looks to give it away.
        later = threading.Timer(3.0, allow, [True])

        def ends_meanwhile(ctx: JobContext) -> dict[str, Any]:
            ctx.log("the last word")
            allow(False)
            later.start()
            return {"ok": True}

        job = run(stage, ends_meanwhile)
        later.join()
        assert (job.state, job.result) == ("succeeded", {"ok": True})
        assert "the last word" in log_of(stage, job.id)


def test_a_job_that_meets_a_database_that_is_away_is_tried_again(
    tmp_path: Path, postgres_url: str
) -> None:
    with open_backstage(tmp_path, postgres_url) as stage:
        allow = switch(postgres_url)

        def asks(ctx: JobContext) -> dict[str, Any]:
            allow(False)
            try:
                with ctx.session() as session:
                    session.execute(text("SELECT 1"))
            finally:
                allow(True)
            return {}

        job = run(stage, asks)
        assert (job.state, job.attempt) == ("queued", 1), job.error
        assert "database did not answer" in job.notes[0]


def test_a_body_knows_that_its_lease_is_lost_while_its_heartbeat_waits_for_the_database(
    stage: Backstage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody holds SQLite's lock for longer than a lease."""
    clock, told = Clock(time.monotonic()), []
    monkeypatch.setattr(job_context, "time", clock)

    def works_on(ctx: JobContext) -> dict[str, Any]:
        with closing(sqlite3.connect(stage.settings.database.removeprefix("sqlite:///"))) as db:
            db.execute("BEGIN IMMEDIATE")
            began_s = clock.now_s
            for share in (0.5, leases.GIVE_UP_SHARE + 0.01):
                clock.now_s = began_s + share * stage.settings.lease_s
                told.append(ctx.lost)
            db.rollback()
        ctx.check_stop()
        return {}

    job = run(stage, works_on)
    assert told == [False, True]
    assert job.state == "running"  # the reaper's to give away


LEASE_S = 6.0


def test_a_job_beside_a_silent_redis_keeps_its_lease_reports_and_is_not_begun_again(
    tmp_path: Path,
) -> None:
    """Its worker tells what it does four times a second, to nobody, for two times a lease."""
    with open_backstage(tmp_path, "", lease_s=LEASE_S) as stage:
        stage.start_worker()
        job_id = stage.make(step_s=0.05, waits=True)
        wait_until(lambda: stage.job(job_id).progress.get("done", 0) >= 5, what="five steps")
        stage.redis.pause()
        paused, told = time.monotonic(), [stage.job(job_id).progress["done"]]
        while len(told) < 7 or time.monotonic() - paused < 2 * LEASE_S:
            reap_once(stage.services)
            time.sleep(stage.settings.reap_every_s)
            wait_until(
                lambda: stage.job(job_id).progress["done"] > told[-1], what="further progress"
            )
            told.append(stage.job(job_id).progress["done"])
        stage.open_gate()
        job = stage.wait_for(job_id, "succeeded", "failed")
        assert (job.state, job.attempt) == ("succeeded", 1), job.error
        stage.redis.resume()
        again = stage.make(steps=1)
        stage.wait_for(again, "succeeded")
        assert stage.begun() == [job_id, again]
        assert counted(stage, tallies.LOST_LEASES) == 0
