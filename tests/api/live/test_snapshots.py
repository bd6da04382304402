"""What many ask for at once is read once, and nobody gets what was read before he asked."""

from __future__ import annotations

import itertools
import threading
from collections import defaultdict
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from api.live.snapshots import SharedReads
from common.errors import NotFound
from tests.api.conftest import wait_until

WAITING = 20


class Source:
    """What is read: each reading waits until it may end, and gives its number."""

    def __init__(self) -> None:
        self.begun, self.may_end = 0, threading.Semaphore(0)

    def read(self) -> int:
        self.begun += 1
        number = self.begun
        assert self.may_end.acquire(timeout=60)
        return number


def ask(pool: ThreadPoolExecutor, shared: SharedReads[int], source: Source) -> Future[int]:
    return pool.submit(shared.read, "cats", source.read)


def waiting(shared: SharedReads[int]) -> int:
    """How many wait for a reading that has not begun."""
    return sum(each.waiting for each in shared._next.values())


def test_who_asks_while_it_is_read_gets_the_next_reading_together_with_all_others() -> None:
    shared, source = SharedReads[int](), Source()
    with ThreadPoolExecutor(WAITING + 1) as pool:
        first = ask(pool, shared, source)
        wait_until(lambda: source.begun == 1)
        later = [ask(pool, shared, source) for _ in range(WAITING)]
        wait_until(lambda: waiting(shared) == WAITING)
        source.may_end.release()
        assert first.result(60) == 1
        source.may_end.release()
        assert [each.result(60) for each in later] == [2] * WAITING
    assert source.begun == 2


def test_keys_do_not_wait_for_each_other_and_a_later_question_is_read_anew() -> None:
    shared, source, count = SharedReads[int](), Source(), itertools.count()
    with ThreadPoolExecutor(1) as pool:
        slow = ask(pool, shared, source)
        wait_until(lambda: source.begun == 1)
        assert [shared.read("dogs", lambda: next(count)) for _ in range(3)] == [0, 1, 2]
        source.may_end.release()
        assert slow.result(60) == 1


def test_what_a_reading_raises_all_who_wait_for_it_get_and_the_next_is_read_anew() -> None:
    shared = SharedReads[int]()

    def fail() -> int:
        raise NotFound("there is no such dataset")

    for _ in range(2):
        with pytest.raises(NotFound):
            shared.read("cats", fail)
    assert shared.read("cats", lambda: 1) == 1


class LingeringTurn:
    """A lock whose first holder is held up when it has let go, until the next one reads."""

    def __init__(self, source: Source) -> None:
        self._source, self._lock = source, threading.Lock()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        was_first = self._source.begun == 1
        self._lock.release()
        if was_first:
            wait_until(lambda: self._source.begun == 2)


def test_of_one_key_there_is_one_reading_at_a_time_whoever_is_slow_to_leave() -> None:
    shared, source = SharedReads[int](), Source()
    shared._turns = defaultdict(lambda: LingeringTurn(source))  # type: ignore[assignment, arg-type]
    with ThreadPoolExecutor(3) as pool:
        first = ask(pool, shared, source)
        wait_until(lambda: source.begun == 1)
        second = ask(pool, shared, source)
        wait_until(lambda: waiting(shared) == 1)
        source.may_end.release()
        assert first.result(60) == 1
        third = ask(pool, shared, source)
        wait_until(lambda: waiting(shared) == 1)
        source.may_end.release()
        assert second.result(60) == 2
        source.may_end.release()
        assert third.result(60) == 3
    assert not shared._turns
