"""What a provider, or somebody in its place, may send, and who gets in by it: nobody."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from api.people.oidc import provider
from common.db.tables import AuditEvent, Identity, User
from tests.api.conftest import Service
from tests.api.people.oidc.conftest import CLIENT_ID, CLIENT_SECRET, Browser, Forger, Made, query_of

Lied = tuple[Service, Forger]


def begin(service: Service, forger: Forger) -> tuple[Service, Browser, dict[str, str]]:
    """A browser that was sent to the provider."""
    browser = Browser(service)
    sent = browser.start()
    forger.nonce = sent["nonce"]
    return service, browser, sent


def refused(service: Service, browser: Browser) -> dict[str, str]:
    """Nobody is in, nobody was made, and the sign-in page says why."""
    assert browser.name() is None
    with service.services.readers() as session:
        assert session.query(User).count() == 1
        assert session.query(Identity).count() == 0
    return browser.problem()


def test_the_right_answer_gets_in(lied_to: Lied) -> None:
    (_, forger), (service, browser, sent) = lied_to, begin(*lied_to)
    assert sent["response_type"] == "code"
    assert sent["code_challenge_method"] == "S256"
    assert sent["scope"] == "openid profile email"
    assert sent["redirect_uri"] == "http://127.0.0.1:8000/api/v1/auth/oidc/callback"
    back = browser.come_back(
        state=sent["state"], code=forger.code, session_state="x", iss=forger.issuer
    )
    assert (back.status_code, back.headers["Location"]) == (302, "/")
    assert browser.name() == "ada"
    assert browser.client.get("/api/v1/auth/me").get_json()["origin"] == "oidc"
    with service.services.readers() as session:
        act = session.query(AuditEvent).one()
        assert (act.act, act.actor, act.details["by"]) == ("session.begin", "ada", "oidc")


OTHER_KEY = RSAKey.generate_key(2048)


class Moment(int):
    """Seconds from when a test uses it, which may be half an hour after this file was read."""


WRONG_CLAIMS: dict[str, dict[str, Any]] = {
    "another nonce": {"nonce": "another"},
    "no nonce": {"nonce": None},
    "another issuer": {"iss": "https://evil.example"},
    "no issuer": {"iss": None},
    "another audience": {"aud": "another-service"},
    "no audience": {"aud": None},
    "two audiences, made for the other": {"aud": [CLIENT_ID, "other"], "azp": "other"},
    "two audiences, nobody's": {"aud": [CLIENT_ID, "other"]},
    "expired": {"iat": Moment(-900), "exp": Moment(-600)},
    "never expires": {"exp": None},
    "expires at no number": {"exp": "tomorrow"},
    "from the future": {"iat": Moment(900), "exp": Moment(1800)},
    "no subject": {"sub": None},
    "an empty subject": {"sub": ""},
    "a subject that is a number": {"sub": 7},
    "a subject too long": {"sub": "x" * 256},
    "of another access token": {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"},
}


@pytest.mark.parametrize("change", WRONG_CLAIMS.values(), ids=WRONG_CLAIMS)
def test_an_id_token_with_a_wrong_claim_is_refused(lied_to: Lied, change: dict[str, Any]) -> None:
    (_, forger), (service, browser, sent) = lied_to, begin(*lied_to)
    began = int(time.time())
    forger.change = {
        name: began + value if isinstance(value, Moment) else value
        for name, value in change.items()
    }
    back = browser.come_back(state=sent["state"], code=forger.code)
    assert back.headers["Location"] == "/signin"
    assert "Museum" in refused(service, browser)["message"]


def _none(header: dict[str, Any], claims: dict[str, Any]) -> str:
    parts = [json.dumps({"alg": "none", "typ": "JWT"}), json.dumps(claims)]
    return (
        ".".join(base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts)
        + "."
    )


def _by_the_client_secret(header: dict[str, Any], claims: dict[str, Any]) -> str:
    return jwt.encode(
        {"alg": "HS256"}, claims, OctKey.import_key(CLIENT_SECRET), algorithms=["HS256"]
    )


def _by_a_key_it_brings_along(header: dict[str, Any], claims: dict[str, Any]) -> str:
    jwk = OTHER_KEY.as_dict(private=False)
    return jwt.encode({"alg": "RS256", "jwk": jwk}, claims, OTHER_KEY, algorithms=["RS256"])


def _by_another_key_of_that_name(header: dict[str, Any], claims: dict[str, Any]) -> str:
    return jwt.encode(header, claims, OTHER_KEY, algorithms=["RS256"])


def _changed_afterwards(header: dict[str, Any], claims: dict[str, Any]) -> str:
    head, _, signature = jwt.encode(header, claims, OTHER_KEY, algorithms=["RS256"]).split(".")
    body = base64.urlsafe_b64encode(json.dumps({**claims, "sub": "admin"}).encode()).decode()
    return f"{head}.{body.rstrip('=')}.{signature}"


FORGERIES = {
    "alg none": _none,
    "HS256 with the client's secret": _by_the_client_secret,
    "a key of its own in the header": _by_a_key_it_brings_along,
    "another key under a known name": _by_another_key_of_that_name,
    "changed after it was signed": _changed_afterwards,
    "no token": lambda header, claims: "nonsense",
    "three dots": lambda header, claims: "...",
}


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES)
def test_an_id_token_that_the_provider_has_not_signed_is_refused(lied_to: Lied, forge: Any) -> None:
    (_, forger), (service, browser, sent) = lied_to, begin(*lied_to)
    forger.sign = forge
    browser.come_back(state=sent["state"], code=forger.code)
    assert "cannot be trusted" in refused(service, browser)["message"]


def test_an_answer_to_another_browser_or_to_none_is_refused(lied_to: Lied) -> None:
    (_, forger), (service, browser, sent) = lied_to, begin(*lied_to)
    for state in ("", "another", sent["state"] + "x"):
        browser.start()  # a new cookie, another state
        browser.come_back(state=state, code=forger.code)
        assert "not begun in this browser" in refused(service, browser)["message"]
    stranger = Browser(service)  # gets the victim's whole address, or sends his own to the victim
    stranger.come_back(state=sent["state"], code=forger.code)
    assert "not begun in this browser" in refused(service, stranger)["message"]
    forged = Browser(service)
    forged.client.set_cookie("clip_browser_oidc", '{"state":"x"}', path="/api/v1/auth/oidc")
    forged.come_back(state="x", code=forger.code)
    assert "not begun in this browser" in refused(service, forged)["message"]
    assert "/token" not in forger.asked


def test_an_answer_works_once(lied_to: Lied) -> None:
    (_, forger), (service, browser, sent) = lied_to, begin(*lied_to)
    cookie = browser.client.get_cookie("clip_browser_oidc", path="/api/v1/auth/oidc")
    assert cookie is not None
    browser.come_back(state=sent["state"], code=forger.code)
    assert browser.name() == "ada"
    assert browser.client.get_cookie("clip_browser_oidc", path="/api/v1/auth/oidc") is None
    thief = Browser(service)  # who has the cookie as well: the provider takes no code twice
    thief.client.set_cookie("clip_browser_oidc", cookie.value, path="/api/v1/auth/oidc")
    thief.come_back(state=sent["state"], code="the code")
    assert thief.name() is None
    assert "invalid_grant" in thief.problem()["message"]


def test_an_answer_in_the_name_of_another_provider_is_refused(lied_to: Lied) -> None:
    (_, forger), (service, browser, sent) = lied_to, begin(*lied_to)
    browser.come_back(state=sent["state"], code=forger.code, iss="https://evil.example")
    assert "another provider" in refused(service, browser)["message"]
    assert "/token" not in forger.asked


def test_what_the_provider_refuses_is_said_in_words_once(lied_to: Lied) -> None:
    service, browser, sent = begin(*lied_to)
    browser.come_back(state=sent["state"], error="access_denied")
    assert refused(service, browser)["message"] == "Museum did not let you in, or you went back."
    assert browser.client.get("/api/v1/auth/ways").get_json()["problem"] is None
    sent = browser.start()
    browser.come_back(
        state=sent["state"], error="server_error", error_description="sorry\n<b>" + "x" * 900
    )
    assert refused(service, browser)["message"].startswith("Museum refused: server_error: sorry<b>")
    with service.services.readers() as session:
        assert session.query(AuditEvent).count() == 0  # or any stranger could fill the log


@pytest.mark.parametrize(
    ("wanted", "given"),
    [
        ("/d/birds?page=2", "/d/birds?page=2"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example", "/"),
        ("/\t/evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("/signin?token=x", "/"),
        ("/api/v1/auth/oidc/start", "/"),
        ("/" + "x" * 1500, "/"),
    ],
)
def test_afterwards_one_is_on_a_page_of_this_site(lied_to: Lied, wanted: str, given: str) -> None:
    service, forger = lied_to
    browser = Browser(service)
    sent = browser.start(wanted)
    forger.nonce = sent["nonce"]
    back = browser.come_back(state=sent["state"], code=forger.code)
    assert back.headers["Location"] == given
    assert browser.name() == "ada"


def test_a_key_that_came_after_the_last_look_is_found(
    make_service: Made, forger: Forger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.people.oidc.provider.KEYS_AGAIN_S", 0.0)
    service, browser, sent = begin(make_service(forger.issuer), forger)
    browser.come_back(state=sent["state"], code=forger.code)
    assert browser.name() == "ada"
    forger.listed = [forger.key, ECKey.generate_key("P-256", {"kid": "two"})]
    forger.key = forger.listed[1]
    forger.header, forger.code = {"alg": "ES256", "kid": "two"}, "next"
    again = Browser(service)
    sent = again.start()
    forger.nonce = sent["nonce"]
    again.come_back(state=sent["state"], code="next")
    assert again.name() == "ada"


def test_userinfo_of_somebody_else_is_refused(make_service: Made, forger: Forger) -> None:
    forger.userinfo = {"sub": "eve's id", "groups": ["admins"]}
    service, browser, sent = begin(make_service(forger.issuer), forger)
    forger.change = {"groups": None}
    browser.come_back(state=sent["state"], code=forger.code)
    assert "somebody else" in refused(service, browser)["message"]


def test_a_provider_that_is_silent_or_another_is_said_in_words(
    make_service: Made, forger: Forger, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert provider.SILENT_S == 5
    monkeypatch.setattr(provider, "SILENT_S", 3600.0)  # however long the flood takes
    service = make_service(forger.issuer)
    forger.metadata = {"issuer": "https://another.example"}
    browser = Browser(service)
    response = browser.client.get("/api/v1/auth/oidc/start")
    assert response.headers["Location"] == "/signin"
    assert "https://another.example" in browser.problem()["message"]
    asked = len(forger.asked)
    for _ in range(20):  # a flood asks it no more than once in that time
        assert browser.client.get("/api/v1/auth/oidc/start").headers["Location"] == "/signin"
    assert len(forger.asked) == asked
    assert "does not answer" in browser.problem()["message"]


def test_without_a_provider_there_is_no_way_by_it(service: Service) -> None:
    client = service.app.test_client()
    ways = client.get("/api/v1/auth/ways").get_json()
    assert ways == {"password": True, "provider": None, "problem": None}
    for path in ("start", "callback", "sign-out"):
        answer = client.get(f"/api/v1/auth/oidc/{path}")
        assert answer.status_code == 404
        assert "CLIP_BROWSER_OIDC_ISSUER" in answer.get_json()["remedy"]


def test_a_client_without_basic_sends_its_secret_in_the_body(
    make_service: Made, forger: Forger
) -> None:
    forger.metadata = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    _, browser, sent = begin(make_service(forger.issuer), forger)
    browser.come_back(state=sent["state"], code=forger.code)
    assert browser.name() == "ada"
    assert forger.last_form["client_secret"] == CLIENT_SECRET
    assert forger.last_form["code_verifier"]
    assert query_of("?" + "&".join(f"{k}={v}" for k, v in sent.items()))["code_challenge"]
