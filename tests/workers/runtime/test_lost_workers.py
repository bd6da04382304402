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
from tests.workers.conftest import Backstage, is_alive, open_backstage, wait_until
from workers.runtime import start
from workers.runtime.reaper import reap_once, wake_idle

HOUR = timedelta(hours=1)
FOUND_WITHIN_S = 45
LEFT_OUT_S = 20.0


def look_until(stage: Backstage, shift: timedelta, job_id: str, suspected: bool) -> None:
    """Looks of the reaper on a machine whose clock is wrong by `shift`.

    One of them is left out where the worker writes a new lease in its middle: the next one counts.
    """

    def look() -> bool:
        reap_once(stage.services, now() + shift)
        return (stage.job(job_id).suspect_lease is not None) == suspected

    wait_until(look, what=f"a lease that is {'' if suspected else 'not '}suspect")


def wait_for_done(stage: Backstage, job_id: str, count: int) -> None:
    wait_until(
        lambda: stage.job(job_id).progress.get("done", 0) >= count, what=f"{count} steps done"
    )


def wait_for_new_lease(stage: Backstage, known: Job) -> None:
    """What a worker that lives writes, sooner or later, however busy the machine is."""
    wait_until(lambda: stage.job(known.id).lease_until != known.lease_until, what="a new lease")


@pytest.mark.timed
def test_a_killed_worker_is_found_within_45_seconds_with_the_default_settings(
    tmp_path: Path,
) -> None:
    """All but the last ten seconds of its lease are left out, and counted: nothing happens in them."""
    usual = {name: Settings.model_fields[name].default for name in ("lease_s", "reap_every_s")}
    with open_backstage(tmp_path, "", **usual) as stage:
        stage.start_beat()
        stage.start_worker("maintenance")
        first = stage.start_worker("cpu")
        job_id = stage.make("probe_child", steps=100_000)
        wait_for_done(stage, job_id, 5)
        stage.start_worker("cpu")
        killed = time.monotonic()
        stage.lose(first, job_id, left_out_s=LEFT_OUT_S)
        wait_until(lambda: len(stage.children()) == 2, what="the second execution")
        found_s = time.monotonic() - killed + LEFT_OUT_S
        print(f"a killed worker's job ran again after {found_s:.1f} s")
        assert found_s < FOUND_WITHIN_S
        before, after = stage.children()
        assert not is_alive(before)
        assert is_alive(after)
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


def last_step_at(stage: Backstage, job_id: str) -> float:
    """When a process of its child wrote a step last, by the clock (seconds since 1970)."""
    return max(each.stat().st_mtime for each in (stage.settings.work_dir / job_id).glob("counter*"))


def let_another_begin(stage: Backstage, job_id: str, executions: int) -> None:
    """Looks of the reaper when the job's lease has run out, until so many processes have begun."""
    until = stage.job(job_id).lease_until
    assert until is not None
    for after_s in (1.0, 1.0 + stage.settings.reap_every_s):
        reap_once(stage.services, until + timedelta(seconds=after_s))

    def has_begun() -> bool:
        wake_idle(stage.services)
        return len(stage.children()) == executions

    wait_until(has_begun, what="the second execution", every_s=0.5)


@pytest.mark.parametrize("processes", [1, 2])
def test_the_child_of_a_frozen_worker_ends_before_another_execution_begins(
    tmp_path: Path, processes: int
) -> None:
    with open_backstage(tmp_path, "", lease_s=20.0, reap_every_s=2.0) as stage:
        first = stage.start_worker("cpu")
        job_id = stage.make("probe_child", steps=100_000, silent=True, processes=processes)
        wait_until(lambda: len(stage.children()) == processes, what="the first execution")
        stage.start_worker("cpu")
        children = stage.children()
        frozen = freeze(stage, first.pid)
        wait_until(lambda: not any(map(is_alive, children)), what="the children's end")
        job = stage.job(job_id)
        assert job.attempt == 1
        assert job.lease_until is not None
        # No look of the reaper takes a job away before that.
        assert last_step_at(stage, job_id) < job.lease_until.timestamp()
        let_another_begin(stage, job_id, 2 * processes)
        for process in frozen:
            process.resume()
        log = (stage.folder / "w0.log").read_text
        wait_until(lambda: "it is another worker's by now" in log(), what="its hearing of it")
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
    wait_for_done(any_stage, job_id, 2)
    for turn in range(6):
        # As far apart as looks are; what was suspect before is another lease by now.
        late = shift + turn * timedelta(seconds=any_stage.settings.reap_every_s)
        look_until(any_stage, late, job_id, suspected=True)
        job = any_stage.job(job_id)
        assert job.state == "running"
        wait_for_new_lease(any_stage, job)
    look_until(any_stage, timedelta(0), job_id, suspected=False)
    job = any_stage.job(job_id)
    assert (job.state, job.attempt) == ("running", 1)
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
        # The look that comes last before the runner writes a new one.
        until = stage.job(job_id).lease_until
        assert until is not None
        age_s = stage.settings.reap_every_s
        reap_once(stage.services, until - timedelta(seconds=stage.settings.lease_s - age_s))
        assert stage.job(job_id).suspect_lease is None
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
        open_backstage(tmp_path, postgres_url, lease_s=15.0, reap_every_s=2.0) as stage,
        psycopg.connect(f"{address}/postgres", autocommit=True) as elsewhere,
    ):
        stage.start_worker("cpu")
        job_id = stage.make("probe_child", steps=100_000)
        wait_for_done(stage, job_id, 2)
        [child] = stage.children()
        elsewhere.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        elsewhere.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
        )
        cut = time.monotonic()
        wait_until(lambda: not is_alive(child), what="the child's end")
        assert 1.0 < time.monotonic() - cut < stage.settings.lease_s + 5.0
        elsewhere.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
        until = stage.job(job_id).lease_until
        assert until is not None
        assert last_step_at(stage, job_id) < until.timestamp()
        let_another_begin(stage, job_id, 2)
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
    before = now()
    with any_stage.services.sessions() as session:
        assert leases.extend_lease(session, held, lease_s)[0]
        leases.reap(session, any_stage.settings)
    until = any_stage.job(job_id).lease_until
    assert until is not None
    assert before <= until - timedelta(seconds=lease_s) <= now()
    assert any_stage.job(job_id).suspect_lease is None


def test_a_run_whose_checkpoint_moves_on_outlives_more_lost_workers_than_attempts(
    stage: Backstage,
) -> None:
    stage.start_beat()
    job_id = stage.make("probe_child", steps=100_000, keeps=True)
    for _ in range(1, 5):
        worker = stage.start_worker("cpu")
        reached = stage.job(job_id).reached
        wait_until(partial(_is_further, stage, job_id, reached), what="a checkpoint further on")
        stage.lose(worker, job_id)
        stage.wait_for(job_id, "queued")
    with stage.services.sessions() as session:
        job = session.get_one(Job, job_id)
        job.params = {**job.params, "steps": job.reached + 50}
    stage.start_worker("cpu")
    ended = stage.wait_for(job_id, "succeeded", "failed")
    assert (ended.state, ended.attempt) == ("succeeded", 5)
    assert ended.result is not None
    assert ended.result["began_at"] >= 4


def _is_further(stage: Backstage, job_id: str, than: int) -> bool:
    return stage.job(job_id).reached > than
