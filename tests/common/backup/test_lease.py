"""While a backup reads the store nothing is removed from it; one that was killed holds nothing for long."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from common.backup import lease
from common.backup.lease import (
    LEASE_S,
    held_store,
    is_held,
    last_backup,
    last_success,
    note_success,
)
from common.db.tables import Backup, Job
from common.errors import AlreadyRunning, Unavailable
from common.trash.removal import remove_folders
from tests.common.backup.stacks import Stack
from tests.migrated import migrate_new
from tests.workers.conftest import wait_until


@pytest.fixture(params=["sqlite", "postgresql"])
def stack(request: pytest.FixtureRequest, tmp_path: Path) -> Stack:
    url = "" if request.param == "sqlite" else str(request.getfixturevalue("postgres_url"))
    made = Stack(tmp_path / "data", "redis://127.0.0.1:1/0", url)
    migrate_new(made.settings.database)
    return made


def held(stack: Stack) -> bool:
    with stack.services.readers() as session:
        return is_held(session)


def test_a_folder_that_is_removed_meanwhile_goes_by_a_job_afterwards(stack: Stack) -> None:
    store, sessions = stack.services.store, stack.services.sessions
    store.put_bytes("models_finetuned/m/a", b"1")
    with held_store(sessions, "folder /b", "test") as mine:
        assert held(stack)
        [job] = remove_folders(sessions, store, ["models_finetuned/m"], "ada")
        assert store.exists("models_finetuned/m/a")
        note_success(sessions, mine, "one", {"rows": 1})
    assert not held(stack)
    with stack.services.readers() as session:
        assert session.scalars(select(Job.id)).all() == [job.id]
        assert last_success(session) is not None
    assert remove_folders(sessions, store, ["models_finetuned/m"], "ada") == []
    assert not store.exists("models_finetuned/m/a")


def test_a_second_backup_waits_for_its_turn_and_an_error_is_told(stack: Stack) -> None:
    sessions = stack.services.sessions
    with pytest.raises(ZeroDivisionError), held_store(sessions, "folder /b", "test"):
        with (
            pytest.raises(AlreadyRunning, match="folder /b"),
            held_store(sessions, "folder /c", "other"),
        ):
            raise AssertionError
        raise ZeroDivisionError("by nought")
    assert not held(stack)
    with stack.services.readers() as session:
        last = last_backup(session)
        assert last is not None
        assert (last.state, last.place) == ("failed", "folder /b")
        assert "by nought" in (last.error or {})["message"]
        assert last_success(session) is None


def test_a_backup_extends_its_lease(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "EXTEND_EVERY_S", 0.05)
    with held_store(stack.services.sessions, "folder /b", "test"):
        first = until(stack)
        wait_until(lambda: until(stack) > first, what="a longer lease")
        assert held(stack)


def until(stack: Stack) -> datetime:
    """When the lease of the one backup ends."""
    with stack.services.readers() as session:
        return session.scalars(select(Backup.until)).one()


def test_a_killed_backup_holds_nothing_once_its_lease_has_run_out(stack: Stack) -> None:
    sessions = stack.services.sessions
    with held_store(sessions, "folder /b", "test"):
        pass
    with sessions() as session:
        row = session.scalars(select(Backup)).one()
        row.state = "running"  # as if its process had been killed
    assert held(stack)
    with sessions() as session:  # as if a lease's time had gone by
        session.scalars(select(Backup)).one().until -= timedelta(seconds=LEASE_S)
    assert not held(stack)
    with pytest.raises(Unavailable), held_store(sessions, "folder /c", "test") as mine:
        with sessions() as session:
            session.delete(session.get_one(Backup, mine.backup_id))
        mine.require()
    with stack.services.readers() as session:
        first = session.scalars(select(Backup).where(Backup.place == "folder /b")).one()
        assert first.state == "failed"
        assert "killed" in (first.error or {})["message"]
