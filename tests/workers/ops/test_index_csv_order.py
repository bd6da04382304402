"""Who writes index.csv: one process at a time, so that nothing older comes after something newer."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy.exc import OperationalError

from common.captions.csv_files import read_rows
from common.datasets.changes import touch_dataset
from common.db.tables import Dataset, Image
from common.settings import load_settings
from common.store.interface import BINARY
from common.store.local import LocalStore
from tests.captions import put_caption
from tests.migrated import migrate_new
from workers.ops import index_csv
from workers.runtime.services import Services, open_services

KEY = "datasets/cats/index.csv"


class SlowStore(LocalStore):
    """A store that takes what it is given only when it is let go."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.asked, self.go_on = threading.Event(), threading.Event()

    def put_bytes(self, key: str, data: bytes, content_type: str = BINARY) -> None:
        """See ArtifactStore."""
        self.asked.set()
        assert self.go_on.wait(20)
        super().put_bytes(key, data, content_type)


@pytest.fixture(params=["sqlite", "postgresql"])
def services(
    request: pytest.FixtureRequest, tmp_path: Path, redis_url: str, monkeypatch: Any
) -> Services:
    """A database with the dataset "cats" of one image, and a local store."""
    url = f"sqlite:///{tmp_path / 'test.db'}"
    if request.param == "postgresql":
        url = str(request.getfixturevalue("postgres_url"))
    migrate_new(url)
    monkeypatch.setattr("common.datasets.changes.QUIET_S", 0.0)
    made = open_services(
        load_settings(
            data_dir=tmp_path / "data", database_url=url, redis_url=redis_url, secret_key="k" * 32
        )
    )
    with made.sessions() as session:
        session.add(Dataset(id="cats", name="Cats", created_by="ada", defaults={}))
        session.flush()
        session.add(
            Image(
                id=1, dataset_id="cats", sha256=f"{1:064x}", ext="png", width=1, height=1,
                size_bytes=1, filename="1.png", phash="0",
            )
        )  # fmt: skip
    caption(made, "older")
    return made


def caption(services: Services, text: str) -> None:
    with services.sessions() as session:
        put_caption(session, session.get_one(Image, 1), text)
        touch_dataset(session, "cats")


def stored(services: Services) -> list[str]:
    return [text for _, text in read_rows(services.store.get_bytes(KEY))]


def started(services: Services) -> tuple[threading.Thread, SlowStore, list[BaseException]]:
    """A first worker that has read the captions and hangs in the store."""
    slow = SlowStore(services.settings.data_dir)
    problems: list[BaseException] = []

    def work() -> None:
        try:
            index_csv.refresh_stale(replace(services, store=slow))
        except OperationalError as problem:
            problems.append(problem)

    thread = threading.Thread(target=work)
    thread.start()
    assert slow.asked.wait(10)
    return thread, slow, problems


def test_an_older_index_csv_never_stays_over_a_newer_one(services: Services) -> None:
    thread, slow, _ = started(services)
    caption(services, "newer")
    index_csv.refresh_stale(services)  # a second worker, while the first is at it
    assert not services.store.exists(KEY)
    slow.go_on.set()
    thread.join(10)
    index_csv.refresh_stale(services)
    assert stored(services) == ["newer"]


def test_what_was_written_after_the_lock_was_lost_is_written_again(
    services: Services, request: pytest.FixtureRequest
) -> None:
    if "sqlite" in request.node.callspec.id:
        return  # the kernel's lock is never lost while its process lives
    thread, slow, problems = started(services)
    caption(services, "newer")
    with psycopg.connect(services.settings.database, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
        )
    index_csv.refresh_stale(services)
    assert stored(services) == ["newer"]
    slow.go_on.set()
    thread.join(10)
    assert problems
    index_csv.refresh_stale(services)
    assert stored(services) == ["newer"]


def test_so_is_what_was_written_when_the_database_took_no_note_of_it(
    services: Services, request: pytest.FixtureRequest
) -> None:
    if "sqlite" in request.node.callspec.id:
        return
    thread, slow, problems = started(services)
    caption(services, "newer")
    address, _, name = services.settings.database.rpartition("/")
    with psycopg.connect(f"{address}/postgres", autocommit=True) as elsewhere:
        elsewhere.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
        )
        with pytest.MonkeyPatch.context() as another_process:
            another_process.setattr(index_csv, "_doubtful", set())
            index_csv.refresh_stale(services)
        elsewhere.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        elsewhere.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
        )
        slow.go_on.set()
        thread.join(10)
        elsewhere.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
    assert problems
    assert stored(services) == ["older"]
    index_csv.refresh_stale(services)
    assert stored(services) == ["newer"]


def test_the_index_csv_of_a_dataset_deleted_meanwhile_does_not_come_back(
    services: Services,
) -> None:
    thread, slow, _ = started(services)
    with services.sessions() as session:
        session.delete(session.get_one(Dataset, "cats"))
    slow.go_on.set()
    thread.join(10)
    assert not services.store.exists(KEY)
