"""Who on this machine may read what the service writes."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from common.db.engine import migrate
from common.file_modes import keep_private


@pytest.fixture(autouse=True)
def umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_what_an_earlier_version_left_open_is_closed(tmp_path: Path) -> None:
    data = tmp_path / "data with spaces"
    data.mkdir(mode=0o755)
    database = data / "clip-browser.db"
    names = ["clip-browser.db", ".secret-key", ".redis-password", "cli.json"]
    for name in names[1:]:
        (data / name).touch(mode=0o644)
    with sqlite3.connect(database) as kept:
        kept.execute("PRAGMA journal_mode=WAL")
        kept.execute("CREATE TABLE t (x)")
        names += ["clip-browser.db-wal", "clip-browser.db-shm"]
        assert {mode(data / name) for name in names} == {0o644}
        keep_private(data, f"sqlite:///{database}")
        assert mode(data) == 0o700
        assert {mode(data / name) for name in names} == {0o600}


def test_what_is_made_from_now_on_is_private(tmp_path: Path) -> None:
    keep_private(tmp_path / "not yet", "postgresql://u:p@h/d")
    database = tmp_path / "not yet" / "clip-browser.db"
    (tmp_path / "not yet").mkdir()
    migrate(f"sqlite:///{database}")
    assert mode(tmp_path / "not yet") == 0o700
    assert mode(database) == 0o600


def test_a_folder_of_somebody_else_is_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def denied(self: Path, mode: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    tmp_path.chmod(0o755)
    monkeypatch.setattr(Path, "chmod", denied)  # the tests may run as root, who may do all
    keep_private(tmp_path, "")
    assert f"{tmp_path} can be read by others" in caplog.text
