"""Attempts count since the last checkpoint that moved on; on SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import timedelta

from common.db.clock import read_clock
from common.db.engine import SessionFactory
from common.db.tables import Job
from common.jobs import leases, reports, states
from common.jobs.leases import Lease
from common.jobs.reports import Reports
from common.settings import Settings, load_settings
from tests.common.jobs.conftest import JobMaker

SETTINGS = load_settings(secret_key="k" * 32)


def take(sessions: SessionFactory, job_id: str) -> Lease:
    with sessions() as session:
        held = leases.take(session, job_id, "spot", SETTINGS.lease_s)
    assert held is not None
    return held


def lose(sessions: SessionFactory, settings: Settings = SETTINGS) -> None:
    """The machine is taken away; two looks of the reaper find that out."""
    for after_s in (settings.lease_s + 2, settings.lease_s + 12):
        with sessions() as session:
            leases.reap(session, settings, read_clock(session) + timedelta(seconds=after_s))


def job_of(sessions: SessionFactory, job_id: str) -> Job:
    with sessions() as session:
        return states.get_job(session, job_id)


def keep(sessions: SessionFactory, held: Lease, steps: int) -> None:
    with sessions() as session:
        reports.write_reports(session, held, Reports(reached=steps))


def test_a_run_that_gets_on_outlives_any_number_of_lost_workers(
    sessions: SessionFactory, make: JobMaker
) -> None:
    job_id = make()
    for turn in range(1, 6):
        keep(sessions, take(sessions, job_id), 100 * turn)
        lose(sessions)
        assert job_of(sessions, job_id).state == "queued"
    held = take(sessions, job_id)
    assert held.attempt == 6
    with sessions() as session:
        leases.finish(session, held, "succeeded")
    assert job_of(sessions, job_id).state == "succeeded"


def test_a_run_that_dies_three_times_where_it_was_ends_as_lost(
    sessions: SessionFactory, make: JobMaker
) -> None:
    job_id = make()
    keep(sessions, take(sessions, job_id), 100)
    lose(sessions)
    for _ in range(3):
        assert job_of(sessions, job_id).state == "queued"
        keep(sessions, take(sessions, job_id), 100)  # as far as before, or less, is no progress
        lose(sessions)
    ended = job_of(sessions, job_id)
    assert ended.state == "failed"
    assert ended.error is not None
    assert ended.error["code"] == "worker_lost"


def test_one_that_keeps_nothing_ends_after_three_and_begins_anew_when_it_is_resumed(
    sessions: SessionFactory, make: JobMaker
) -> None:
    job_id = make()
    keep(sessions, take(sessions, job_id), 7)
    lose(sessions)
    for _ in range(3):
        take(sessions, job_id)
        lose(sessions)
    assert job_of(sessions, job_id).state == "failed"
    for fresh, reached in ((False, 7), (True, 0)):
        with sessions() as session:
            job = states.requeue(session, job_id, fresh=fresh)
            assert (job.attempt, job.max_attempts, job.reached) == (0, 3, reached)
        for _ in range(3):
            take(sessions, job_id)
            lose(sessions)
        assert job_of(sessions, job_id).state == "failed"


def test_a_worker_that_was_given_up_moves_nothing_on(
    sessions: SessionFactory, make: JobMaker
) -> None:
    job_id = make()
    held = take(sessions, job_id)
    lose(sessions)
    with sessions() as session:
        leases.advance(session, held, 500)
    assert (job_of(sessions, job_id).reached, job_of(sessions, job_id).max_attempts) == (0, 3)
