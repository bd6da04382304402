"""What the API does before its first request, where no `clip-browser up` did it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sqlalchemy import select

from api.serve import prepare_database
from common.db.engine import open_engine, session_factory
from common.db.tables import User
from common.people.credentials import check_password, redeem_link
from common.settings import Settings, load_settings


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    sqlite = request.param == "sqlite"
    url = f"sqlite:///{tmp_path}/a.db" if sqlite else request.getfixturevalue("postgres_url")
    return load_settings(database_url=url, data_dir=tmp_path, secret_key="x" * 32)


def test_an_empty_database_gets_its_tables_and_the_admin_with_the_password(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = settings.model_copy(update={"admin_password": "a long password"})
    prepare_database(settings)
    prepare_database(settings)
    sessions = session_factory(open_engine(settings.database))
    assert check_password(sessions, sessions, "admin", "a long password").role == "admin"
    with sessions() as session:
        assert len(session.scalars(select(User)).all()) == 1
    assert "Sign in" not in capsys.readouterr().out


def test_without_a_password_a_link_that_signs_in_once_is_printed(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare_database(settings)
    found = re.search(r"/signin\?token=(\S+)", capsys.readouterr().out)
    assert found
    with session_factory(open_engine(settings.database))() as session:
        assert redeem_link(session, found[1]).name == "admin"


def test_another_admin_password_at_a_later_start_is_explained(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare_database(settings.model_copy(update={"admin_password": "a long password"}))
    assert not capsys.readouterr().out
    prepare_database(settings.model_copy(update={"admin_password": "another password"}))
    assert "clip-browser user password admin" in capsys.readouterr().out
    sessions = session_factory(open_engine(settings.database))
    assert check_password(sessions, sessions, "admin", "a long password").role == "admin"
