"""CLIP_BROWSER_REQUIRE_SECOND_FACTOR: who has none sets one up before anything else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from flask.testing import FlaskClient
from sqlalchemy import select

from api.live.sockets import LIVE
from api.people.rights import BEFORE_SECOND_FACTOR, OPEN, listed
from common.db.tables import Token, User, now
from common.people import credentials
from common.people.credentials import issue_token, make_sign_in_link
from common.people.second_factors import reset_second_factor
from common.settings import Settings
from tests.api.conftest import PASSWORD, Caller, Service, _service
from tests.api.people.test_rights import Things, path_of
from tests.api.people.test_second_factor import FACTOR, Clock

ME, TOKENS = "/api/v1/auth/me", "/api/v1/tokens"
NOTHING = Things("none", 1, "none", "none", 1, "none", "none", "none")


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords are hashed with less, as each test signs in many times."""
    less = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1)
    monkeypatch.setattr(credentials, "HASHER", less)


@pytest.fixture
def service(
    settings: Settings, request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[Service]:
    """The app, which asks administrators for a second factor, or whom a test names."""
    required = {"require_second_factor": getattr(request, "param", "administrators")}
    yield from _service(settings.model_copy(update=required), tmp_path)


def by_password(service: Service) -> FlaskClient:
    """A browser in which the administrator has signed in."""
    browser = service.app.test_client()
    body = {"username": "admin", "password": PASSWORD}
    answer = browser.post("/api/v1/auth/login", json=body)
    assert answer.get_json()["needs_second_factor"] is True
    return browser


def by_link(service: Service, name: str) -> tuple[FlaskClient, bool]:
    """(a browser in which somebody has come by a link, whether a second factor is asked for)"""
    with service.services.sessions() as session:
        person = session.scalars(select(User).where(User.name == name)).one()
        link = make_sign_in_link(session, service.settings, person)
    browser = service.app.test_client()
    answer = browser.post("/api/v1/auth/link", json={"token": link.partition("token=")[2]})
    return browser, answer.get_json()["needs_second_factor"]


def set_up(browser: FlaskClient, clock: Clock) -> str:
    """Go the one way that is open; the secret."""
    secret = str(browser.post(FACTOR).get_json()["secret"])
    answer = browser.post(f"{FACTOR}/confirm", json={"code": clock.code(secret)})
    assert len(answer.get_json()["codes"]) == 10
    return secret


def may(browser: FlaskClient) -> bool:
    """Whether this browser gets at what is behind the sign-in."""
    answer = browser.get("/api/v1/datasets")
    if answer.status_code == 403:
        assert answer.get_json()["code"] == "second_factor_required"
    return answer.status_code == 200


def test_no_other_route_works_before_it_is_set_up_and_all_do_after(service: Service) -> None:
    browser, refused = by_password(service), 0
    for route in sorted(listed() - OPEN - BEFORE_SECOND_FACTOR):
        method, _, rule = route.partition(" ")
        answer = browser.open(path_of(rule, NOTHING), method=method)
        assert answer.status_code == 403, route
        assert answer.get_json()["code"] == "second_factor_required", route
        refused += 1
    assert refused > 80
    assert browser.get(ME).get_json()["needs_second_factor"] is True
    set_up(browser, Clock(service))
    assert browser.get(ME).get_json()["needs_second_factor"] is False
    assert may(browser)


def test_a_socket_is_refused_before_it_is_set_up(service: Service) -> None:
    socketio, browser = service.app.extensions[LIVE].socketio, by_password(service)
    assert not socketio.test_client(service.app, flask_test_client=browser).is_connected()
    set_up(browser, Clock(service))
    tab = socketio.test_client(service.app, flask_test_client=browser)
    assert tab.is_connected()
    live = service.app.extensions[LIVE]
    live._watch.look()
    assert tab.is_connected()
    with service.services.sessions() as session:
        reset_second_factor(session, session.scalars(select(User.id)).one())
    live._watch.look()
    assert not tab.is_connected()


def test_what_only_administrators_are_told_is_not_told_before_it_is_set_up(
    service: Service,
) -> None:
    browser = by_password(service)
    assert "clip" not in browser.get("/readyz").get_json()["database"]["detail"]
    before = browser.get("/readyz").get_json()
    set_up(browser, Clock(service))
    assert browser.get("/readyz").get_json() != before


def test_members_are_not_asked_where_only_administrators_are(service: Service) -> None:
    service.person("ada")
    browser, is_asked = by_link(service, "ada")
    assert not is_asked
    assert may(browser)


@pytest.mark.parametrize("service", ["everyone"], indirect=True)
def test_everybody_is_asked_also_who_comes_by_a_link_and_who_was_in_before(
    service: Service,
) -> None:
    service.person("ada")
    browser, is_asked = by_link(service, "ada")
    assert is_asked
    assert not may(browser)
    before = service.app.test_client()
    with service.services.sessions() as session:
        ada = session.scalars(select(User).where(User.name == "ada")).one()
        secret = issue_token(session, ada, "session")[1]
    headers = {"Authorization": f"Bearer {secret}"}
    assert before.get("/api/v1/datasets", headers=headers).status_code == 403
    set_up(browser, Clock(service))
    assert before.get("/api/v1/datasets", headers=headers).status_code == 200
    assert may(by_link(service, "ada")[0])  # whoever made the link stands for that


def test_who_becomes_an_administrator_is_asked_from_then_on(service: Service, call: Caller) -> None:
    service.person("ada")
    browser, _ = by_link(service, "ada")
    person = next(each for each in call("GET", "/users")["items"] if each["name"] == "ada")
    call("PATCH", f"/users/{person['id']}", json={"role": "admin"})
    assert not may(browser)


def test_who_switches_it_off_or_has_it_reset_sets_up_another_one(
    service: Service, call: Caller
) -> None:
    clock, browser = Clock(service), by_password(service)
    secret = set_up(browser, clock)
    clock.now_s += 60
    assert may(browser)
    code = {"code": clock.code(secret)}
    assert browser.post(f"{FACTOR}/off", json=code).status_code == 204
    assert not may(browser)
    clock.now_s += 60
    set_up(browser, clock)
    assert may(browser)
    user_id = browser.get(ME).get_json()["user"]["id"]
    call("DELETE", f"/users/{user_id}/second-factor", 204)
    assert not may(browser)


def test_api_tokens_and_sessions_by_the_provider_are_not_asked(
    service: Service, call: Caller
) -> None:
    call("GET", "/users")
    with service.services.sessions() as session:
        admin = session.scalars(select(User)).first()
        assert admin is not None
        row, secret = issue_token(session, admin, "session")
        row.origin = "oidc"
        assert session.get_one(Token, row.id).created_at <= now()
    answer = service.app.test_client().get(
        "/api/v1/users", headers={"Authorization": f"Bearer {secret}"}
    )
    assert answer.status_code == 200
