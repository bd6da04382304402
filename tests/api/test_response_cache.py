"""Answers that are made once for many."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from api import response_cache
from api.response_cache import MAX_ENTRIES, ResponseCache
from tests.workers.clock import Clock


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(response_cache, "time", made)
    return made


def test_it_is_made_anew_only_when_the_state_has_changed(clock: Clock) -> None:
    cache, made = ResponseCache(), iter(range(10))
    assert [cache.get("a", state, lambda: next(made)) for state in (1, 1, 1)] == [0, 0, 0]
    clock.now_s += 0.01
    assert cache.get("a", 1, lambda: next(made)) == 0
    assert cache.get("a", 2, lambda: next(made)) == 1
    assert cache.get("b", 2, lambda: next(made)) == 2


def test_it_is_kept_for_a_while_even_if_the_state_changes(clock: Clock) -> None:
    cache, made = ResponseCache(), iter(range(10))
    for state in range(5):
        assert cache.get("a", state, lambda: next(made), least_s=5) == 0
        clock.now_s += 0.9
    clock.now_s += 0.6
    assert cache.get("a", 5, lambda: next(made), least_s=5) == 1


def test_what_costs_much_is_made_seldom(clock: Clock) -> None:
    cache, made = ResponseCache(), iter(range(10))

    def slowly() -> int:
        clock.now_s += 0.03
        return next(made)

    for _ in range(50):
        assert cache.get("a", object(), slowly) == 0
        clock.now_s += 0.01
    clock.now_s += 0.11
    assert cache.get("a", object(), slowly) == 1


def test_many_threads_that_ask_at_once_get_what_one_made() -> None:
    cache, made = ResponseCache(), iter(range(100))
    gate = threading.Barrier(16)

    def ask(_: int) -> int:
        gate.wait()
        return cache.get("a", 1, lambda: (time.sleep(0.05), next(made))[1])

    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(ask, range(16))) == {0}


def test_a_failure_is_not_kept() -> None:
    cache = ResponseCache()
    with pytest.raises(ZeroDivisionError):
        cache.get("a", 1, lambda: 1 // 0)
    assert cache.get("a", 1, lambda: 5) == 5


def test_what_was_asked_for_long_ago_is_forgotten() -> None:
    cache, made = ResponseCache(), iter(range(1000))
    for number in range(MAX_ENTRIES + 1):
        cache.get(str(number), 1, lambda: next(made))
    assert cache.get("0", 1, lambda: next(made)) == MAX_ENTRIES + 1
