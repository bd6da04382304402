"""Tokens are remembered for seconds only, and not past a sign-out here."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from api.people import token_cache
from api.people.token_cache import KEPT_S, TokenCache
from common.db.tables import User, now
from common.people import credentials
from common.people.credentials import issue_token
from tests.api.conftest import PASSWORD, Caller, Service


def test_a_token_that_was_deleted_is_refused_at_once(service: Service, call: Caller) -> None:
    made = call("POST", "/tokens", 201, json={"name": "script"})
    script = Caller(service.app.test_client(), made["token"])
    script("GET", "/auth/me")
    call("DELETE", f"/tokens/{made['id']}", 204)
    script("GET", "/auth/me", 401)


def test_a_session_that_signed_out_is_refused_at_once(service: Service, call: Caller) -> None:
    signed_in = call("POST", "/auth/login", json={"username": "admin", "password": PASSWORD})
    session = Caller(service.app.test_client(), signed_in["token"])
    session("GET", "/auth/me")
    session("POST", "/auth/logout", 204)
    session("GET", "/auth/me", 401)


def test_another_servers_sign_out_is_known_here_soon(service: Service, call: Caller) -> None:
    made = call("POST", "/tokens", 201, json={"name": "script"})
    script = Caller(service.app.test_client(), made["token"])
    script("GET", "/auth/me")
    other = TokenCache(
        service.services.readers, service.services.sessions, lambda: None, kept_s=0.2
    )
    assert other.find(made["token"]) is not None
    call("DELETE", f"/tokens/{made['id']}", 204)
    time.sleep(0.25)
    assert other.find(made["token"]) is None


def test_a_token_is_not_asked_for_again_at_once_and_not_kept_past_its_own_end(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def readers() -> AbstractContextManager[Session]:
        asked.append(time.monotonic())
        return service.services.readers()

    with service.services.sessions() as session:
        admin = session.query(User).one()
        _, secret = issue_token(session, admin, "session", lives=timedelta(hours=1))
    known = TokenCache(readers, service.services.sessions, lambda: None, kept_s=3 * 3600)
    assert known.find(secret) is not None
    assert known.find(secret) is not None
    assert len(asked) == 1
    for module in (token_cache, credentials):
        monkeypatch.setattr(module, "now", lambda: now() + timedelta(hours=1))
    assert known.find(secret) is None
    assert KEPT_S > 1
