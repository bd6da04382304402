"""A code besides the password: set up, asked for, used once, lost and reset."""

from __future__ import annotations

import threading

import pyotp
import pytest
from argon2 import PasswordHasher
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from common.db.tables import AuditEvent, RecoveryCode, SecondFactor
from common.people import credentials, second_factors
from common.people.second_factors import SecondFactors
from tests.api.conftest import PASSWORD, Caller, Service

FACTOR = "/api/v1/auth/second-factor"


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords are hashed with less, as each test signs in many times."""
    less = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1)
    monkeypatch.setattr(credentials, "HASHER", less)


class Clock:
    """The service's clock, which a test turns."""

    def __init__(self, service: Service) -> None:
        self.now_s = 1_800_000_000.0
        service.services.second_factors._clock = lambda: self.now_s

    def code(self, secret: str, steps: int = 0) -> str:
        """What the app shows, some steps of 30 s away."""
        return pyotp.TOTP(secret).at(int(self.now_s) + steps * 30)


def log_in(service: Service, code: str | None = None, password: str = PASSWORD) -> TestResponse:
    """By password in a new browser, with a code or without."""
    body = {"username": "admin", "password": password} | ({"otp": code} if code else {})
    return service.app.test_client().post("/api/v1/auth/login", json=body)


def switch_on(service: Service, clock: Clock) -> tuple[FlaskClient, str, list[str]]:
    """(a browser that has signed in, the secret, recovery codes) with a second factor for the administrator."""
    client = service.app.test_client()
    assert client.post(
        "/api/v1/auth/login", json={"username": "admin", "password": PASSWORD}
    ).is_json
    made = client.post(FACTOR).get_json()
    answer = client.post(f"{FACTOR}/confirm", json={"code": clock.code(made["secret"])})
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return client, made["secret"], answer.get_json()["codes"]


def test_a_code_is_asked_for_after_the_right_password_alone(any_service: Service) -> None:
    clock = Clock(any_service)
    client, secret, codes = switch_on(any_service, clock)
    assert client.get(FACTOR).get_json() == {"is_on": True, "recovery_codes": 10}
    assert len({*codes}) == 10
    asked = log_in(any_service)
    assert (asked.status_code, asked.get_json()["code"]) == (401, "second_factor_needed")
    assert "Set-Cookie" not in asked.headers
    assert asked.get_json()["details"] == {"field": "otp"}
    wrong = log_in(any_service, password="wrong")
    assert wrong.get_json()["code"] == "unauthorized"  # as for anybody: tells nothing of the factor
    clock.now_s += 30
    assert log_in(any_service, clock.code(secret)).status_code == 200
    with any_service.services.readers() as session:
        acts = [each.act for each in session.query(AuditEvent).order_by(AuditEvent.id)]
    assert acts == ["session.begin", "second-factor.begin", "session.refuse", "session.begin"]


def test_a_code_works_once_and_near_its_time_alone(service: Service) -> None:
    clock = Clock(service)
    _, secret, _ = switch_on(service, clock)
    assert log_in(service, clock.code(secret)).status_code == 401  # the one it was confirmed by
    clock.now_s += 300
    assert log_in(service, clock.code(secret, -2)).status_code == 401
    assert log_in(service, clock.code(secret, 2)).status_code == 401
    shown = clock.code(secret)
    assert log_in(service, f"{shown[:3]} {shown[3:]}").status_code == 200
    assert log_in(service, clock.code(secret)).status_code == 401
    assert (
        log_in(service, clock.code(secret, -1)).status_code == 401
    )  # older than one that was used
    assert log_in(service, clock.code(secret, 1)).status_code == 200


def test_of_many_who_come_with_one_code_at_once_one_gets_in(any_service: Service) -> None:
    clock = Clock(any_service)
    _, secret, codes = switch_on(any_service, clock)
    clock.now_s += 60
    factors = any_service.services.second_factors
    with any_service.services.readers() as session:
        user_id = session.query(SecondFactor).one().user_id
    for code in (clock.code(secret), codes[0]):
        entered: list[int] = []

        def come(code: str = code, entered: list[int] = entered) -> None:
            try:
                factors.require(user_id, code)
                entered.append(1)
            except second_factors.Unauthorized:
                pass

        threads = [threading.Thread(target=come) for _ in range(8)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert entered == [1]


def test_a_recovery_code_does_as_well_once(service: Service) -> None:
    clock = Clock(service)
    client, secret, codes = switch_on(service, clock)
    assert log_in(service, codes[0].upper().replace("-", " ")).status_code == 200
    assert log_in(service, codes[0]).status_code == 401
    assert client.get(FACTOR).get_json()["recovery_codes"] == 9
    clock.now_s += 60
    renewed = client.post(f"{FACTOR}/recovery-codes", json={"code": clock.code(secret)})
    assert log_in(service, codes[1]).status_code == 401
    assert log_in(service, renewed.get_json()["codes"][1]).status_code == 200
    with service.services.readers() as session:
        stored = {each.code_hash for each in session.query(RecoveryCode)}
    assert not stored & {*codes, *renewed.get_json()["codes"]}


def test_wrong_codes_count_as_wrong_passwords_do(service: Service) -> None:
    switch_on(service, Clock(service))
    statuses = [log_in(service).status_code for _ in range(12)]
    assert statuses == [401] * 12  # half way in is no failure
    statuses = [log_in(service, "000000").status_code for _ in range(11)]
    assert statuses == [401] * 10 + [429]


def test_after_a_hundred_wrong_codes_only_a_recovery_code_gets_in(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(second_factors, "MAX_WRONG", 4)
    clock = Clock(service)
    _, secret, codes = switch_on(service, clock)
    clock.now_s += 60
    for _ in range(4):
        assert log_in(service, "000000").status_code == 401
    refused = log_in(service, clock.code(secret))
    assert refused.status_code == 401
    assert "recovery code" in refused.get_json()["remedy"]
    assert log_in(service, codes[3]).status_code == 200
    assert log_in(service, clock.code(secret)).status_code == 200


def test_it_counts_once_it_is_confirmed_and_ends_by_a_code(service: Service) -> None:
    clock = Clock(service)
    client = service.app.test_client()
    client.post("/api/v1/auth/login", json={"username": "admin", "password": PASSWORD})
    begun = client.post(FACTOR).get_json()
    assert begun["address"].startswith("otpauth://totp/CLIP%20Browser:admin?secret=")
    assert len(begun["qr"]) == len(begun["qr"][0]) >= 21
    assert {*"".join(begun["qr"])} == {"0", "1"}
    assert log_in(service).status_code == 200
    again = client.post(FACTOR).get_json()
    assert again["secret"] != begun["secret"]
    old = client.post(f"{FACTOR}/confirm", json={"code": clock.code(begun["secret"])})
    assert (old.status_code, old.get_json()["code"]) == (400, "invalid_input")
    new = client.post(f"{FACTOR}/confirm", json={"code": clock.code(again["secret"])})
    assert new.status_code == 200
    assert client.post(FACTOR).status_code == 409
    clock.now_s += 60
    assert client.post(f"{FACTOR}/off", json={"code": "000000"}).status_code == 400
    off = client.post(f"{FACTOR}/off", json={"code": clock.code(again["secret"])})
    assert off.status_code == 204
    assert log_in(service).status_code == 200
    assert client.post(f"{FACTOR}/off", json={"code": "000000"}).status_code == 409


def test_an_api_token_changes_nothing_of_it(service: Service, call: Caller) -> None:
    for path in ("", "/confirm", "/recovery-codes", "/off"):
        body = {} if path == "" else {"json": {"code": "000000"}}
        call("POST", f"/auth/second-factor{path}", 403, **body)


def test_an_administrator_resets_it_for_who_has_lost_it(service: Service, call: Caller) -> None:
    switch_on(service, Clock(service))
    assert [each["name"] for each in call("GET", "/second-factors")["items"]] == ["admin"]
    ada = service.person("ada")
    ada("GET", "/second-factors", 403)
    ids = {each["name"]: each["id"] for each in call("GET", "/users")["items"]}
    ada("DELETE", f"/users/{ids['admin']}/second-factor", 403)
    call("DELETE", f"/users/{ids['ada']}/second-factor", 404)
    call("DELETE", f"/users/{ids['admin']}/second-factor", 204)
    assert log_in(service).status_code == 200
    assert call("GET", "/second-factors")["items"] == []


def test_the_secret_is_stored_encrypted_for_its_person_alone(service: Service) -> None:
    clock = Clock(service)
    _, secret, codes = switch_on(service, clock)
    clock.now_s += 60
    with service.services.sessions() as session:
        row = session.query(SecondFactor).one()
        assert secret not in row.secret
        moved = SecondFactor(user_id=row.user_id, secret=row.secret)
    service.services.second_factors._open(moved)
    moved.user_id += 1
    with pytest.raises(second_factors.Unauthorized, match="SECRET_KEY"):
        service.services.second_factors._open(moved)
    other = SecondFactors(
        service.services.readers, service.services.sessions, "another secret key", lambda: 0.0
    )
    with pytest.raises(second_factors.Unauthorized, match="SECRET_KEY"):
        other.require(moved.user_id - 1, "000000")
    other.require(moved.user_id - 1, codes[0])  # a recovery code needs no key
