"""Real databases for the job machine, SQLite and PostgreSQL: made once, and emptied for each test."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import delete

from common.db.engine import SessionFactory, migrate, open_engine, session_factory
from common.db.tables import Job
from common.jobs import states
from tests.workers import probe_kinds  # noqa: F401 - enters their kinds

JobMaker = Callable[..., str]


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def jobs_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A migrated database."""
    if request.param == "sqlite":
        folder: Path = tmp_path_factory.mktemp("jobs")
        url = f"sqlite:///{folder}/jobs.db"
    else:
        server = request.getfixturevalue("postgres_session")
        name = f"jobs_{secrets.token_hex(4)}"  # made anew whenever pytest comes back to it
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        url = server.url.replace("/postgres", f"/{name}")
    migrate(url)
    return url


@pytest.fixture
def sessions(jobs_url: str) -> Iterator[SessionFactory]:
    """Transactions on that database, without a job at first."""
    engine = open_engine(jobs_url)
    opened = session_factory(engine)
    with opened() as session:
        session.execute(delete(Job))
    yield opened
    engine.dispose()


@pytest.fixture
def make(sessions: SessionFactory) -> JobMaker:
    """Makes a queued job; its id."""

    def made(**more: Any) -> str:
        with sessions() as session:
            job = states.create_job(
                session, "practice", dataset_id=None, params={}, created_by="anna", **more
            )
        return job.id

    return made
