"""What waits for another job never waits for ever: on both databases, and whoever is first."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
from sqlalchemy import delete, event, update

from common.db.engine import SessionFactory
from common.db.tables import Job
from common.errors import Conflict, InvalidInput, WorkerLost
from common.jobs import chains, leases, states
from common.jobs.queues import read_queue
from common.settings import load_settings
from tests.common.jobs.conftest import JobMaker

SETTINGS = load_settings(lease_s=1.0, reap_every_s=0.5)


def begun(sessions: SessionFactory, job_id: str, lease_s: float = 30.0) -> leases.Lease:
    with sessions() as session:
        held = leases.take(session, job_id, "here", lease_s)
    assert held is not None
    return held


def end(sessions: SessionFactory, held: leases.Lease, state: str) -> list[str]:
    error = WorkerLost("lost") if state == "failed" else None
    with sessions() as session:
        return [job.id for job in leases.finish(session, held, state, error=error)]


def state_of(sessions: SessionFactory, job_id: str) -> str:
    with sessions() as session:
        return states.get_job(session, job_id).state


def force(sessions: SessionFactory, job_id: str, **values: object) -> None:
    """What only an older version or a hand in the database does."""
    with sessions() as session:
        session.execute(update(Job).where(Job.id == job_id).values(**values))


def look(sessions: SessionFactory) -> list[Job]:
    with sessions() as session:
        return leases.reap(session, SETTINGS)[1]


def test_what_follows_a_failed_job_has_failed_as_soon_as_that_is_written(
    sessions: SessionFactory, make: JobMaker
) -> None:
    first = make()
    second = make(after_job_id=first)
    third = make(after_job_id=second)
    assert end(sessions, begun(sessions, first), "failed") == [first, second, third]
    with sessions() as session:
        waited = states.get_job(session, second)
        assert waited.state == states.get_job(session, third).state == "failed"
        assert waited.error is not None
        assert first in waited.error["message"]


@pytest.mark.parametrize("state", ["succeeded", "stopped"])
def test_what_follows_a_job_that_succeeded_or_may_be_resumed_stays(
    sessions: SessionFactory, make: JobMaker, state: str
) -> None:
    first = make()
    second = make(after_job_id=first)
    assert end(sessions, begun(sessions, first), state) == [first]
    assert state_of(sessions, second) == "queued"


def test_an_execution_that_lost_its_job_ends_nothing(
    sessions: SessionFactory, make: JobMaker
) -> None:
    first = make()
    second = make(after_job_id=first)
    held = begun(sessions, first)
    force(sessions, first, lease_owner="another")
    assert end(sessions, held, "failed") == []
    assert state_of(sessions, second) == "queued"


def test_a_lost_job_without_attempts_left_takes_along_what_follows(
    sessions: SessionFactory, make: JobMaker
) -> None:
    first = make(max_attempts=1)
    second = make(after_job_id=first)
    begun(sessions, first, lease_s=0.0)
    look(sessions)
    time.sleep(SETTINGS.reap_every_s)
    assert {job.id for job in look(sessions)} == {first, second}


def test_a_follower_is_made_before_the_job_ends_or_refused_after_it(
    sessions: SessionFactory, make: JobMaker
) -> None:
    first = make()
    held = begun(sessions, first)
    ending = threading.Thread(target=end, args=(sessions, held, "failed"))
    with sessions() as session:
        follower = states.create_job(
            session, "practice",
            dataset_id=None, params={}, created_by="ben", after_job_id=first,
        ).id  # fmt: skip
        ending.start()
        ending.join(timeout=0.3)
        assert ending.is_alive(), "the job has ended although somebody was queueing up behind it"
    ending.join(timeout=60)
    assert state_of(sessions, follower) == "failed"
    with pytest.raises(InvalidInput, match="has failed"):
        make(after_job_id=first)


def test_a_follower_is_queued_again_before_the_job_ends_or_refused_after_it(
    sessions: SessionFactory, make: JobMaker
) -> None:
    first = make()
    second = make(after_job_id=first)
    with sessions() as session:
        states.request_stop(session, second, "save")
    ending = threading.Thread(target=end, args=(sessions, begun(sessions, first), "failed"))
    with sessions() as session:
        states.requeue(session, second, fresh=True)
        ending.start()
        ending.join(timeout=0.3)
        assert ending.is_alive()
    ending.join(timeout=60)
    assert state_of(sessions, second) == "failed"


@pytest.mark.parametrize("state", ["failed", "stopped"])
@pytest.mark.parametrize("fresh", [True, False])
def test_what_would_wait_for_ever_is_not_queued_again(
    sessions: SessionFactory, make: JobMaker, state: str, fresh: bool
) -> None:
    first = make()
    second = make(after_job_id=first)
    end(sessions, begun(sessions, first), state)
    force(sessions, second, state="failed")
    with pytest.raises(Conflict, match=f"{first}.*has {state}"), sessions() as session:
        states.requeue(session, second, fresh=fresh)
    with sessions() as session:
        states.requeue(session, first, fresh=True)
        states.requeue(session, second, fresh=fresh)
    assert state_of(sessions, second) == "queued"


def test_what_had_begun_behind_a_job_that_was_removed_since_can_be_done_again(
    sessions: SessionFactory, make: JobMaker
) -> None:
    first = make()
    second, third = make(after_job_id=first), make(after_job_id=first)
    end(sessions, begun(sessions, first), "succeeded")
    end(sessions, begun(sessions, second), "failed")
    force(sessions, third, state="failed")
    with sessions() as session:
        chains.let_go(session, {first})
        session.execute(delete(Job).where(Job.id == first))
    with sessions() as session:
        states.requeue(session, second, fresh=True)
        assert states.ready(session, states.get_job(session, second))
    with pytest.raises(Conflict, match="not there any more"), sessions() as session:
        states.requeue(session, third, fresh=True)


@pytest.mark.parametrize(("state", "then"), [("succeeded", "queued"), ("stopped", "failed")])
def test_removing_a_job_settles_what_waits_for_it(
    sessions: SessionFactory, make: JobMaker, state: str, then: str
) -> None:
    first = make()
    second = make(after_job_id=first)
    end(sessions, begun(sessions, first), state)
    with sessions() as session:
        ended = chains.let_go(session, {first})
        session.execute(delete(Job).where(Job.id == first))
    assert [job.id for job in ended] == ([second] if then == "failed" else [])
    with sessions() as session:
        job = states.get_job(session, second)
        assert job.state == then
        assert then == "failed" or states.ready(session, job)


def _fail(sessions: SessionFactory, first: str, _: str) -> None:
    force(sessions, first, state="failed")


def _remove(sessions: SessionFactory, first: str, _: str) -> None:
    with sessions() as session:
        session.execute(delete(Job).where(Job.id == first))


def _ask(sessions: SessionFactory, _: str, second: str) -> None:
    force(sessions, second, stop_requested="save")


@pytest.mark.parametrize(
    ("harm", "then"), [(_fail, "failed"), (_remove, "failed"), (_ask, "stopped")]
)
def test_the_reaper_ends_what_an_older_version_left_waiting_for_ever(
    sessions: SessionFactory,
    make: JobMaker,
    harm: Callable[[SessionFactory, str, str], None],
    then: str,
) -> None:
    first = make()
    second = make(after_job_id=first)
    third = make(after_job_id=second)
    harm(sessions, first, second)
    with sessions() as session:
        assert all(job.after for job in read_queue(session, "cpu").waiting if job.id != first)
    assert {job.id for job in look(sessions)} == ({second, third} if then == "failed" else {second})
    assert state_of(sessions, second) == then
    assert look(sessions) == []


@pytest.mark.parametrize("jobs_url", ["postgresql"], indirect=True)  # SQLite has one writer
def test_a_stop_that_comes_between_the_reapers_statements_is_not_forgotten(
    sessions: SessionFactory, make: JobMaker
) -> None:
    job_id = make()
    begun(sessions, job_id, lease_s=0.0)
    look(sessions)
    time.sleep(SETTINGS.reap_every_s)

    asked: list[str] = []

    def stop_before_requeue(_c: object, _u: object, _s: str, values: object, *_: object) -> None:
        if isinstance(values, dict) and values.get("state") == "queued" and not asked:
            asked.append(job_id)
            with sessions() as other:
                states.request_stop(other, job_id, "save")

    with sessions() as session:
        event.listen(session.get_bind(), "before_cursor_execute", stop_before_requeue)
        assert leases.reap(session, SETTINGS) == ([], [])
    assert asked
    look(sessions)
    assert state_of(sessions, job_id) == "stopped"
