"""`clip-browser user`, on a database that no service runs on."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis
from sqlalchemy import select

from cli.main import main
from common.db.engine import open_engine, session_factory
from common.db.tables import AuditEvent, SecondFactor, Token, User, now
from common.messaging.events import CHANNEL
from common.people.credentials import check_password, ensure_admin, issue_token, redeem_link
from common.settings import Settings, load_settings
from tests.migrated import migrate_new
from tests.servers import free_port

Run = Callable[..., tuple[int, str, str]]
PASSWORD = "a long password of a test"


@pytest.fixture
def settings(tmp_path: Path, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A service that does not run, with an administrator."""
    monkeypatch.setenv("CLIP_BROWSER_REDIS_URL", redis_url)
    made = load_settings(data_dir=tmp_path / "data")
    migrate_new(made.database)
    with session_factory(open_engine(made.database))() as session:
        ensure_admin(session, made)
    return made


@pytest.fixture
def run(
    settings: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Run:
    """`run("add", "ada")`: (exit code, stdout, stderr)."""

    def call(
        *words: str, stdin: str = "", data_dir: Path = settings.data_dir
    ) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        code = main(["user", *words, "--data-dir", str(data_dir)])
        caught = capsys.readouterr()
        return code, caught.out, caught.err

    return call


def people(run: Run) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in json.loads(run("list", "--json")[1])}


def test_the_one_with_the_machine_lets_in_renames_disables_and_removes(
    run: Run, settings: Settings
) -> None:
    code, link, _ = run("add", "ada")
    assert code == 0
    sessions = session_factory(open_engine(settings.database))
    with sessions() as session:
        ada = redeem_link(session, link.strip().partition("token=")[2])
        issue_token(session, ada, "session")
    assert "token=" in run("link", "ada")[1]
    assert run("rename", "ada", "Grace")[0] == 0
    assert run("role", "Grace", "admin")[0] == 0
    assert people(run)["Grace"]["role"] == "admin"
    assert json.loads(run("sessions", "Grace", "--json")[1])[0]["kind"] == "session"
    assert run("disable", "Grace")[0] == 0
    assert people(run)["Grace"]["state"] == "disabled"
    assert json.loads(run("sessions", "Grace", "--json")[1]) == []
    assert run("enable", "Grace")[0] == 0
    assert run("remove", "Grace")[0] == 0
    assert people(run)["Grace"]["state"] == "removed"
    with sessions() as session:
        acts = session.scalars(select(AuditEvent.act).order_by(AuditEvent.id)).all()
    assert [acts[0], acts[-1], len(acts)] == ["person.invite", "person.remove", 7]


def test_a_lost_password_is_set_anew_and_sessions_end(run: Run, settings: Settings) -> None:
    sessions = session_factory(open_engine(settings.database))
    with sessions() as session:
        issue_token(session, session.scalars(select(User)).one(), "session")
    assert run("password", "admin", stdin=f"{PASSWORD}\n")[0] == 0
    assert check_password(sessions, sessions, "admin", PASSWORD).name == "admin"
    with sessions() as session:
        assert session.scalars(select(Token)).all() == []


def test_sessions_end_one_by_one(run: Run, settings: Settings) -> None:
    with session_factory(open_engine(settings.database))() as session:
        admin = session.scalars(select(User)).one()
        one, _, _ = (issue_token(session, admin, "session")[0].id for _ in range(3))
    assert run("sessions", "admin", "--end", str(one))[0] == 0
    assert run("sessions", "admin", "--end", str(one))[0] == 1
    assert "2 ended" in run("sessions", "admin", "--end-all")[1]


@pytest.mark.parametrize(
    ("words", "stdin", "told"),
    [
        (["remove", "admin"], "", "last administrator"),
        (["role", "admin", "member"], "", "last administrator"),
        (["add", "Admin"], "", "Nobody can be called"),
        (["link", "nobody"], "", "nobody called"),
        (["link", "Admin"], "", "Is 'admin' meant?"),
        (["password", "nobody"], "short\n", "nobody called"),  # before anything is typed
        (["sessions", "admin", "--end", "99"], "", "no session or token 99"),
        (["password", "admin"], "short\n", "5 characters"),
    ],
)
def test_what_cannot_be_is_refused_with_what_to_do(
    run: Run, words: list[str], stdin: str, told: str
) -> None:
    code, _, err = run(*words, stdin=stdin)
    assert code == 1
    assert told in err


def test_a_folder_without_a_database_gets_none(run: Run, tmp_path: Path) -> None:
    code, _, err = run("list", data_dir=tmp_path / "elsewhere")
    assert code == 1
    assert "--data-dir" in err
    assert not (tmp_path / "elsewhere").exists()


def test_the_one_with_the_machine_resets_a_second_factor(run: Run, settings: Settings) -> None:
    assert run("second-factor", "admin")[0] != 0
    with session_factory(open_engine(settings.database))() as session:
        admin = session.scalars(select(User)).one()
        session.add(SecondFactor(user_id=admin.id, secret="sealed", confirmed_at=now()))
    code, said, _ = run("second-factor", "admin")
    assert (code, said.strip()) == (0, "admin has no second factor any more.")
    with session_factory(open_engine(settings.database))() as session:
        assert session.scalars(select(SecondFactor)).all() == []
        acts = [each.act for each in session.scalars(select(AuditEvent))]
    assert acts == ["second-factor.reset"]


def test_who_was_renamed_or_removed_is_told_of_as_such(run: Run) -> None:
    for name in ("ada", "eve"):
        run("add", name)
    run("rename", "ada", "Grace")
    run("remove", "eve")
    assert "'Grace' now" in run("link", "ada")[2]
    assert "was removed" in run("enable", "eve")[2]
    assert "called so already" in run("rename", "Grace", "Grace")[1]


def test_links_lead_to_where_the_service_of_the_folder_was_started(
    run: Run, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = {"url": "http://127.0.0.1:8099", "token": "t", "redis_url": settings.redis_url}
    (settings.data_dir / "cli.json").write_text(json.dumps(known))
    assert run("link", "admin")[1].startswith("http://127.0.0.1:8099/signin?token=")
    monkeypatch.setenv("CLIP_BROWSER_PUBLIC_URL", "https://clip.example.org")
    assert run("link", "admin")[1].startswith("https://clip.example.org/signin?token=")


def test_a_running_service_hears_of_it_by_the_redis_of_its_folder(
    run: Run, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    (settings.data_dir / "cli.json").write_text(json.dumps({"redis_url": settings.redis_url}))
    monkeypatch.setenv("CLIP_BROWSER_REDIS_URL", f"redis://127.0.0.1:{free_port()}/0")
    with redis.Redis.from_url(settings.redis_url).pubsub() as heard:
        heard.subscribe(CHANNEL)
        assert heard.get_message(timeout=20) is not None
        assert run("add", "ada")[0] == 0
        told = heard.get_message(timeout=20)
        while told is not None and b"people" not in told["data"]:  # of another test's service
            told = heard.get_message(timeout=20)
    assert told is not None


def test_a_service_that_does_not_run_is_not_spoken_of(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLIP_BROWSER_REDIS_URL", f"redis://127.0.0.1:{free_port()}/0")
    command = [sys.executable, "-m", "cli.main", "user", "add", "ada"]
    command += ["--data-dir", str(settings.data_dir)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert "token=" in done.stdout


def test_the_list_says_who_has_a_second_factor(run: Run, settings: Settings) -> None:
    assert people(run)["admin"]["has_second_factor"] is False
    with session_factory(open_engine(settings.database))() as session:
        admin = session.scalars(select(User)).one()
        session.add(SecondFactor(user_id=admin.id, secret="sealed", confirmed_at=now()))
    assert people(run)["admin"]["has_second_factor"] is True
