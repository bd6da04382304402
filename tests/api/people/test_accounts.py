"""Accounts that can be lived with: passwords, links, sessions and tokens; disabled, enabled, removed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from api.people.devices import name_device
from common.db.tables import Token, User, now
from common.people.credentials import ensure_admin, explain_admin_password, issue_token
from tests.api.conftest import PASSWORD, Caller, Service, wait_until
from tests.migrated import hash_of

OTHER = "another long password"


def sign_in(service: Service, name: str, password: str, agent: str = "") -> Caller:
    """Somebody's session of their own."""
    client = service.app.test_client(use_cookies=False)
    answer = client.post(
        "/api/v1/auth/login",
        json={"username": name, "password": password},
        headers={"User-Agent": agent},
    )
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return Caller(client, answer.get_json()["token"])


def follow(service: Service, link: str, expect: int = 200) -> Caller:
    client = service.app.test_client(use_cookies=False)
    answer = client.post("/api/v1/auth/link", json={"token": link.partition("token=")[2]})
    assert answer.status_code == expect, answer.get_data(as_text=True)
    return Caller(client, answer.get_json().get("token", ""))


def let_in(service: Service, call: Caller, name: str = "ada") -> tuple[int, Caller]:
    """Somebody new, signed in by the link."""
    made = call("POST", "/users", 201, json={"name": name})
    return made["user"]["id"], follow(service, made["link"])


def test_who_has_come_by_link_sets_a_password_and_comes_back_with_it(
    any_service: Service, call_any: Caller
) -> None:
    _, ada = let_in(any_service, call_any)
    assert not ada("GET", "/auth/me")["has_password"]
    ada("PUT", "/auth/password", 204, json={"password": OTHER})
    me = ada("GET", "/auth/me")
    assert (me["has_password"], me["needs_current"]) == (True, False)
    ada("POST", "/auth/logout", 204)
    assert sign_in(any_service, "ada", OTHER)("GET", "/auth/me")["needs_current"]


def test_changing_a_password_asks_for_the_one_there_is_and_ends_the_other_sessions(
    service: Service,
) -> None:
    here, there = (sign_in(service, "admin", PASSWORD) for _ in range(2))
    script = here("POST", "/tokens", 201, json={"name": "script"})["token"]
    for current in (None, "wrong"):
        refused = here("PUT", "/auth/password", 403, json={"current": current, "password": OTHER})
        assert "current password" in refused["message"]
    there("GET", "/auth/me")
    here("PUT", "/auth/password", 204, json={"current": PASSWORD, "password": OTHER})
    here("GET", "/auth/me")
    there("GET", "/auth/me", 401)
    Caller(service.app.test_client(), script)("GET", "/auth/me")
    sign_in(service, "admin", OTHER)


def test_guesses_of_the_current_password_are_limited(service: Service) -> None:
    here = sign_in(service, "admin", PASSWORD)
    given = {"current": "wrong", "password": OTHER}
    statuses = [here.raw("PUT", "/auth/password", json=given).status_code for _ in range(11)]
    assert statuses == [403] * 10 + [429]


@pytest.mark.parametrize("password", ["short", "x" * 1001, ""])
def test_a_password_has_a_length(service: Service, call: Caller, password: str) -> None:
    _, ada = let_in(service, call)
    ada("PUT", "/auth/password", 400, json={"password": password})


def test_a_new_link_lets_in_who_has_lost_the_password_and_ends_the_earlier_link(
    service: Service, call: Caller
) -> None:
    made = call("POST", "/users", 201, json={"name": "ada"})
    links = [call("POST", f"/users/{made['user']['id']}/link", 201)["link"] for _ in range(2)]
    follow(service, made["link"], 401)
    follow(service, links[0], 401)
    ada = follow(service, links[1])
    ada("PUT", "/auth/password", 204, json={"password": OTHER})
    again = follow(service, call("POST", f"/users/{made['user']['id']}/link", 201)["link"])
    again("PUT", "/auth/password", 204, json={"password": PASSWORD})  # the one there is is lost
    sign_in(service, "ada", PASSWORD)


def test_a_link_counts_for_a_password_for_an_hour(service: Service, call: Caller) -> None:
    _, ada = let_in(service, call)
    ada("PUT", "/auth/password", 204, json={"password": OTHER})
    with service.services.sessions() as session:
        for each in session.query(Token).filter(Token.kind == "session"):
            each.created_at = now() - timedelta(hours=2)
    service.services.token_cache.forget()
    ada("PUT", "/auth/password", 403, json={"password": PASSWORD})


def test_whoever_is_disabled_is_out_at_once_by_every_way_and_is_told_so(
    any_service: Service, call_any: Caller
) -> None:
    person, ada = let_in(any_service, call_any)
    ada("PUT", "/auth/password", 204, json={"password": OTHER})
    script = Caller(ada.client, ada("POST", "/tokens", 201, json={"name": "script"})["token"])
    link = call_any("POST", f"/users/{person}/link", 201)["link"]
    assert call_any("PATCH", f"/users/{person}", json={"disabled": True})["user"]["disabled"]
    ada("GET", "/auth/me", 401)
    assert "disabled" in script("GET", "/auth/me", 401)["message"]
    refused = ada.client.post("/api/v1/auth/login", json={"username": "ada", "password": OTHER})
    assert (refused.status_code, refused.get_json()["details"]) == (401, {"reason": "disabled"})
    wrong = ada.client.post("/api/v1/auth/login", json={"username": "ada", "password": "wrong"})
    assert "disabled" not in wrong.get_data(as_text=True)
    follow(any_service, link, 401)
    call_any("POST", f"/users/{person}/link", 409)
    call_any("PATCH", f"/users/{person}", json={"disabled": False})
    script("GET", "/auth/me")
    ada("GET", "/auth/me", 401)
    follow(any_service, link)


def test_whoever_is_removed_leaves_captions_and_a_name_that_nobody_takes(
    service: Service, call: Caller
) -> None:
    person, ada = let_in(service, call)
    dataset = ada.dataset()
    image = service.add_images(dataset, 1)[0]
    service.save(image, "a cat", author="ada")
    call("PUT", f"/datasets/{dataset}/members/admin", json={"role": "owner"})
    call("DELETE", f"/users/{person}", 204)
    ada("GET", "/auth/me", 401)
    assert [each["name"] for each in call("GET", "/users")["items"]] == ["admin"]
    assert call("GET", f"/images/{image}")["captioned_by"] == "ada"
    assert call("GET", f"/datasets/{dataset}")["created_by"] == "ada"
    members = call("GET", f"/datasets/{dataset}/members")["items"]
    assert [each["name"] for each in members] == ["admin"]
    call("POST", "/users", 409, json={"name": "Ada"})
    call("PUT", f"/datasets/{dataset}/members/ada", 404, json={"role": "viewer"})
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/link")):
        call(method, f"/users/{person}{path}", 404)


@pytest.mark.parametrize("change", [{"disabled": True}, {"role": "member"}, None])
def test_the_last_administrator_stays(
    service: Service, call: Caller, change: dict[str, Any] | None
) -> None:
    def try_it(expect: int) -> None:
        if change is None:
            call("DELETE", f"/users/{admin}", 204 if expect == 200 else expect)
        else:
            call("PATCH", f"/users/{admin}", expect, json=change)

    admin = call("GET", "/auth/me")["user"]["id"]
    person, _ = let_in(service, call)
    call("PATCH", f"/users/{person}", json={"role": "admin", "disabled": True})
    try_it(409)
    call("PATCH", f"/users/{person}", json={"disabled": False})
    try_it(200)


def test_sessions_say_where_they_are_and_end_one_by_one_or_all(service: Service) -> None:
    fox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
    here, there, third = (sign_in(service, "admin", PASSWORD, fox) for _ in range(3))
    listed = here("GET", "/sessions")["items"]
    assert [each["is_current"] for each in listed] == [False, False, True]
    assert {(each["device"], each["address"], each["origin"]) for each in listed} == {
        ("Firefox on Linux", "127.0.0.1", "password")
    }
    here("DELETE", f"/sessions/{listed[1]['id']}", 204)
    there("GET", "/auth/me", 401)
    here("DELETE", "/sessions", 204)
    third("GET", "/auth/me", 401)
    assert len(here("GET", "/sessions")["items"]) == 1
    here("DELETE", f"/sessions/{listed[1]['id']}", 404)


def test_a_session_tells_when_it_was_used_and_is_not_written_at_each_use(service: Service) -> None:
    here = sign_in(service, "admin", PASSWORD)
    here("GET", "/auth/me")
    used = wait_until(lambda: here("GET", "/sessions")["items"][0]["used_at"])
    service.services.token_cache.forget()
    here("GET", "/auth/me")
    assert here("GET", "/sessions")["items"][0]["used_at"] == used


def test_administrators_see_and_end_the_sessions_and_tokens_of_others_and_members_do_not(
    service: Service, call: Caller
) -> None:
    person, ada = let_in(service, call)
    script = Caller(ada.client, ada("POST", "/tokens", 201, json={"name": "script"})["token"])
    script("GET", f"/users/{person}", 403)
    seen = call("GET", f"/users/{person}")
    assert [len(seen[kind]) for kind in ("sessions", "tokens")] == [1, 1]
    call("DELETE", f"/users/{person}/tokens/{seen['tokens'][0]['id']}", 204)
    script("GET", "/auth/me", 401)
    ada("GET", "/auth/me")
    call("DELETE", f"/users/{person}/tokens", 204)
    ada("GET", "/auth/me", 401)
    mine = call("GET", "/tokens")["items"][0]["id"]
    call("DELETE", f"/users/{person}/tokens/{mine}", 404)  # somebody else's


def test_a_token_has_a_scope_and_an_end(service: Service, call: Caller) -> None:
    made = call("POST", "/tokens", 201, json={"name": "x", "scope": "read", "days": 7})
    assert made["scope"] == "read"
    reader = Caller(service.app.test_client(), made["token"])
    reader("GET", "/datasets")
    refused = reader("POST", "/datasets", 403, json={"name": "x"})
    assert refused["details"] == {"scope": "read", "needed": "train"}
    with service.services.sessions() as session:
        row = session.get_one(Token, made["id"])
        assert row.expires_at is not None
        assert timedelta(days=6.9) < row.expires_at - now() < timedelta(days=7)
        row.expires_at = now()
    service.services.token_cache.forget()
    reader("GET", "/datasets", 401)


def test_no_token_makes_one_with_more_than_itself(service: Service, call: Caller) -> None:
    """Neither more rights nor more time."""
    lasting = call("POST", "/tokens", 201, json={"name": "a", "days": 7})
    week = Caller(service.app.test_client(), lasting["token"])
    week("POST", "/tokens", 400, json={"name": "b", "days": 8})
    for asked in ({"days": 6}, {}):
        made = week("POST", "/tokens", 201, json={"name": "b", **asked})
        assert made["expires_at"] <= lasting["expires_at"]
    for scope in ("read", "caption", "train"):
        less = call("POST", "/tokens", 201, json={"name": "c", "scope": scope})["token"]
        less_able = Caller(service.app.test_client(), less)
        less_able("POST", "/tokens", 403, json={"name": "d"})
        less_able("PUT", "/auth/password", 403, json={"current": PASSWORD, "password": OTHER})


@pytest.mark.parametrize("name", ["Ada", "\u0430da", "me", "everyone", "Admin", "ad\u3164a"])
def test_nobody_is_let_in_under_a_name_that_looks_like_another(
    service: Service, call: Caller, name: str
) -> None:
    call("POST", "/users", 201, json={"name": "ada"})
    assert call.raw("POST", "/users", json={"name": name}).status_code in (400, 409)
    assert len(call("GET", "/users")["items"]) == 2


def test_another_admin_password_in_the_settings_is_explained_and_changes_nothing(
    service: Service,
) -> None:
    changed = service.settings.model_copy(update={"admin_password": "something else"})
    with service.services.sessions() as session:
        admin = ensure_admin(session, changed)
        assert admin.password_hash == hash_of(PASSWORD)
        told = explain_admin_password(admin, changed)
        assert told is not None
        assert "clip-browser user password admin" in told
        assert explain_admin_password(admin, service.settings) is None


def test_a_renamed_administrator_is_not_made_anew_at_the_next_start(
    service: Service, call: Caller
) -> None:
    person, _ = let_in(service, call)
    call("PATCH", f"/users/{person}", json={"role": "admin"})
    call("DELETE", f"/users/{call('GET', '/auth/me')['user']['id']}", 204)
    with service.services.sessions() as session:
        assert ensure_admin(session, service.settings).name == "ada"
        assert session.query(User).count() == 2


@pytest.mark.parametrize(
    ("told", "device"),
    [
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit Chrome/130 Safari/537 Edg/130", "Edge on Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18 like Mac OS X) Version/18 Safari/604", "Safari on iPhone"),
        ("Mozilla/5.0 (Linux; Android 14) Chrome/130 Mobile Safari/537", "Chrome on Android"),
        ("python-httpx/0.28.1", "python-httpx/0.28.1"),
        ("", ""),
        ("\x1b[2J", ""),
    ],
)  # fmt: skip
def test_a_device_is_named_as_people_know_it(told: str, device: str) -> None:
    assert name_device(told) == device


def test_expired_tokens_are_shown_and_expired_sessions_are_not(
    service: Service, call: Caller
) -> None:
    with service.services.sessions() as session:
        admin = session.query(User).one()
        for kind in ("api", "session"):
            issue_token(session, admin, kind, name="old", lives=timedelta(days=-1))
    assert "old" in [each["name"] for each in call("GET", "/tokens")["items"]]
    assert call("GET", "/sessions")["items"] == []
