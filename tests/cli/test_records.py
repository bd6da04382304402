"""The trash and the audit log in the terminal, on a running service."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pyotp
import pytest

from common.db.engine import open_engine, session_factory
from common.db.tables import Dataset, now
from common.people.credentials import issue_token, make_user
from common.people.second_factors import SecondFactors
from tests.cli.conftest import PASSWORD, Call, Service
from tests.workers import search_data
from workers.runtime.services import open_services


def _delete(service: Service, path: str) -> None:
    headers = {"Authorization": f"Bearer {service.token}"}
    answer = httpx.delete(f"{service.url}/api/v1{path}", headers=headers, timeout=60)
    assert answer.status_code == 204


def test_what_was_deleted_is_listed_brought_back_and_removed(call: Call, service: Service) -> None:
    search_data.add_dataset(open_services(service.settings), 2, "lost")
    _delete(service, "/datasets/lost")
    listed = call("trash", "list")
    assert "dataset:lost" in listed.out
    assert call("trash", "restore", "dataset:lost").out.strip() == "dataset:lost is back."
    assert "dataset:lost" not in call("trash", "list").out
    _delete(service, "/datasets/lost")
    assert call("trash", "empty").code == 2
    assert call("trash", "empty", "lost").code == 2
    assert call("trash", "empty", "dataset:lost").code == 0
    assert call("trash", "restore", "dataset:lost").code == 1


def test_the_log_is_shown_and_written_into_files(
    call: Call, service: Service, tmp_path: Path
) -> None:
    search_data.add_dataset(open_services(service.settings), 1, "noted")
    _delete(service, "/datasets/noted")
    shown = call("audit", "--act", "dataset.delete", "--json").json
    assert shown[0]["target"] == "dataset:noted"
    assert "dataset:noted" in call("audit", "--actor", "admin", "--limit", "1").out
    for name in ("log.csv", "log.jsonl"):
        assert call("audit", "--act", "dataset", "--out", str(tmp_path / name)).code == 0
    lines = (tmp_path / "log.jsonl").read_text().splitlines()
    assert json.loads(lines[0])["target"] == "dataset:noted"
    assert '"dataset:noted"' in (tmp_path / "log.csv").read_text("utf-8-sig")
    assert call("audit", "--since", "yesterday").code == 1


def test_what_is_meant_may_be_said_by_name_where_that_is_of_one_thing(
    call: Call, service: Service
) -> None:
    services = open_services(service.settings)
    for dataset in ("twins", "twins-2"):
        search_data.add_dataset(services, 1, dataset)
        with services.sessions() as session:
            session.get_one(Dataset, dataset).name = "Twins"
        _delete(service, f"/datasets/{dataset}")
    refused = call("trash", "restore", "Twins")
    assert refused.code == 1
    assert "dataset:twins-2, dataset:twins" in refused.err
    assert call("trash", "restore", "twins-2").out.strip() == "dataset:twins-2 is back."
    assert call("trash", "restore", "Twins").out.strip() == "dataset:twins is back."
    assert "clip-browser trash list" in call("trash", "restore", "Twins").err


def test_all_is_removed_for_good_and_counted_and_an_empty_trash_says_so(
    call: Call, service: Service
) -> None:
    search_data.add_dataset(open_services(service.settings), 1, "last")
    _delete(service, "/datasets/last")
    count = len(call("trash", "list", "--json").json)
    assert call("trash", "empty", "--all").out.strip() == f"Removed for good: {count}."
    assert "nothing" in call("trash", "list").out
    assert "nothing" in call("trash", "empty", "--all").out


def test_the_log_is_asked_for_datasets_that_are_gone_and_says_what_there_is(
    call: Call, service: Service
) -> None:
    search_data.add_dataset(open_services(service.settings), 1, "gone")
    _delete(service, "/datasets/gone")
    for _ in range(2):
        assert "dataset.delete" in call("audit", "--dataset", "gone").out
        call("trash", "empty", "dataset:gone")
    assert "No line fits" in call("audit", "--until", "2020-01-01").out
    assert "dataset.delete" in call("audit", "--act", "delete").out
    assert "2026-03-01" in call("audit", "--since", "yesterday").err
    assert call("audit", "--limit", "-1").code == 2
    assert call("audit", "--out", "log.txt").code == 2


def test_whose_account_is_disabled_is_not_told_to_give_another_token(
    call: Call, service: Service
) -> None:
    with session_factory(open_engine(service.settings.database))() as session:
        person = make_user(session, "idle", "member")
        token = issue_token(session, person, "api")[1]
        person.disabled_at = now()
    told = call("datasets", "--token", token)
    assert told.code == 1
    assert "administrator" in told.err
    assert "--token" not in told.err


def test_signing_in_asks_for_the_code_of_a_second_factor(
    call: Call, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions = session_factory(open_engine(service.settings.database))
    factors = SecondFactors(sessions, sessions, service.settings.secret_key)
    with sessions() as session:
        person = make_user(session, "two", "member", PASSWORD)
        secret = factors.begin(session, person).secret
    codes = factors.confirm(person.id, pyotp.TOTP(secret).now())
    typed = iter([PASSWORD, codes[0]])
    monkeypatch.setattr("getpass.getpass", lambda _: next(typed))
    told = call("login", "--user", "two")
    assert told.code == 0, told.err
    assert "as two" in told.out
