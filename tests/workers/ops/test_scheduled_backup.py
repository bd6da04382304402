"""Backups by themselves: when one is due, in a process of its own, and what is kept."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from common.backup.manifest import read_manifests
from common.backup.places import open_source
from common.backup.schedule import AGAIN_AFTER_H, due_at
from common.db.tables import Backup, Dataset
from common.errors import InvalidInput
from common.settings import load_settings
from tests.migrated import migrate_new
from tests.workers.conftest import wait_until
from workers.ops.scheduled_backup import begin_due
from workers.runtime.services import Services, open_services


def services_of(folder: Path, **settings: object) -> Services:
    return open_services(
        load_settings(
            data_dir=folder / "data", redis_url="redis://127.0.0.1:1/0", secret_key="a secret of the tests",
            **settings,
        )
    )  # fmt: skip


def newest(services: Services) -> Backup:
    with services.readers() as session:
        return session.scalars(select(Backup).order_by(Backup.started_at.desc()).limit(1)).one()


def began(services: Services, hours_ago: float) -> None:
    """Let the newest one have begun so much earlier."""
    before = newest(services)
    with services.sessions() as session:
        session.get_one(Backup, before.id).started_at = before.started_at - timedelta(
            hours=hours_ago
        )


def test_backups_are_made_every_so_many_hours_and_the_newest_are_kept(tmp_path: Path) -> None:
    target = tmp_path / "backups"
    services = services_of(tmp_path, backup_to=str(target), backup_every_hours=6, backup_keep=1)
    migrate_new(services.settings.database)
    with services.sessions() as session:
        session.add(Dataset(id="cats", name="Cats", created_by="ada", defaults={}))
    services.store.put_bytes("datasets/cats/index.csv", b"")
    assert begin_due(services)
    wait_until(lambda: target.exists() and newest(services).state == "succeeded", 60, "the backup")
    first = newest(services)
    assert (first.is_scheduled, first.figures["artifacts"]) == (True, 1)
    wait_until(lambda: not begin_due(services), 1)
    began(services, hours_ago=5.9)
    assert not begin_due(services)
    began(services, hours_ago=0.2)
    assert wait_until(lambda: begin_due(services), 20, "the second backup")
    wait_until(lambda: newest(services).snapshot not in (None, first.snapshot), 60, "its end")
    [kept] = read_manifests(open_source(str(target)))
    assert kept.name == newest(services).snapshot


def test_a_backup_that_failed_is_told_of_and_tried_again_within_the_hour(tmp_path: Path) -> None:
    (tmp_path / "something-else").mkdir()
    (tmp_path / "something-else/letter").write_text("dear all")
    services = services_of(tmp_path, backup_to=str(tmp_path / "something-else"))
    migrate_new(services.settings.database)
    # the process of a backup before may still be ending
    wait_until(lambda: begin_due(services), 20, "its begin")
    wait_until(lambda: not begin_due(services) and there_is_one(services), 60, "its end")
    failed = newest(services)
    assert failed.state == "failed"
    assert "is no backup" in (failed.error or {})["message"]
    with services.readers() as session:
        assert due_at(session, services.settings) == failed.started_at + timedelta(
            hours=AGAIN_AFTER_H
        )


def there_is_one(services: Services) -> bool:
    with services.readers() as session:
        return session.scalar(select(Backup.id)) is not None and newest(services).state == "failed"


def test_nothing_is_made_where_no_place_is_named_and_a_zip_is_refused(tmp_path: Path) -> None:
    services = services_of(tmp_path)
    migrate_new(services.settings.database)
    assert not begin_due(services)
    with pytest.raises(InvalidInput, match="holds one backup"):
        load_settings(backup_to="backup.zip")
