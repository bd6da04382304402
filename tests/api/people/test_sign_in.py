"""Who may come in, and how."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from argon2 import PasswordHasher

from api.people.rights import is_open
from common.db.tables import Token, User
from common.people import credentials
from common.people.credentials import (
    ensure_admin,
    hash_password,
    issue_token,
    make_sign_in_link,
    verify_password,
)
from tests.api.conftest import PASSWORD, Caller, Service


def test_every_route_but_the_named_ones_refuses_who_brings_no_token(service: Service) -> None:
    client = service.app.test_client()
    closed = 0
    for rule in service.app.url_map.iter_rules():
        path = re.sub(r"<int:[^>]+>", "1", rule.rule)
        path = re.sub(r"<[^>]+>", "x", path)
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            if is_open(method, rule.rule):
                continue
            answer = client.open(path, method=method)
            assert answer.status_code == 401, (method, path)
            assert answer.get_json()["code"] == "unauthorized"
            closed += 1
    assert closed > 40


def test_metrics_needs_a_token_and_health_does_not(service: Service, call: Caller) -> None:
    client = service.app.test_client()
    assert client.get("/healthz").get_json() == {"ok": True}
    assert client.get("/metrics").status_code == 401
    assert b"clip_browser_http_requests_total" in call("GET", "/metrics")


def test_a_password_signs_in_and_sets_a_cookie_that_scripts_cannot_read(service: Service) -> None:
    client = service.app.test_client()
    answer = client.post("/api/v1/auth/login", json={"username": "admin", "password": PASSWORD})
    assert answer.status_code == 200
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Secure" not in cookie
    assert client.get("/api/v1/auth/me").get_json()["user"]["role"] == "admin"
    token = answer.get_json()["token"]
    bearer = service.app.test_client().get(
        "/api/v1/auth/me", headers={"Authorization": f"Bearer {token}"}
    )
    assert bearer.status_code == 200


def test_signing_out_ends_the_session_everywhere(service: Service) -> None:
    client = service.app.test_client()
    token = client.post(
        "/api/v1/auth/login", json={"username": "admin", "password": PASSWORD}
    ).get_json()["token"]
    assert client.post("/api/v1/auth/logout").status_code == 204
    assert client.get("/api/v1/auth/me").status_code == 401
    again = client.get("/api/v1/auth/me", headers={"Authorization": f"Bearer {token}"})
    assert again.status_code == 401


def test_a_sign_in_link_works_once(any_service: Service) -> None:
    with any_service.services.sessions() as session:
        admin = ensure_admin(session, any_service.settings)
        link = make_sign_in_link(session, any_service.settings, admin)
    assert link.startswith("http://127.0.0.1:8000/signin?token=")
    secret = link.partition("token=")[2]
    client = any_service.app.test_client()
    assert client.post("/api/v1/auth/link", json={"token": secret}).status_code == 200
    assert client.get("/api/v1/auth/me").status_code == 200
    again = any_service.app.test_client().post("/api/v1/auth/link", json={"token": secret})
    assert again.status_code == 401
    assert "used before" in again.get_json()["message"]


def test_a_link_cannot_be_used_as_a_token(service: Service) -> None:
    with service.services.sessions() as session:
        link = make_sign_in_link(session, service.settings, ensure_admin(session, service.settings))
    secret = link.partition("token=")[2]
    answer = service.app.test_client().get(
        "/api/v1/auth/me", headers={"Authorization": f"Bearer {secret}"}
    )
    assert answer.status_code == 401


def test_the_eleventh_failed_sign_in_within_a_minute_is_refused(service: Service) -> None:
    client = service.app.test_client()
    wrong = {"username": "admin", "password": "wrong"}
    statuses = [client.post("/api/v1/auth/login", json=wrong).status_code for _ in range(11)]
    assert statuses == [401] * 10 + [429]
    right = client.post("/api/v1/auth/login", json={"username": "admin", "password": PASSWORD})
    assert right.status_code == 429
    other = client.post("/api/v1/auth/login", json={"username": "ada", "password": "x"})
    assert other.status_code == 401


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost.evil.example"])
def test_a_cookie_is_not_enough_for_a_change_from_another_site(
    service: Service, origin: str
) -> None:
    client = service.app.test_client()
    client.post("/api/v1/auth/login", json={"username": "admin", "password": PASSWORD})
    refused = client.post("/api/v1/datasets", json={"name": "x"}, headers={"Origin": origin})
    assert refused.status_code == 403
    assert client.get("/api/v1/datasets", headers={"Origin": origin}).status_code == 200
    own = client.post(
        "/api/v1/datasets", json={"name": "x"}, headers={"Origin": "http://localhost"}
    )
    assert own.status_code == 201


def test_a_token_works_from_anywhere(call: Caller) -> None:
    call(
        "POST", "/datasets", 201, json={"name": "x"}, headers={"Origin": "http://notebook.example"}
    )


def test_a_forged_cookie_is_nobody(service: Service) -> None:
    client = service.app.test_client()
    client.set_cookie("clip_browser_session", "abc.def")
    assert client.get("/api/v1/auth/me").status_code == 401


def test_an_expired_session_is_nobody(service: Service) -> None:
    with service.services.sessions() as session:
        admin = ensure_admin(session, service.settings)
        _, secret = issue_token(session, admin, "session", lives=timedelta(seconds=-1))
    assert Caller(service.app.test_client(), secret).raw("GET", "/auth/me").status_code == 401


def test_tokens_are_shown_once_and_die_when_deleted(service: Service, call: Caller) -> None:
    made = call("POST", "/tokens", 201, json={"name": "notebook"})
    script = Caller(service.app.test_client(), made["token"])
    script("GET", "/auth/me")
    listed = [token for token in call("GET", "/tokens")["items"] if token["name"] == "notebook"]
    assert [each["id"] for each in listed] == [made["id"]]
    assert "token" not in listed[0]
    call("DELETE", f"/tokens/{made['id']}", 204)
    script("GET", "/auth/me", 401)
    call("DELETE", f"/tokens/{made['id']}", 404)


def test_nobody_deletes_the_token_of_another(service: Service, call: Caller) -> None:
    made = call("POST", "/tokens", 201, json={"name": "mine"})
    service.person("eve")("DELETE", f"/tokens/{made['id']}", 404)
    call("GET", "/auth/me")


def test_an_administrator_lets_people_in_and_a_member_does_not(
    service: Service, call: Caller
) -> None:
    answer = call("POST", "/users", 201, json={"name": "ada"})
    assert answer["user"]["role"] == "member"
    secret = answer["link"].partition("token=")[2]
    client = service.app.test_client()
    token = client.post("/api/v1/auth/link", json={"token": secret}).get_json()["token"]
    ada = Caller(service.app.test_client(), token)
    ada("POST", "/users", 403, json={"name": "eve"})
    assert [user["name"] for user in ada("GET", "/users")["items"]] == ["ada", "admin"]
    assert call("POST", "/users", 409, json={"name": "ada"})["code"] == "conflict"


def test_passwords_and_tokens_are_not_stored_as_they_are(service: Service) -> None:
    with service.services.readers() as session:
        stored = session.query(User).one().password_hash
        tokens = [token.token_hash for token in session.query(Token)]
    assert stored is not None
    assert PASSWORD not in stored
    assert service.admin_token not in tokens
    assert verify_password(PASSWORD, stored)
    assert not verify_password("", stored)
    assert not verify_password(PASSWORD, None)
    assert hash_password(PASSWORD) != stored


def sign_in(service: Service, password: str, name: str = "admin") -> tuple[int, str]:
    """(status, body) of a sign-in."""
    answer = service.app.test_client().post(
        "/api/v1/auth/login", json={"username": name, "password": password}
    )
    return answer.status_code, answer.get_data(as_text=True)


def store_hash(service: Service, stored: str | None) -> None:
    with service.services.sessions() as session:
        session.query(User).one().password_hash = stored


def stored_hash(service: Service) -> str | None:
    with service.services.readers() as session:
        return session.query(User).one().password_hash


def by_scrypt() -> str:
    """PASSWORD as passwords were stored before argon2."""
    salt = "0123456789abcdef" * 2
    made = hashlib.scrypt(
        PASSWORD.encode(), salt=salt.encode(), n=2**15, r=8, p=3, maxmem=64 * 1024 * 1024
    )
    return f"scrypt$32768$8$3${salt}${made.hex()}"


def by_less_of_argon2() -> str:
    """PASSWORD as it would be stored with other parameters."""
    return PasswordHasher(time_cost=1, memory_cost=8 * 1024, parallelism=1).hash(PASSWORD)


@pytest.mark.parametrize("make_earlier", [by_scrypt, by_less_of_argon2])
def test_a_password_that_was_hashed_otherwise_signs_in_and_is_hashed_anew(
    any_service: Service, make_earlier: Callable[[], str]
) -> None:
    earlier = make_earlier()
    store_hash(any_service, earlier)
    assert sign_in(any_service, "wrong")[0] == 401
    assert stored_hash(any_service) == earlier
    assert sign_in(any_service, PASSWORD)[0] == 200
    renewed = stored_hash(any_service)
    assert renewed is not None
    assert renewed.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert sign_in(any_service, PASSWORD)[0] == 200
    assert stored_hash(any_service) == renewed
    assert sign_in(any_service, "wrong")[0] == 401


def test_a_refused_sign_in_does_not_say_what_was_wrong(service: Service) -> None:
    unknown = sign_in(service, PASSWORD, "nobody")
    assert unknown[0] == 401
    for stored in (by_scrypt(), by_less_of_argon2(), "$argon2id$cut", None):
        store_hash(service, stored)
        assert sign_in(service, "wrong") == unknown


def test_no_connection_is_held_while_a_password_is_hashed(
    any_service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = []

    def note(function: str) -> None:
        made = getattr(credentials, function)

        def watched(*given: str) -> object:
            held.append(any_service.engine.pool.checkedout())  # type: ignore[attr-defined]
            return made(*given)

        monkeypatch.setattr(credentials, function, watched)

    store_hash(any_service, by_less_of_argon2())
    note("verify_password")
    note("hash_password")
    assert sign_in(any_service, PASSWORD)[0] == 200
    assert held == [0, 0]
