"""A flood of sign-ins: what it may take, and what it may not."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from api.people.sign_in.limit import OF_LINKS, OF_NAME, OF_PAIR, SignInLimit
from api.people.sign_in.line import SignInLine
from api.people.sign_in.sign_ins import SignIns
from api.people.sign_in.visitor import COOKIE, Visitor
from common.db.tables import User
from common.errors import TooManyRequests, Unauthorized
from common.people import credentials
from tests.api.conftest import PASSWORD, Caller, Service, wait_until

LOGIN = "/api/v1/auth/login"
HERE = Visitor("127.0.0.1")


@pytest.fixture
def hashing(monkeypatch: pytest.MonkeyPatch) -> threading.Semaphore:
    """Passwords are hashed as often as this is released."""
    turns = threading.Semaphore(0)
    verify = credentials.verify_password

    def wait_and_verify(password: str, stored: str | None) -> bool:
        assert turns.acquire(timeout=60)
        return verify(password, stored)

    monkeypatch.setattr(credentials, "verify_password", wait_and_verify)
    return turns


def sign_in(client: FlaskClient, password: str, name: str = "admin") -> int:
    return client.post(LOGIN, json={"username": name, "password": password}).status_code


def fail(service: Service, visitor: Visitor, times: int, name: str = "admin") -> None:
    """As if so many sign-ins had failed."""
    for _ in range(times):
        with (
            contextlib.suppress(TooManyRequests),
            SignInLimit(service.services.queue.redis).count(visitor, name),
        ):
            pass


def refused(call: Caller, reason: str) -> float:
    """How many sign-ins were refused for a reason, as /metrics tells."""
    lines = call("GET", "/metrics").decode().splitlines()
    name = f'clip_browser_sign_ins_refused_total{{reason="{reason}"}} '
    return next((float(line.removeprefix(name)) for line in lines if line.startswith(name)), 0.0)


def test_whoever_comes_when_the_line_is_full_is_told_when_to_come_again() -> None:
    line = SignInLine(places=4, at_once=1)
    with line.place("a"), line.place("a"):
        with pytest.raises(TooManyRequests), line.place("a"):
            pass  # one client takes half of it
        with line.place("b"), line.place("c"):
            with pytest.raises(TooManyRequests) as caught, line.place("d"):
                pass
            assert caught.value.details == {"reason": "line", "retry_after_s": 3}
    with line.place("a"), line.place("a"), line.place("d"), line.place("d"):
        pass


def test_hashing_steps_back_and_so_do_the_threads_that_argon2_starts() -> None:
    def niceness() -> int:
        fields = open(f"/proc/self/task/{threading.get_native_id()}/stat").read().rpartition(")")[2]
        return int(fields.split()[16])

    here = niceness()
    assert SignInLine(2, 1).in_turn(niceness) > here
    assert niceness() == here


def test_a_flood_waits_in_a_short_line_and_the_rest_is_refused_at_once(
    service: Service, call: Caller, hashing: threading.Semaphore
) -> None:
    service.services.sign_ins._strangers = SignInLine(places=4, at_once=2)
    with ThreadPoolExecutor(12) as people:
        trying = [
            people.submit(sign_in, service.app.test_client(), "wrong", f"name {number}")
            for number in range(12)
        ]
        wait_until(lambda: sum(one.done() for one in trying) == 10)
        call("GET", "/datasets")  # at work
        wait_until(lambda: service.engine.pool.checkedout() == 0)  # type: ignore[attr-defined]
        hashing.release(2)
    assert sorted(one.result() for one in trying) == [401] * 2 + [429] * 10
    assert (refused(call, "line"), refused(call, "wrong"), refused(call, "failures")) == (10, 2, 0)
    hashing.release()
    assert sign_in(service.app.test_client(), "wrong", "x") == 401


def test_of_sixty_guesses_at_once_no_more_are_checked_than_may_fail(
    service: Service, call: Caller, hashing: threading.Semaphore
) -> None:
    """Through two lines, as of two processes, so that several are hashed at the same time."""
    services = service.services
    for line in (services.sign_ins, second := SignIns(
        services.readers, services.sessions, services.queue.redis, 8, services.second_factors
    )):  # fmt: skip
        line._strangers = SignInLine(places=2 * 60, at_once=4)
    hashing.release(100)

    def guess(number: int) -> str:
        try:
            (services.sign_ins, second)[number % 2].by_password(HERE, "admin", "wrong")
        except (Unauthorized, TooManyRequests) as refused:
            return refused.code
        return "let in"

    with ThreadPoolExecutor(60) as people:
        answers = list(people.map(guess, range(60)))
    hashed = 100 - sum(hashing.acquire(blocking=False) for _ in range(100))
    assert hashed == answers.count("unauthorized") == OF_PAIR
    assert answers.count("too_many_requests") == 60 - OF_PAIR


def test_links_that_nobody_made_are_looked_up_so_often_only(service: Service) -> None:
    client = service.app.test_client()
    tries = [
        client.post("/api/v1/auth/link", json={"token": "nonsense"}).status_code
        for _ in range(OF_LINKS + 1)
    ]
    assert tries == [401] * OF_LINKS + [429]


def test_a_known_browser_gets_in_while_its_name_is_tried_from_everywhere(
    service: Service, hashing: threading.Semaphore
) -> None:
    known, strange = service.app.test_client(), service.app.test_client()
    hashing.release(3)
    assert sign_in(known, PASSWORD) == 200
    service.services.queue.redis.delete(*service.services.queue.redis.keys("*signed-in*"))
    for number in range(OF_NAME):
        fail(service, Visitor(f"192.0.2.{number}"), 1)
    assert sign_in(strange, PASSWORD) == 429
    assert sign_in(known, PASSWORD) == 200


def test_a_browser_that_has_signed_in_is_let_in_beside_a_flood_from_its_own_address(
    service: Service, hashing: threading.Semaphore
) -> None:
    known = service.app.test_client()
    hashing.release()
    assert sign_in(known, PASSWORD) == 200
    known.post("/api/v1/auth/logout")
    service.services.sign_ins._strangers = SignInLine(places=2, at_once=1)
    with ThreadPoolExecutor(4) as people:
        flood = [people.submit(sign_in, service.app.test_client(), "wrong") for _ in range(4)]
        wait_until(lambda: sum(one.done() for one in flood) == 3)
        assert sign_in(service.app.test_client(), PASSWORD) == 429
        hashing.release(2)  # the one in the line, and ours
        assert sign_in(known, PASSWORD) == 200
    hashing.release(2)
    fail(service, HERE, OF_PAIR)
    assert sign_in(service.app.test_client(), PASSWORD) == 429
    assert sign_in(known, PASSWORD) == 200
    assert sign_in(known, "wrong", "eve") == 401  # as eve it is a stranger


def _with_another_signature(mark: str) -> str:
    """Its first letter: of the last one only four of six bits count."""
    signed, signature = mark.rsplit(".", 1)
    return f"{signed}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}"


@pytest.mark.parametrize("alter", [_with_another_signature, lambda _: "WyJhIixbImFkbWluIl1d.x"])
def test_the_mark_of_a_known_browser_cannot_be_forged(
    service: Service, alter: Callable[[str], str]
) -> None:
    known = service.app.test_client()
    assert sign_in(known, PASSWORD) == 200
    cookie = known.get_cookie(COOKIE, path="/api/v1/auth")
    assert cookie is not None
    assert cookie.http_only
    forger = service.app.test_client()
    forger.set_cookie(COOKIE, alter(cookie.value), path="/api/v1/auth")
    fail(service, HERE, OF_PAIR)
    assert sign_in(forger, PASSWORD) == 429
    assert sign_in(known, PASSWORD) == 200


def test_the_answer_says_when_to_come_again(service: Service) -> None:
    fail(service, HERE, OF_PAIR)
    given = {"username": "admin", "password": PASSWORD}
    answer = service.app.test_client().post(LOGIN, json=given)
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 60
    assert answer.get_json()["details"]["retry_after_s"] == int(answer.headers["Retry-After"])
    assert answer.headers["Retry-After"] in answer.get_json()["remedy"]


def test_links_that_nobody_made_do_not_wait_for_those_who_save(any_service: Service) -> None:
    client = any_service.app.test_client()
    with any_service.services.sessions() as saving:  # on SQLite the one writer
        saving.execute(select(User).with_for_update())
        answer = client.post("/api/v1/auth/link", json={"token": "nonsense"})
    assert answer.status_code == 401


def test_nobody_sends_much_before_he_has_signed_in(service: Service) -> None:
    client = service.app.test_client()
    given = {"username": "admin", "password": "x" * 20_000}
    assert client.post(LOGIN, json=given).status_code == 413
    assert client.post("/api/v1/auth/link", json={"token": "x" * 20_000}).status_code == 413
