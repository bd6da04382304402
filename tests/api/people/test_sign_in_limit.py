"""Failed sign-ins, counted for all servers of one Redis."""

from __future__ import annotations

import time

import pytest
import redis as redis_client
from limits import RateLimitItemPerSecond

from api.people import sign_in_limit
from api.people.sign_in_limit import FAILURES_PER_MINUTE, SignInLimit
from tests.api.conftest import PASSWORD, Service

HOME, AWAY = "10.0.0.1", "10.0.0.2"


def test_failures_count_for_all_servers_and_for_one_name_and_address(service: Service) -> None:
    one, other = (SignInLimit(service.services.queue.redis) for _ in range(2))
    for _ in range(FAILURES_PER_MINUTE):
        assert not other.is_reached(HOME, "ada")
        one.note_failure(HOME, "ada")
    assert one.is_reached(HOME, "ada")
    assert other.is_reached(HOME, "ada")
    assert not other.is_reached(AWAY, "ada")
    assert not other.is_reached(HOME, "eve")


def test_a_failure_counts_until_its_minute_has_passed(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sign_in_limit, "FAILURES", RateLimitItemPerSecond(2, 1))
    limit = SignInLimit(service.services.queue.redis)
    limit.note_failure(HOME, "ada")
    time.sleep(0.6)
    limit.note_failure(HOME, "ada")
    assert limit.is_reached(HOME, "ada")
    time.sleep(0.5)
    assert not limit.is_reached(HOME, "ada")  # the first one is over
    limit.note_failure(HOME, "ada")
    assert limit.is_reached(HOME, "ada")  # the second is not
    time.sleep(1.1)
    assert not service.services.queue.redis.keys("clip-browser:sign-in:*")


def test_a_redis_that_was_restarted_counts_again(service: Service) -> None:
    limit = SignInLimit(service.services.queue.redis)
    limit.note_failure(HOME, "ada")
    service.services.queue.redis.flushall()
    service.services.queue.redis.script_flush()
    for _ in range(FAILURES_PER_MINUTE):
        assert not limit.is_reached(HOME, "ada")
        limit.note_failure(HOME, "ada")
    assert limit.is_reached(HOME, "ada")


def test_without_redis_people_sign_in_and_nothing_is_counted(service: Service) -> None:
    nobody_listens = redis_client.Redis.from_url("redis://127.0.0.1:1/0", socket_timeout=1)
    object.__setattr__(service.services, "sign_in_limit", SignInLimit(nobody_listens))
    client = service.app.test_client()
    wrong = {"username": "admin", "password": "wrong"}
    statuses = {client.post("/api/v1/auth/login", json=wrong).status_code for _ in range(11)}
    assert statuses == {401}
    right = {"username": "admin", "password": PASSWORD}
    assert client.post("/api/v1/auth/login", json=right).status_code == 200
