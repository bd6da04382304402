"""Queues as the database has them: the next job is found by index, and is the first of the order."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, event, insert
from sqlalchemy.orm import Session

from common.db.engine import open_engine, session_factory
from common.db.tables import Job
from common.jobs import leases, states
from common.jobs.order import RunningJob, WaitingJob, order_jobs
from common.jobs.queues import count_startable, read_queue
from common.jobs.turns import read_turns
from tests.common.jobs.old_order import order_plainly
from tests.migrated import migrate_new

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    url = f"sqlite:///{tmp_path}/test.db"
    if request.param == "postgresql":
        url = str(request.getfixturevalue("postgres_url"))
    migrate_new(url)
    opened = open_engine(url)
    yield opened
    opened.dispose()


def row(number: int, **facts: Any) -> dict[str, Any]:
    """A job of queue gpu; minute: when it was queued (and began and ended, if it did)."""
    moment = NOON + timedelta(minutes=facts.pop("minute", number))
    ended = moment if facts.get("state") not in (None, "queued", "running") else None
    return {
        "id": f"j{number:05}", "kind": "train", "queue": "gpu", "state": "queued",
        "created_by": "anna", "priority": 5, "place": None, "after_job_id": None, "attempt": 0,
        "params": {}, "progress": {}, "notes": [], "created_at": moment, "queued_at": moment,
        "started_at": moment if facts.get("state", "queued") != "queued" else None,
        "finished_at": ended, **facts,
    }  # fmt: skip


people = st.sampled_from("abcd")
states_of_others = st.sampled_from(["queued", "running", "succeeded", "succeeded", "stopped"])
rows = st.lists(
    st.fixed_dictionaries(
        {
            "created_by": people,
            "priority": st.integers(4, 6),
            "minute": st.integers(0, 9),
            "place": st.sampled_from([None, None, None, -2.0, -1.0, 0.0, 3.0]),
            "state": states_of_others,
            "after": st.none() | st.integers(0, 30),
        }
    ),
    max_size=30,
).map(
    lambda drawn: [
        row(
            number,
            after_job_id=f"j{each.pop('after'):05}" if each.get("after") is not None else None,
            **{name: value for name, value in each.items() if name != "after"},
        )
        for number, each in enumerate(drawn)
    ]
)


def fill(session: Session, jobs: list[dict[str, Any]]) -> None:
    session.execute(delete(Job))
    if jobs:
        session.execute(insert(Job), jobs)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(jobs=rows)
def test_the_next_job_is_the_first_of_the_order_that_may_begin(
    engine: Engine, jobs: list[dict[str, Any]]
) -> None:
    with session_factory(engine)() as session:
        fill(session, jobs)
        state = read_queue(session, "gpu")
        shown = [job for job in state.waiting if job.after is None]
        turns = [job for job in read_turns(session, "gpu") if job.after is None]
        assert turns == shown
        assert count_startable(session, "gpu") == state.startable == len(shown)
        held = leases.take_next(session, "gpu", ["train"], "w", 30)
        assert (held.job_id if held else None) == (shown[0].id if shown else None)


waiting_jobs = st.lists(
    st.tuples(
        people, st.integers(4, 6), st.integers(0, 9), st.sampled_from([None, None, -1.0, 0.0, 2.0])
    ),
    max_size=25,
).map(
    lambda drawn: [
        WaitingJob(f"{person}{n}", "train", person, priority, NOON + timedelta(minutes=at), place)
        for n, (person, priority, at, place) in enumerate(drawn)
    ]
)
moments = st.integers(0, 20).map(lambda minute: NOON + timedelta(minutes=minute))


@given(
    waiting_jobs,
    st.lists(st.tuples(people, moments), max_size=6),
    st.dictionaries(people, moments),
)
def test_turns_by_a_heap_are_those_by_looking_at_all(
    waiting: list[WaitingJob], running: list[tuple[str, datetime]], ends: dict[str, datetime]
) -> None:
    under_way = [RunningJob(f"r{n}", *each) for n, each in enumerate(running)]
    assert order_jobs(waiting, under_way, ends) == order_plainly(waiting, under_way, ends)


def test_a_worker_asks_the_database_seven_times_while_others_wait_for_their_turn(
    engine: Engine,
) -> None:
    said: list[str] = []
    with session_factory(engine)() as session:
        fill(session, [row(n, created_by="abc"[n % 3]) for n in range(30)])
    event.listen(engine, "before_cursor_execute", lambda c, cur, text, *_: said.append(text))
    with session_factory(engine)() as session:
        assert leases.take_next(session, "gpu", ["train"], "w", 30, name="gpu@host") is not None
    assert len([text for text in said if not text.startswith("BEGIN")]) == 7, "\n".join(said)


def test_sqlite_claims_without_reading_finished_jobs_or_all_that_wait(tmp_path: Path) -> None:
    """Of 3,000 finished and 600 waiting jobs of three people a few rows, with no statistics of them."""
    migrate_new(f"sqlite:///{tmp_path}/test.db")
    engine = open_engine(f"sqlite:///{tmp_path}/test.db")
    sessions = session_factory(engine)
    with sessions() as session:
        fill(session, [row(n, state="succeeded", created_by="abc"[n % 3]) for n in range(3000)])
        session.execute(insert(Job), [row(n, created_by="abc"[n % 3]) for n in range(3000, 3600)])
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    @event.listens_for(engine, "checkout")
    def _listen(connection: Any, *_: object) -> None:
        connection.set_progress_handler(count, 100)

    with sessions() as session:
        assert leases.take_next(session, "gpu", ["train"], "w", 30) is not None
        states.last_succeeded(session, "d", ["split", "train"])
    assert steps < 50, f"{steps} hundred steps of the virtual machine"


def test_postgresql_finds_heads_and_last_ends_by_index(postgres_url: str) -> None:
    migrate_new(postgres_url)
    engine = open_engine(postgres_url)
    said: list[tuple[str, Any]] = []
    with session_factory(engine)() as session:
        fill(session, [row(n, state="succeeded", created_by="abc"[n % 3]) for n in range(3000)])
        session.execute(insert(Job), [row(n, created_by="abc"[n % 3]) for n in range(3000, 3600)])
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE jobs")
    event.listen(
        engine, "before_cursor_execute", lambda c, cur, text, given, *_: said.append((text, given))
    )
    with session_factory(engine)() as session:
        next(read_turns(session, "gpu"))
        read = [each for each in said if "people" in each[0]]
        plan = session.connection().exec_driver_sql(f"EXPLAIN {read[0][0]}", read[0][1]).all()
    lines = "\n".join(line for (line,) in plan)
    assert "Seq Scan" not in lines
    assert "ix_jobs_in_turn" in lines
    assert "ix_jobs_last_end" in lines
