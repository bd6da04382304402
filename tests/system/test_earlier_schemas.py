"""Databases as each earlier schema had them are upgraded on both databases, read and written by today's code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from api.app import create_app
from common.db.engine import migrate, open_engine, session_factory
from common.db.revisions import known_revisions
from common.messaging.broker import Queue
from common.messaging.events import Events
from common.messaging.replies import Replies
from common.settings import load_settings
from common.store import open_store
from common.version import VERSION
from tests.captions import save_one
from tests.data.schema_fixtures import fixtures, insert_rows, pairs, read_rows, upgrade_to
from workers.cpu.captions.saving import Save

TOKEN = "a token of the first schema"
# Columns that a migration changes on purpose: what was an image's own caption went into a table.
MOVED = {("images", name) for name in ("caption", "revision", "captioned_by", "captioned_at")}
# which version has upgraded it is written anew by each upgrade; see test_newer_schema.py
MOVED |= {("schema_writers", name) for name in ("revision", "version", "written_at")}

FILLED = {("jobs", "queued_at")}  # where nothing was noted, by 0007


def test_each_schema_before_the_newest_has_a_fixture() -> None:
    missing = sorted(set(known_revisions()[:-1]) - set(fixtures()))
    assert not missing, (
        f"no rows are kept of schema {', '.join(missing)}: run `make schema-fixture`, and commit what it makes"
    )


def test_the_first_four_letters_of_a_migrations_name_are_its_revision() -> None:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    import common.db.engine

    config = Config()
    folder = Path(common.db.engine.__file__).parent / "migrations"
    config.set_main_option("script_location", str(folder))
    scripts = ScriptDirectory.from_config(config).walk_revisions()
    assert known_revisions() == sorted(script.revision for script in scripts)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/data/clip-browser.db"
    return str(request.getfixturevalue("postgres_url"))


@pytest.mark.parametrize("revision", fixtures())
def test_rows_of_an_earlier_schema_are_upgraded_read_and_written_to(
    revision: str, url: str, tmp_path: Path, redis_url: str
) -> None:
    rows = json.loads(fixtures()[revision].read_text("utf-8"))
    upgrade_to(url, revision)
    insert_rows(url, rows)
    migrate(url)

    lost = [
        (table, row, after) for table, row, after in pairs(rows, read_rows(url))
        if any(after.get(name) != value for name, value in row.items() if is_kept(table, name, value))
    ]  # fmt: skip
    assert lost == []
    say_what_stood_there(url, tmp_path, redis_url)
    save_another_caption(url)


def is_kept(table: str, name: str, value: Any) -> bool:
    """Whether no migration has a reason to change this value."""
    return (table, name) not in MOVED and not ((table, name) in FILLED and value is None)


def say_what_stood_there(url: str, folder: Path, redis_url: str) -> None:
    """By the API, as the token of then."""
    settings = load_settings(
        data_dir=folder / "data", database_url=url, redis_url=redis_url, secret_key="k" * 32
    )
    (folder / "data").mkdir(exist_ok=True)
    engine = open_engine(url)
    app = create_app(
        settings, open_store(settings.store), Queue(settings), engine, Events(settings),
        Replies(settings),
    )  # fmt: skip
    client = app.test_client()

    def ask(path: str) -> Any:
        answer = client.get(f"/api/v1{path}", headers={"Authorization": f"Bearer {TOKEN}"})
        assert answer.status_code == 200, (path, answer.get_data(as_text=True))
        return answer.get_json()

    assert ask("/auth/me")["user"]["name"] == "admin"
    assert ask("/datasets/pets")["counts"]["captioned"] == 2
    images = ask("/datasets/pets/images")["items"]
    assert {image["filename"]: image["caption"] for image in images} == {
        "pet 1 – naïve.png": "a cat, grey 🐈",
        "pet 2 – naïve.png": "a dog on a sofa",
        "pet 3 – naïve.png": None,
    }
    history = ask("/images/1/captions")["items"]
    assert [one["text"] for one in history] == ["a cat, grey 🐈", "a cat"]
    jobs = {job["id"]: job for job in ask("/jobs")["items"]}
    assert {name: job["state"] for name, job in jobs.items()} == {
        "j1": "succeeded",
        "j2": "failed",
        "j3": "stopped",
    }
    assert jobs["j2"]["error"]["message"] == "The worker was lost."
    assert client.get("/api/v1/jobs/j1/log", headers={"Authorization": f"Bearer {TOKEN}"}).text == (
        "Splitting\nDone\n"
    )
    assert ask("/jobs/j2/metrics")["train/loss"][0]["value"] == 2.5
    assert "pets, first" in [model["name"] for model in ask("/models")["items"]]
    assert ask("/system")["version"] == VERSION
    engine.dispose()


def save_another_caption(url: str) -> None:
    """As the captions worker does."""
    engine = open_engine(url)
    with session_factory(engine)() as session:
        assert save_one(session, Save(1, "a cat, quite grey", 2, "new", "Ada")).revision == 3
        assert save_one(session, Save(3, "a hamster", 0, "newer", "Ada")).revision == 1
    with engine.connect() as connection:
        (count,) = connection.execute(text("SELECT count(*) FROM caption_revisions")).one()
        assert count == 5
    engine.dispose()
