"""`clip-browser backup` and `restore` as people type them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy import select

from cli.main import main
from common.db.tables import Backup, Dataset
from tests.common.backup.stacks import Stack
from tests.migrated import migrate_new


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stack:
    monkeypatch.delenv("CLIP_BROWSER_DATABASE_URL", raising=False)
    made = Stack(tmp_path / "data", "redis://127.0.0.1:1/0")
    migrate_new(made.settings.database)
    with made.services.sessions() as session:
        session.add(Dataset(id="cats", name="Cats", created_by="ada", defaults={}))
    made.add_image("cats", b"a picture")
    return made


def verified_with(stack: Stack) -> list[int]:
    """How many files were wrong when each backup was read over, as the service knows it."""
    with stack.services.readers() as session:
        rows = session.scalars(select(Backup)).all()
    assert all(row.figures["verified_at"] for row in rows)
    return [row.figures["wrong"] for row in rows]


def test_a_backup_is_made_listed_verified_and_restored(
    stack: Stack, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    here, out = ["--data-dir", str(tmp_path / "data")], str(tmp_path / "backups")
    assert main(["backup", out, "--keep", "3", *here]) == 0
    said = capsys.readouterr().out
    assert "3 files" in said
    name = said.split()[1].rstrip(":")
    assert main(["backup", "list", out, "--json"]) == 0
    assert [each["backup"] for each in json.loads(capsys.readouterr().out)] == [name]
    assert main(["backup", "verify", out, *here]) == 0
    assert "all is as it was written" in capsys.readouterr().out
    assert verified_with(stack) == [0]
    assert main(["restore", out, "--backup", name, "--data-dir", str(tmp_path / "new")]) == 0
    other = Stack(tmp_path / "new", "redis://127.0.0.1:1/0")
    assert other.rows() == stack.rows()
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700

    next((tmp_path / "backups/objects").glob("*/*")).write_bytes(b"?")
    assert main(["backup", "verify", out]) == 1  # where no service is
    assert "is damaged" in capsys.readouterr().out
    assert main(["backup", "verify", out, *here]) == 1
    assert "is damaged" in capsys.readouterr().out
    assert verified_with(stack) == [1]
    assert main(["restore", out, "--data-dir", str(tmp_path / "third")]) == 1
    assert "Not restored" in capsys.readouterr().out
    assert main(["restore", out, *here]) == 1
    assert "not empty: it has 1 datasets, 1 images" in capsys.readouterr().err


def test_what_cannot_be_is_told_with_a_remedy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["backup", str(tmp_path / "out"), "--data-dir", str(tmp_path / "none")]) == 1
    assert "There is no database" in capsys.readouterr().err
    assert main(["backup", "look", "at", "this"]) == 2
    assert "backup verify OUT" in capsys.readouterr().err
    assert main(["restore", str(tmp_path / "nothing"), "--data-dir", str(tmp_path / "new")]) == 1
    assert "There is no backup" in capsys.readouterr().err
