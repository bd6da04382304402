from __future__ import annotations

import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import select, text, update

from common.db import engine as engine_module
from common.db.engine import (
    PING_AFTER_S,
    ROOMS,
    SessionFactory,
    hold_among_many,
    in_turns,
    migrate,
    open_engine,
    quick_reader_factory,
    reader_factory,
    session_factory,
)
from common.db.tables import Base, Dataset, Image, User
from tests.workers.conftest import wait_until


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/new/test.db"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def sessions(url: str) -> SessionFactory:
    migrate(url)
    return session_factory(open_engine(url))


def test_the_migrations_make_exactly_the_tables_of_the_schema(url: str) -> None:
    migrate(url)
    with open_engine(url).connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


def test_several_processes_that_migrate_an_empty_database_at_once_do_not_collide(url: str) -> None:
    program = "import sys; from common.db.engine import migrate; migrate(sys.argv[1])"
    started = [
        subprocess.Popen([sys.executable, "-c", program, url], stderr=subprocess.PIPE)
        for _ in range(3)
    ]
    for process in started:
        _, said = process.communicate(timeout=60)
        assert process.returncode == 0, said.decode()
    migrate(url)


def test_postgresql_compiles_no_queries_also_after_a_rollback(postgres_url: str) -> None:
    with open_engine(postgres_url).connect() as connection:
        connection.rollback()
        assert connection.scalar(text("SHOW jit")) == "off"


def test_times_come_back_aware_and_in_utc(sessions: SessionFactory) -> None:
    berlin = datetime(2026, 7, 1, 14, 0, tzinfo=timezone(timedelta(hours=2)))
    with sessions() as session:
        session.add(User(name="anna", created_at=berlin))
    with sessions() as session:
        stored = session.scalar(select(User.created_at))
    assert stored == berlin
    assert stored is not None
    assert stored.tzinfo == UTC


def test_an_exception_rolls_everything_back(sessions: SessionFactory) -> None:
    with pytest.raises(ZeroDivisionError), sessions() as session:
        session.add(User(name="anna"))
        session.flush()
        raise ZeroDivisionError
    with sessions() as session:
        assert session.scalars(select(User)).all() == []


def test_deleting_a_dataset_deletes_its_images(sessions: SessionFactory) -> None:
    with sessions() as session:
        session.add(Dataset(id="d", name="d", created_by="anna", defaults={}))
        session.flush()
        session.add(
            Image(
                dataset_id="d", sha256="0" * 64, ext="png", filename="a.png", width=1, height=1,
                size_bytes=1, phash="0" * 16,
            )
        )  # fmt: skip
    with sessions() as session:
        session.delete(session.get_one(Dataset, "d"))
    with sessions() as session:
        assert session.scalars(select(Image)).all() == []


def test_many_writers_at_once_lose_no_update(sessions: SessionFactory) -> None:
    with sessions() as session:
        session.add(Dataset(id="d", name="d", created_by="anna", defaults={}))

    def count() -> None:
        for _ in range(20):
            with sessions() as session:
                session.scalar(select(Dataset.caption_seq))  # a read that turns into a write
                session.execute(update(Dataset).values(caption_seq=Dataset.caption_seq + 1))

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with sessions() as session:
        assert session.scalar(select(Dataset.caption_seq)) == 160


def test_a_reader_does_not_wait_for_a_writer(url: str, sessions: SessionFactory) -> None:
    readers = reader_factory(open_engine(url))
    with sessions() as writing:
        writing.add(User(name="anna"))
        writing.flush()
        with readers() as session:
            assert session.scalars(select(User)).all() == []


def test_a_connection_that_was_cut_while_it_rested_is_made_anew(postgres_url: str) -> None:
    opened = open_engine(postgres_url)
    elsewhere = open_engine(postgres_url)
    with opened.connect() as connection:
        [cut] = connection.execute(text("SELECT pg_backend_pid()")).one()
    with elsewhere.connect() as connection:
        connection.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": cut})
        gone = text("SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = :pid)")
        wait_until(lambda: connection.scalar(gone, {"pid": cut}), what="the connection's end")
    time.sleep(PING_AFTER_S + 0.1)
    with opened.connect() as connection:
        assert connection.execute(text("SELECT pg_backend_pid()")).one() != (cut,)
    for each in (opened, elsewhere):
        each.dispose()


def test_short_answers_are_read_without_a_transaction_and_snapshots_within_one(
    postgres_url: str,
) -> None:
    engine = open_engine(postgres_url)
    found = []
    for factory in (quick_reader_factory, reader_factory, quick_reader_factory):
        with factory(engine)() as session:
            session.execute(text("SELECT 1"))
            line = session.connection().connection.dbapi_connection
            found.append(line.info.transaction_status.name)  # type: ignore[union-attr]
    assert found == ["IDLE", "INTRANS", "IDLE"]
    engine.dispose()


def test_portions_leave_room_for_other_writers_where_those_have_no_queue(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rests_s: list[float] = []
    monkeypatch.setattr(engine_module, "time", Clock(rests_s))
    for _ in in_turns(session_factory(open_engine(url)), range(4), 1):
        time.sleep(0.1)
    if url.startswith("sqlite"):
        assert rests_s[0] == 0.0
        assert len(rests_s) == 4
        assert min(rests_s[1:]) >= 0.1
    else:
        assert rests_s == []


class Clock:
    """Python's own, which notes for how long somebody rested: longer than asked for is the machine's doing."""

    monotonic = staticmethod(time.monotonic)

    def __init__(self, rests_s: list[float]) -> None:
        self._rests_s = rests_s

    def sleep(self, seconds: float) -> None:
        self._rests_s.append(seconds)
        time.sleep(seconds)


def test_of_the_many_who_wait_for_a_name_few_wait_for_its_lock_and_all_get_it(
    postgres_url: str,
) -> None:
    many = 3 * ROOMS
    waiting = text(
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted GROUP BY classid, objid"
    )
    engine = open_engine(postgres_url, kept=many + 2)
    sessions = session_factory(engine)
    had: list[int] = []

    def wait(number: int) -> None:
        with sessions() as session:
            hold_among_many(session, "queue:gpu")
            had.append(number)

    threads = [threading.Thread(target=wait, args=(number,)) for number in range(many)]
    with sessions() as session:
        hold_among_many(session, "queue:gpu")
        for thread in threads:
            thread.start()
        until = time.monotonic() + 30
        counts: list[int] = []
        while sum(counts) < many and time.monotonic() < until:
            with engine.connect() as connection:
                counts = list(connection.scalars(waiting))
        assert sum(counts) == many
        assert max(counts) <= ROOMS
        assert not had
    for thread in threads:
        thread.join(30)
    assert sorted(had) == list(range(many))
    engine.dispose()
