"""Failed sign-ins, counted for all servers of one Redis."""

from __future__ import annotations

from typing import Any

import pytest
import redis as redis_client

from api.people.sign_in import limit as sign_in_limit
from api.people.sign_in.limit import OF_CLIENT, OF_LINKS, OF_NAME, OF_PAIR, SignInLimit
from api.people.sign_in.sign_ins import SignIns
from api.people.sign_in.visitor import Visitor
from common.errors import TooManyRequests
from tests.api.conftest import PASSWORD, Service

HOME, AWAY = Visitor("10.0.0.1"), Visitor("10.0.0.2")


def wait_s(limit: SignInLimit, visitor: Visitor, name: str) -> int:
    """Seconds until a name may be tried by a visitor; 0: now."""
    try:
        with limit.count(visitor, name) as one:
            one.given_back = True
    except TooManyRequests as refused:
        return int((refused.details or {})["retry_after_s"])
    return 0


def fail(limit: SignInLimit, visitor: Visitor, name: str) -> None:
    with limit.count(visitor, name):
        pass


def test_failures_count_for_all_servers_and_for_one_name_and_client(service: Service) -> None:
    one, other = (SignInLimit(service.services.queue.redis) for _ in range(2))
    for number in range(OF_PAIR):
        fail((one, other)[number % 2], HOME, "ada")
    assert 0 < wait_s(one, HOME, "ada") <= 60
    assert wait_s(other, HOME, "ada")
    assert not wait_s(other, AWAY, "ada")
    assert not wait_s(other, HOME, "eve")


def test_a_try_that_was_right_is_given_back(service: Service) -> None:
    limit = SignInLimit(service.services.queue.redis)
    for _ in range(3 * OF_PAIR):
        assert not wait_s(limit, HOME, "ada")
    for _ in range(OF_PAIR):
        fail(limit, HOME, "ada")
    assert wait_s(limit, HOME, "ada")


def test_a_client_that_tries_many_names_is_stopped_for_all_of_them(service: Service) -> None:
    limit = SignInLimit(service.services.queue.redis)
    for number in range(OF_CLIENT):
        fail(limit, HOME, f"name {number}")
    assert wait_s(limit, HOME, "ada")
    assert not wait_s(limit, AWAY, "ada")


def test_a_name_tried_from_everywhere_stops_strangers_and_none_who_has_signed_in_before(
    service: Service,
) -> None:
    limit = SignInLimit(service.services.queue.redis)
    assert not wait_s(limit, HOME, "admin")  # signed in
    for number in range(OF_NAME):
        fail(limit, Visitor(f"192.0.2.{number}"), "admin")
    assert wait_s(limit, AWAY, "admin")
    assert not wait_s(limit, AWAY, "ada")
    assert not wait_s(limit, HOME, "admin")
    assert not wait_s(limit, Visitor(AWAY.client, browser="known"), "admin")


def test_who_guesses_beside_a_known_browser_does_not_lock_it_out_and_it_has_its_own_limit(
    service: Service,
) -> None:
    limit = SignInLimit(service.services.queue.redis)
    known = Visitor(HOME.client, browser="known")
    for _ in range(OF_PAIR):
        fail(limit, HOME, "ada")
    assert wait_s(limit, HOME, "ada")
    for _ in range(OF_PAIR):
        fail(limit, known, "ada")
    assert wait_s(limit, known, "ada")


def test_a_failure_counts_until_its_minute_has_passed(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sign_in_limit, "OF_PAIR", 2)
    redis = service.services.queue.redis
    limit = SignInLimit(redis)
    fail(limit, HOME, "ada")
    let_pass(redis, 36)
    fail(limit, HOME, "ada")
    assert wait_s(limit, HOME, "ada")
    let_pass(redis, 25)
    fail(limit, HOME, "ada")  # the first one is over
    assert wait_s(limit, HOME, "ada")  # the second is not
    let_pass(redis, 61)
    assert not redis.keys("clip-browser:sign-in:*")


def let_pass(redis: Any, seconds: int) -> None:
    """As if so much time had gone by for what Redis keeps."""
    for key in redis.keys("clip-browser:sign-in:*"):
        for tried in redis.zrange(key, 0, -1):
            redis.zincrby(key, -1000 * seconds, tried)
        lasts_ms = redis.pttl(key)
        assert 0 < lasts_ms <= 60_000
        redis.pexpire(key, lasts_ms - 1000 * seconds)


def test_a_redis_that_was_restarted_counts_again(service: Service) -> None:
    limit = SignInLimit(service.services.queue.redis)
    fail(limit, HOME, "ada")
    service.services.queue.redis.flushall()
    service.services.queue.redis.script_flush()
    for _ in range(OF_PAIR):
        fail(limit, HOME, "ada")
    assert wait_s(limit, HOME, "ada")


def test_links_are_tried_so_often_from_one_client_and_others_go_on(service: Service) -> None:
    limit = SignInLimit(service.services.queue.redis)
    for _ in range(OF_LINKS):
        with limit.count_link(HOME):
            pass
    with pytest.raises(TooManyRequests), limit.count_link(HOME):
        pass
    with limit.count_link(AWAY):
        pass
    assert not wait_s(limit, HOME, "ada")  # by password


def test_without_redis_people_sign_in_and_nothing_is_counted(service: Service) -> None:
    nobody_listens = redis_client.Redis.from_url("redis://127.0.0.1:1/0", socket_timeout=1)
    services = service.services
    without = SignIns(
        services.readers, services.sessions, nobody_listens, 8, services.second_factors
    )
    object.__setattr__(services, "sign_ins", without)
    client = service.app.test_client()
    wrong = {"username": "admin", "password": "wrong"}
    statuses = {client.post("/api/v1/auth/login", json=wrong).status_code for _ in range(11)}
    assert statuses == {401}
    right = {"username": "admin", "password": PASSWORD}
    assert client.post("/api/v1/auth/login", json=right).status_code == 200
