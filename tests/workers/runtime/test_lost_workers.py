"""Lost workers are found in time, living ones never robbed: not by a clock that jumps either."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from common.db import clock
from common.db.tables import Job, now
from common.errors import InvalidInput
from common.jobs import leases
from common.jobs.counts import tallies
from common.settings import Settings, load_settings
from tests.servers import free_port
from tests.workers.conftest import Backstage, kill_hard, open_backstage, wait_until
from workers.runtime import start
from workers.runtime.reaper import reap_once

HOUR = timedelta(hours=1)
FOUND_WITHIN_S = 45


def look(stage: Backstage, shift: timedelta) -> None:
    """A look of the reaper on a machine whose clock is wrong by `shift`."""
    reap_once(stage.services, now() + shift)


def wait_for_new_lease(stage: Backstage, known: Job) -> None:
    """What a worker that lives writes, sooner or later, however busy the machine is."""
    wait_until(lambda: stage.job(known.id).lease_until != known.lease_until, what="a new lease")


def test_a_killed_worker_is_found_within_45_seconds_with_the_default_settings(
    tmp_path: Path,
) -> None:
    usual = {name: Settings.model_fields[name].default for name in ("lease_s", "reap_every_s")}
    with open_backstage(tmp_path, "", **usual) as stage:
        stage.start_beat()
        stage.start_worker("maintenance")
        first = stage.start_worker("cpu")
        job_id = stage.make("probe_child", steps=100_000)
        wait_until(lambda: stage.job(job_id).progress.get("done", 0) >= 5, what="five steps")
        stage.start_worker("cpu")
        time.sleep(3.0)
        kill_hard(first.pid)
        killed = time.monotonic()
        wait_until(lambda: len(stage.children()) == 2, 60, "the second execution")
        found_s = time.monotonic() - killed
        print(f"a killed worker's job ran again after {found_s:.1f} s")
        assert found_s < FOUND_WITHIN_S
        before, after = stage.children()
        assert not psutil.pid_exists(before)
        assert psutil.pid_exists(after)
        assert stage.job(job_id).attempt == 2


def freeze(stage: Backstage, worker: int) -> list[psutil.Process]:
    """Stop a worker's own processes between two of its transactions; its job's child runs on.

    That one, or torchrun, is the leader of a session of its own.
    """
    above = psutil.Process(worker)
    own = [above, *(each for each in above.children(True) if os.getsid(each.pid) == worker)]
    database = stage.settings.database.removeprefix("sqlite:///")
    for _ in range(20):
        for process in own:
            process.suspend()
        try:
            with closing(sqlite3.connect(database, timeout=0.2)) as probe:
                probe.execute("BEGIN IMMEDIATE")
                probe.rollback()
            return own
        except sqlite3.OperationalError:  # it holds the lock: nobody else could do anything
            for process in own:
                process.resume()
            time.sleep(0.05)
    raise AssertionError("it is always in a transaction")


def is_alive(pid: int) -> bool:
    """A process that its frozen parent has not buried yet is dead all the same."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize("processes", [1, 2])
def test_the_child_of_a_frozen_worker_ends_before_another_execution_begins(
    tmp_path: Path, processes: int
) -> None:
    with open_backstage(tmp_path, "", lease_s=12.0, reap_every_s=2.0) as stage:
        stage.start_beat()
        stage.start_worker("maintenance")
        first = stage.start_worker("cpu")
        job_id = stage.make("probe_child", steps=100_000, silent=True, processes=processes)
        wait_until(lambda: len(stage.children()) == processes, 60, "the first execution")
        stage.start_worker("cpu")
        children = stage.children()
        frozen = freeze(stage, first.pid)
        wait_until(lambda: not any(map(is_alive, children)), 30, "the children's end")
        assert stage.job(job_id).attempt == 1
        wait_until(lambda: len(stage.children()) == 2 * processes, 60, "the second execution")
        for process in frozen:
            process.resume()
        time.sleep(3.0)
        job = stage.job(job_id)
        assert (job.state, job.attempt) == ("running", 2)
        assert len(stage.children()) == 2 * processes
        assert all(map(is_alive, stage.children()[processes:]))


@pytest.mark.parametrize("shift", [HOUR, -HOUR], ids=["ahead", "back"])
def test_a_clock_that_jumps_an_hour_takes_nothing_from_a_living_worker(
    any_stage: Backstage, shift: timedelta
) -> None:
    any_stage.start_worker("cpu")
    job_id = any_stage.make("probe_child", steps=100_000)
    wait_until(lambda: any_stage.job(job_id).progress.get("done", 0) >= 2, what="two steps")
    for _ in range(6):
        look(any_stage, shift)
        job = any_stage.job(job_id)
        assert (job.state, job.suspect_lease is None) == ("running", False)
        time.sleep(any_stage.settings.reap_every_s)
        wait_for_new_lease(any_stage, job)
    look(any_stage, timedelta(0))
    job = any_stage.job(job_id)
    assert (job.state, job.attempt, job.suspect_lease) == ("running", 1, None)
    assert len(any_stage.children()) == 1


@pytest.mark.parametrize("shift", [HOUR, -HOUR], ids=["ahead", "back"])
def test_a_clock_that_jumps_an_hour_does_not_hide_a_lost_worker(
    any_stage: Backstage, shift: timedelta
) -> None:
    job_id = any_stage.make(send=False)
    with any_stage.services.sessions() as session:
        assert leases.take(session, job_id, "ghost", lease_s=30.0) is not None
    first = now() + shift
    reap_once(any_stage.services, first)
    # At once: a runner would not have had the time to write a new lease.
    reap_once(any_stage.services, first + timedelta(milliseconds=1))
    assert any_stage.job(job_id).state == "running"
    reap_once(any_stage.services, first + timedelta(seconds=any_stage.settings.reap_every_s))
    assert any_stage.job(job_id).state == "queued"


def test_a_lease_that_is_extended_is_never_suspect(stage: Backstage) -> None:
    job_id = stage.make(send=False)
    with stage.services.sessions() as session:
        held = leases.take(session, job_id, "here", stage.settings.lease_s)
    assert held is not None
    for _ in range(3):
        look(stage, timedelta(0))
        assert stage.job(job_id).suspect_lease is None
        time.sleep(stage.settings.reap_every_s)
        with stage.services.sessions() as session:
            assert leases.extend_lease(session, held, stage.settings.lease_s)[0]


def test_the_default_times_add_up_to_less_than_45_seconds() -> None:
    settings = Settings()
    extends_s = leases.extend_every_s(settings)
    assert 2 * extends_s < settings.reap_every_s
    assert extends_s < settings.reap_every_s * leases.APART_SHARE
    longest_s = settings.lease_s + leases.SLACK_S + settings.reap_every_s
    assert longest_s < FOUND_WITHIN_S
    assert settings.lease_s * leases.GIVE_UP_SHARE < settings.lease_s - 5


def test_a_worker_that_cannot_keep_its_lease_ends_its_child_before_another_may_begin(
    tmp_path: Path, postgres_url: str
) -> None:
    address, _, name = postgres_url.rpartition("/")
    with (
        open_backstage(tmp_path, postgres_url, lease_s=3.0, reap_every_s=2.0) as stage,
        psycopg.connect(f"{address}/postgres", autocommit=True) as elsewhere,
    ):
        stage.start_worker("cpu")
        job_id = stage.make("probe_child", steps=100_000)
        wait_until(lambda: stage.job(job_id).progress.get("done", 0) >= 2, what="two steps")
        [child] = stage.children()
        elsewhere.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        elsewhere.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
        )
        cut = time.monotonic()
        wait_until(lambda: not psutil.pid_exists(child), 15, "the child's end")
        assert 1.0 < time.monotonic() - cut < 8.0
        elsewhere.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
        for _ in range(2):
            reap_once(stage.services)
            time.sleep(stage.settings.reap_every_s)
        stage.services.queue.wake("cpu")
        wait_until(lambda: len(stage.children()) == 2, 20, "the second execution")
        assert stage.job(job_id).attempt == 2


def test_beat_finds_lost_jobs_without_redis_or_a_maintenance_worker_and_two_of_it_do_no_harm(
    any_stage: Backstage,
) -> None:
    away = {"redis_url": f"redis://127.0.0.1:{free_port()}/0"}
    any_stage.settings = any_stage.settings.model_copy(update=away)
    jobs = [any_stage.make(send=False) for _ in range(3)]
    with any_stage.services.sessions() as session:
        for job_id in jobs:
            assert leases.take(session, job_id, "ghost", lease_s=0.0) is not None
    any_stage.start_beat()
    any_stage.start_beat()
    for job_id in jobs:
        any_stage.wait_for(job_id, "queued")
    time.sleep(4 * any_stage.settings.reap_every_s)
    assert [any_stage.job(job_id).attempt for job_id in jobs] == [1, 1, 1]
    with any_stage.services.readers() as session:
        assert tallies.read_tallies(session)[tallies.LOST_LEASES] == len(jobs)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"lease_s": 8.0}, "LEASE_S is 8.*silent for 5 s"),
        ({"lease_s": 20.0, "database_url": "postgresql://clip@db/clip"}, "silent for 15 s"),
        ({"lease_s": 30.0, "reap_every_s": 31.0}, "REAP_EVERY_S is 31, more than the 30 s"),
    ],
)
def test_a_lease_that_is_shorter_than_a_silence_is_refused(
    given: dict[str, Any], said: str
) -> None:
    with pytest.raises(InvalidInput, match=said):
        leases.require_lasting_leases(load_settings(**given))


@pytest.mark.parametrize("url", ["", "postgresql://clip@db/clip"])
def test_the_default_settings_outlast_every_silence(url: str) -> None:
    leases.require_lasting_leases(load_settings(database_url=url))


def test_a_worker_with_such_settings_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLIP_BROWSER_LEASE_S", "3")
    monkeypatch.setattr("sys.argv", ["start", "worker", "cpu"])
    with pytest.raises(InvalidInput, match="CLIP_BROWSER_LEASE_S is 3"):
        start.main()


def test_lease_times_are_those_of_the_database_whatever_this_machines_clock_says(
    any_stage: Backstage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker whose machine is an hour ahead; with SQLite there is one machine, and one clock."""
    on_postgresql = any_stage.settings.database.startswith("postgresql")
    job_id, lease_s = any_stage.make(send=False), any_stage.settings.lease_s
    if on_postgresql:
        for module in (clock, leases):
            monkeypatch.setattr(module, "now", lambda: now() + HOUR)
    with any_stage.services.sessions() as session:
        held = leases.take(session, job_id, "here", lease_s)
    assert held is not None
    with any_stage.services.sessions() as session:
        assert leases.extend_lease(session, held, lease_s)[0]
        leases.reap(session, any_stage.settings)
    until = any_stage.job(job_id).lease_until
    assert until is not None
    assert lease_s - 2 < (until - now()).total_seconds() <= lease_s
    assert any_stage.job(job_id).suspect_lease is None


def test_a_run_whose_checkpoint_moves_on_outlives_more_lost_workers_than_attempts(
    stage: Backstage,
) -> None:
    stage.start_beat()
    job_id = stage.make("probe_child", steps=200, keeps=True)
    for turn in range(1, 5):
        worker = stage.start_worker("cpu")
        reached = stage.job(job_id).reached
        wait_until(partial(_is_further, stage, job_id, reached), 120, "a checkpoint further on")
        kill_hard(worker.pid)
        wait_until(partial(_has_state, stage, job_id, "queued"), 120, f"loss {turn}")
    stage.start_worker("cpu")
    ended = stage.wait_for(job_id, "succeeded", "failed", timeout_s=120)
    assert (ended.state, ended.attempt) == ("succeeded", 5)
    assert ended.result is not None
    assert ended.result["began_at"] >= 4


def _is_further(stage: Backstage, job_id: str, than: int) -> bool:
    return stage.job(job_id).reached > than


def _has_state(stage: Backstage, job_id: str, state: str) -> bool:
    return stage.job(job_id).state == state
