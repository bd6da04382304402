"""Failed sign-ins, counted for all servers of one Redis."""

from __future__ import annotations

import time

import pytest
import redis as redis_client
from limits import RateLimitItemPerSecond

from api.people import sign_in_limit
from api.people.sign_in_limit import OF_CLIENT, OF_NAME, OF_PAIR, SignInLimit
from api.people.sign_ins import SignIns
from api.people.visitor import Visitor
from tests.api.conftest import PASSWORD, Service

HOME, AWAY = Visitor("10.0.0.1"), Visitor("10.0.0.2")


def test_failures_count_for_all_servers_and_for_one_name_and_client(service: Service) -> None:
    one, other = (SignInLimit(service.services.queue.redis) for _ in range(2))
    for _ in range(OF_PAIR.amount):
        assert not other.wait_s(HOME, "ada")
        one.note_failure(HOME, "ada")
    assert 0 < one.wait_s(HOME, "ada") <= 60
    assert other.wait_s(HOME, "ada")
    assert not other.wait_s(AWAY, "ada")
    assert not other.wait_s(HOME, "eve")


def test_a_client_that_tries_many_names_is_stopped_for_all_of_them(service: Service) -> None:
    limit = SignInLimit(service.services.queue.redis)
    for number in range(OF_CLIENT.amount):
        assert not limit.wait_s(HOME, f"name {number}")
        limit.note_failure(HOME, f"name {number}")
    assert limit.wait_s(HOME, "ada")
    assert not limit.wait_s(AWAY, "ada")


def test_a_name_tried_from_everywhere_stops_strangers_and_none_who_has_signed_in_before(
    service: Service,
) -> None:
    limit = SignInLimit(service.services.queue.redis)
    limit.note_success(HOME, "admin")
    for number in range(OF_NAME.amount):
        assert not limit.wait_s(AWAY, "admin")
        limit.note_failure(Visitor(f"192.0.2.{number}"), "admin")
    assert limit.wait_s(AWAY, "admin")
    assert not limit.wait_s(AWAY, "ada")
    assert not limit.wait_s(HOME, "admin")
    assert not limit.wait_s(Visitor(AWAY.client, browser="known"), "admin")


def test_who_guesses_beside_a_known_browser_does_not_lock_it_out_and_it_has_its_own_limit(
    service: Service,
) -> None:
    limit = SignInLimit(service.services.queue.redis)
    known = Visitor(HOME.client, browser="known")
    for _ in range(OF_PAIR.amount):
        limit.note_failure(HOME, "ada")
    assert limit.wait_s(HOME, "ada")
    for _ in range(OF_PAIR.amount):
        assert not limit.wait_s(known, "ada")
        limit.note_failure(known, "ada")
    assert limit.wait_s(known, "ada")


def test_a_failure_counts_until_its_minute_has_passed(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sign_in_limit, "OF_PAIR", RateLimitItemPerSecond(2, 1))
    monkeypatch.setattr(sign_in_limit, "OF_CLIENT", RateLimitItemPerSecond(60, 1))
    monkeypatch.setattr(sign_in_limit, "OF_NAME", RateLimitItemPerSecond(300, 1))
    limit = SignInLimit(service.services.queue.redis)
    limit.note_failure(HOME, "ada")
    time.sleep(0.6)
    limit.note_failure(HOME, "ada")
    assert limit.wait_s(HOME, "ada")
    time.sleep(0.5)
    assert not limit.wait_s(HOME, "ada")  # the first one is over
    limit.note_failure(HOME, "ada")
    assert limit.wait_s(HOME, "ada")  # the second is not
    time.sleep(1.1)
    assert not service.services.queue.redis.keys("clip-browser:sign-in:*")


def test_a_redis_that_was_restarted_counts_again(service: Service) -> None:
    limit = SignInLimit(service.services.queue.redis)
    limit.note_failure(HOME, "ada")
    service.services.queue.redis.flushall()
    service.services.queue.redis.script_flush()
    for _ in range(OF_PAIR.amount):
        assert not limit.wait_s(HOME, "ada")
        limit.note_failure(HOME, "ada")
    assert limit.wait_s(HOME, "ada")


def test_without_redis_people_sign_in_and_nothing_is_counted(service: Service) -> None:
    nobody_listens = redis_client.Redis.from_url("redis://127.0.0.1:1/0", socket_timeout=1)
    services = service.services
    without = SignIns(services.readers, services.sessions, nobody_listens, threads=8)
    object.__setattr__(services, "sign_ins", without)
    client = service.app.test_client()
    wrong = {"username": "admin", "password": "wrong"}
    statuses = {client.post("/api/v1/auth/login", json=wrong).status_code for _ in range(11)}
    assert statuses == {401}
    right = {"username": "admin", "password": PASSWORD}
    assert client.post("/api/v1/auth/login", json=right).status_code == 200
