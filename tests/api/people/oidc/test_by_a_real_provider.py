"""From the button to the account and back, by a certified provider; and whose account it is."""

from __future__ import annotations

import threading
from urllib.parse import urlsplit

import httpx
import pytest

from common.db.tables import AuditEvent, Identity, User, UserGroup
from common.people.credentials import make_user
from common.people.identities import ProvidedPerson, enter, link
from tests.api.conftest import PASSWORD, Caller, Service
from tests.api.people.oidc.conftest import Browser, Made, query_of, sign_in_at
from tests.migrated import hash_of

SCOPES = "openid profile email groups"


def come_in(service: Service, login: str) -> Browser:
    """Press the button, sign in there, come back."""
    browser = Browser(service)
    start = browser.client.get("/api/v1/auth/oidc/start?next=/d/birds")
    back = sign_in_at(start.headers["Location"], login)
    answer = browser.client.get(back)
    assert answer.status_code == 302
    if browser.name() is not None:
        assert answer.headers["Location"] == "/d/birds"
    return browser


def groups_of(service: Service, name: str) -> set[str]:
    with service.services.readers() as session:
        found = session.query(UserGroup).join(User, User.id == UserGroup.user_id)
        return {each.group_name for each in found.filter(User.name == name)}


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest) -> dict[str, str]:
    """A setting of each kind of database."""
    if request.param == "postgres":
        return {"database_url": str(request.getfixturevalue("postgres_url"))}
    return {}


def test_the_first_sign_in_makes_an_account_and_the_next_finds_it(
    make_service: Made, real_provider: str, database: dict[str, str]
) -> None:
    service = make_service(real_provider, oidc_scopes=SCOPES, **database)
    assert come_in(service, "ada").name() == "ada"
    assert groups_of(service, "ada") == {"staff", "curators"}
    assert come_in(service, "bob").name() == "bob"  # preferred_username bob@museum.example
    assert come_in(service, "ada").name() == "ada"
    with service.services.readers() as session:
        assert session.query(User).count() == 3
        ada = session.query(Identity).filter(Identity.shown == "ada@museum.example").one()
        assert (ada.issuer, ada.subject) == (real_provider, "ada")


def test_nobody_gets_into_an_account_by_its_name_or_its_mail(
    make_service: Made, real_provider: str
) -> None:
    service = make_service(real_provider, oidc_scopes=SCOPES)
    with service.services.sessions() as session:
        session.add(User(name="ada", role="admin", password_hash=hash_of(PASSWORD)))
    browser = come_in(service, "ada")
    assert browser.name() == "ada-2"
    assert browser.client.get("/api/v1/auth/me").get_json()["user"]["role"] == "member"


def test_groups_let_in_and_make_administrators(make_service: Made, real_provider: str) -> None:
    service = make_service(
        real_provider,
        oidc_scopes=SCOPES,
        oidc_admin_groups="curators",
        oidc_allowed_groups="curators, guests",
    )
    ada = come_in(service, "ada")
    assert ada.client.get("/api/v1/auth/me").get_json()["user"]["role"] == "admin"
    bob = come_in(service, "bob")
    assert bob.name() is None
    assert "none of the groups" in bob.problem()["message"]
    with service.services.readers() as session:
        acts = [each.act for each in session.query(AuditEvent).order_by(AuditEvent.id)]
    assert acts == ["session.begin", "session.refuse"]
    with service.services.sessions() as session:  # somebody who left the group, at the next sign-in
        enter(session, ProvidedPerson(real_provider, "ada", "ada", "ada", is_admin=False))
    assert groups_of(service, "ada") == set()
    service.services.token_cache.forget()
    assert ada.client.get("/api/v1/auth/me").get_json()["user"]["role"] == "member"


def test_only_verified_mail_of_a_domain_lets_in(make_service: Made, real_provider: str) -> None:
    service = make_service(real_provider, oidc_scopes=SCOPES, oidc_allowed_domains="Museum.example")
    assert come_in(service, "ada").name() == "ada"
    bob = come_in(service, "bob")
    assert bob.name() is None
    assert "not verified" in bob.problem()["message"]
    elsewhere = make_service(real_provider, oidc_scopes=SCOPES, oidc_allowed_domains="x.example")
    ada = come_in(elsewhere, "ada")
    assert ada.name() is None
    assert "museum.example" in ada.problem()["message"]


def test_where_one_only_signs_in_by_the_provider(make_service: Made, real_provider: str) -> None:
    service = make_service(
        real_provider, oidc_scopes=SCOPES, oidc_only=True, oidc_admin_groups="curators"
    )
    client = service.app.test_client()
    assert client.get("/api/v1/auth/ways").get_json()["password"] is False
    right = {"username": "admin", "password": PASSWORD}
    answer = client.post("/api/v1/auth/login", json=right)
    assert (answer.status_code, answer.get_json()["code"]) == (403, "forbidden")
    admin = Caller(client, service.admin_token)
    address = admin("POST", "/users", 201, json={"name": "eve"})["link"]
    token = query_of(address)["token"]
    assert client.post("/api/v1/auth/link", json={"token": token}).status_code == 403
    address = admin("POST", "/users", 201, json={"name": "zoe", "role": "admin"})["link"]
    token = query_of(address)["token"]
    assert client.post("/api/v1/auth/link", json={"token": token}).status_code == 200
    assert come_in(service, "ada").name() == "ada"


def test_who_has_an_account_links_an_identity_and_comes_in_by_it(
    make_service: Made, real_provider: str
) -> None:
    service = make_service(real_provider, oidc_scopes=SCOPES)
    mine = Browser(service)
    right = {"username": "admin", "password": PASSWORD}
    assert mine.client.post("/api/v1/auth/login", json=right).status_code == 200
    address = mine.client.post("/api/v1/auth/oidc/link", json={}).get_json()["address"]
    back = mine.client.get(sign_in_at(address, "ada"))
    assert (back.status_code, back.headers["Location"]) == (302, "/settings")
    listed = mine.client.get("/api/v1/auth/identities").get_json()
    assert [each["shown"] for each in listed["items"]] == ["ada@museum.example"]
    assert listed["groups"] == ["curators", "staff"]
    assert come_in(service, "ada").name() == "admin"

    bob = come_in(service, "bob")  # who has one of his own: it does not become another's
    address = mine.client.post("/api/v1/auth/oidc/link", json={}).get_json()["address"]
    taken = mine.client.get(sign_in_at(address, "bob"))
    assert taken.headers["Location"] == "/settings"
    assert "somebody else here" in mine.problem()["message"]
    assert bob.client.get("/api/v1/auth/identities").get_json()["items"][0]["shown"]

    last = bob.client.get("/api/v1/auth/identities").get_json()["items"][0]["id"]
    refused = bob.client.delete(f"/api/v1/auth/identities/{last}")
    assert (refused.status_code, refused.get_json()["code"]) == (409, "conflict")
    own = listed["items"][0]["id"]
    assert bob.client.delete(f"/api/v1/auth/identities/{own}").status_code == 404
    assert mine.client.delete(f"/api/v1/auth/identities/{own}").status_code == 204
    assert groups_of(service, "admin") == set()
    assert come_in(service, "ada").name() == "ada"


def test_a_link_that_another_began_does_not_bind_his_identity_to_my_account(
    make_service: Made, real_provider: str
) -> None:
    service = make_service(real_provider, oidc_scopes=SCOPES)
    mine, eve = Browser(service), Browser(service)
    right = {"username": "admin", "password": PASSWORD}
    mine.client.post("/api/v1/auth/login", json=right)
    eve.client.post("/api/v1/auth/login", json=right)
    address = eve.client.post("/api/v1/auth/oidc/link", json={}).get_json()["address"]
    back = sign_in_at(address, "bob")
    assert mine.client.get(back).headers["Location"] == "/signin"  # no cookie of this flow
    eve.client.post("/api/v1/auth/logout")
    assert eve.client.get(back).headers["Location"] == "/settings"
    assert "signed in meanwhile" in eve.problem()["message"]
    with service.services.readers() as session:
        assert session.query(Identity).count() == 0
    script = Caller(service.app.test_client(), service.admin_token)
    assert script("POST", "/auth/oidc/link", 403, json={})["code"] == "forbidden"


def test_a_group_has_a_role_in_a_dataset_until_one_leaves_the_group(
    make_service: Made, real_provider: str, database: dict[str, str]
) -> None:
    service = make_service(real_provider, oidc_scopes=SCOPES, **database)
    admin = Caller(service.app.test_client(), service.admin_token)
    dataset = admin.dataset("Cats")
    admin("PUT", f"/datasets/{dataset}/everyone", json={"role": None})
    ada, bob = (come_in(service, login).client for login in ("ada", "bob"))
    place = f"/api/v1/datasets/{dataset}"
    assert ada.get(place).status_code == 404
    given = admin("PUT", f"/datasets/{dataset}/groups/curators", json={"role": "manager"})
    assert [(each["name"], each["role"], each["people"]) for each in given["items"]] == [
        ("curators", "manager", 1)
    ]
    admin("PUT", f"/datasets/{dataset}/groups/staff", json={"role": "viewer"})
    assert ada.patch(place, json={"name": "Dogs"}).status_code == 200  # the higher of two groups
    assert bob.patch(place, json={"name": "Birds"}).status_code == 403
    assert [each["id"] for each in bob.get("/api/v1/datasets").get_json()["items"]] == [dataset]
    assert ada.put(f"{place}/groups/all", json={"role": "viewer"}).status_code == 403
    admin("PUT", f"/datasets/{dataset}/groups/staff", 400, json={"role": "owner"})
    admin("PUT", f"/datasets/{dataset}/members/bob", json={"role": "owner"})
    assert bob.patch(place, json={"name": "Birds"}).status_code == 200
    with service.services.sessions() as session:
        enter(session, ProvidedPerson(real_provider, "ada", "ada", "ada"))
    service.services.roles.forget()
    assert ada.get(place).status_code == 404
    assert ada.get("/api/v1/datasets").get_json()["items"] == []
    admin("DELETE", f"/datasets/{dataset}/members/bob")
    assert bob.get(place).status_code == 200
    admin("DELETE", f"/datasets/{dataset}/groups/staff")
    admin("DELETE", f"/datasets/{dataset}/groups/staff", 404)
    assert bob.get(place).status_code == 404


def test_who_is_disabled_or_removed_stays_out(make_service: Made, real_provider: str) -> None:
    service = make_service(real_provider, oidc_scopes=SCOPES)
    admin = Caller(service.app.test_client(), service.admin_token)
    come_in(service, "ada")
    ids = {each["name"]: each["id"] for each in admin("GET", "/users")["items"]}
    admin("PATCH", f"/users/{ids['ada']}", json={"disabled": True})
    ada = come_in(service, "ada")
    assert ada.name() is None
    assert "disabled" in ada.problem()["message"]
    with service.services.readers() as session:
        last = session.query(AuditEvent).order_by(AuditEvent.id.desc()).first()
        assert last is not None
        assert (last.act, last.details["shown"]) == ("session.refuse", "ada@museum.example")
    admin("DELETE", f"/users/{ids['ada']}", 204)
    assert come_in(service, "ada").name() is None  # and gets no new account
    with service.services.readers() as session:
        assert session.query(User).count() == 2


@pytest.mark.parametrize(
    ("wanted", "called"),
    [
        ("cleo", "cleo"), ("admin", "person"), ("me", "me-2"), ("", "person"), ("a\x00b\n c", "ab c"),
        ("аdmin", "person"), ("x" * 200, "x" * 71),
    ],
)  # fmt: skip
def test_a_new_account_is_called_as_it_is_there_if_that_may_be(
    service: Service, wanted: str, called: str
) -> None:
    with service.services.sessions() as session:
        assert enter(session, ProvidedPerson("https://x", wanted, wanted, "x")).name == called


def test_the_last_administrator_stays_one(make_service: Made, real_provider: str) -> None:
    service = make_service(real_provider)
    mine = ProvidedPerson(real_provider, "me", "me", "me", is_admin=False)
    with service.services.sessions() as session:
        admin = session.query(User).one()
        link(session, admin.id, mine)
        assert enter(session, mine).role == "admin"
        make_user(session, "zoe", "admin")
        assert enter(session, mine).role == "member"


def test_two_first_sign_ins_at_once_make_one_account(
    make_service: Made, database: dict[str, str], real_provider: str
) -> None:
    service = make_service(real_provider, **database)
    given = ProvidedPerson(real_provider, "somebody", "cleo", "cleo")
    found: list[str] = []

    def come() -> None:
        with service.services.sessions() as session:
            found.append(enter(session, given).name)

    threads = [threading.Thread(target=come) for _ in range(6)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert found == ["cleo"] * 6


def test_signing_out_here_offers_to_sign_out_there(make_service: Made, real_provider: str) -> None:
    service = make_service(real_provider, oidc_scopes=SCOPES)
    browser = come_in(service, "ada")
    assert browser.client.post("/api/v1/auth/logout").status_code == 204
    assert browser.name() is None
    there = browser.client.get("/api/v1/auth/oidc/sign-out").headers["Location"]
    assert urlsplit(there).path == "/session/end"
    assert query_of(there)["post_logout_redirect_uri"] == "http://127.0.0.1:8000/signin"
    assert httpx.get(there).status_code == 200  # it asks whether one really wants to
