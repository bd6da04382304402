"""Tokens are remembered for seconds only, and not past a sign-out here."""

from __future__ import annotations

import pytest

from api.people import token_cache
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


def test_another_servers_sign_out_is_known_here_soon(
    service: Service, call: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = call("POST", "/tokens", 201, json={"name": "script"})
    script = Caller(service.app.test_client(), made["token"])
    script("GET", "/auth/me")
    other = token_cache.KnownTokens(service.parts.readers)
    assert other.find(made["token"]) is not None
    call("DELETE", f"/tokens/{made['id']}", 204)
    monkeypatch.setattr(token_cache, "KEPT_S", 0.0)
    assert other.find(made["token"]) is None
