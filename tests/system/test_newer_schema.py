"""A database that a newer version has changed, met by this one."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import MetaData, text

from common.db.engine import migrate, open_engine
from common.errors import NewerSchema
from common.settings import as_environment, load_settings
from common.version import VERSION
from tests.migrated import migrate_new
from tests.servers import free_port, redis_server

STARTS = (
    ["up"],
    ["api"],
    ["worker", "captions", "--pool=solo"],
    ["beat"],
    ["migrate"],
)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/data/clip-browser.db"
    return str(request.getfixturevalue("postgres_url"))


def start_all(url: str, folder: Path) -> list[tuple[str, int, str, str]]:
    """(words, exit code, stdout, stderr) of everything that may be started on this database, at once."""
    started = []
    with redis_server(folder) as redis:
        for words in STARTS:
            settings = load_settings(
                data_dir=folder / "data", database_url=url, redis_url=redis.url,
                secret_key="k" * 32, port=free_port(),
            )  # fmt: skip
            process = subprocess.Popen(
                [sys.executable, "-m", "cli.main", *words], env=as_environment(settings),
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            )  # fmt: skip
            started.append((" ".join(words), process))
        ended = []
        for name, process in started:
            try:
                out, err = process.communicate(timeout=150)
            except subprocess.TimeoutExpired:
                process.kill()
                out, err = process.communicate()
                err = f"it went on running; {err}"
            ended.append((name, process.returncode, out, err))
    return ended


def contents(url: str) -> str:
    """A digest of every row of every table."""
    engine = open_engine(url)
    tables = MetaData()
    tables.reflect(engine)
    with engine.connect() as connection:
        rows = {
            table.name: connection.execute(table.select()).all() for table in tables.sorted_tables
        }
    engine.dispose()
    return hashlib.sha256(repr(sorted(rows.items())).encode()).hexdigest()


def test_everything_that_starts_says_in_a_sentence_that_the_schema_is_newer(
    url: str, tmp_path: Path
) -> None:
    make_newer(url, "9.1.0")
    before = contents(url)
    for name, code, _, said in start_all(url, tmp_path):
        assert code == 1, f"{name}: {said}"
        assert "Traceback" not in said, name
        assert said.count("\n") <= 3, name
        assert "schema 0999, written by CLIP Browser 9.1.0" in said, name
        assert f"this is CLIP Browser {VERSION}" in said, name
        assert "Install CLIP Browser 9.1.0 or a newer one" in said, name
        assert "restore the backup" in said, name
    assert contents(url) == before


def test_a_newer_schema_whose_writer_noted_nothing_is_refused_as_well(url: str) -> None:
    make_newer(url, None)
    before = contents(url)
    with pytest.raises(NewerSchema, match="written by a newer CLIP Browser") as refused:
        migrate(url)
    assert refused.value.remedy.startswith("Install that version or a newer one")
    assert contents(url) == before


def test_the_version_that_upgrades_a_database_is_noted_once(url: str) -> None:
    migrate(url)
    migrate(url)
    engine = open_engine(url)
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT revision, version FROM schema_writers")).all()
        (revision,) = connection.execute(text("SELECT version_num FROM alembic_version")).one()
    engine.dispose()
    assert [tuple(row) for row in rows] == [(revision, VERSION)]


def make_newer(url: str, writer: str | None) -> None:
    """As a version to come leaves it."""
    migrate_new(url)
    engine = open_engine(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0999'"))
        connection.execute(text("CREATE TABLE of_the_future (id INTEGER)"))
        if writer is None:
            connection.execute(text("DROP TABLE schema_writers"))
        else:
            connection.execute(
                text("INSERT INTO schema_writers VALUES ('0999', :writer, '2027-01-01 00:00:00')"),
                {"writer": writer},
            )
    engine.dispose()
