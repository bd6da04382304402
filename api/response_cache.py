"""Answers that cost time to make and that many dashboards ask for at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import TypeVar, cast

from cachetools import LRUCache

Made = TypeVar("Made")
MAX_ENTRIES = 64
COST_SHARE = 0.05  # of one core: what took 100 ms to make is kept for 2 s


@dataclass(frozen=True)
class _Answer:
    value: object
    state: Hashable
    old_at: float


@dataclass
class _Entry:
    """What is kept of a key, and the lock of the thread that makes it."""

    answer: _Answer | None = None
    making: threading.Lock = field(default_factory=threading.Lock)


class ResponseCache:
    """Keeps what was made. One per process, thread-safe: what one thread makes serves all.

    When an answer is old is ours, not cachetools': it depends on what the answer cost, and the old
    one is given while one thread makes the next.
    """

    def __init__(self) -> None:
        self._entries: LRUCache[str, _Entry] = LRUCache(MAX_ENTRIES)
        self._lock = threading.Lock()

    def get(
        self, key: str, state: Hashable, make: Callable[[], Made], least_s: float = 0.0
    ) -> Made:
        """What `make` gave last, made anew when `state` has changed since.

        It is kept for `least_s` seconds at least, and so long that making it takes no more than
        COST_SHARE of the time, even if `state` changes meanwhile.
        """
        with self._lock:
            entry = self._entries.setdefault(key, _Entry())
        known = entry.answer
        if known is not None and (known.state == state or time.monotonic() < known.old_at):
            return cast(Made, known.value)
        if not entry.making.acquire(blocking=known is None):
            return cast(Made, cast(_Answer, known).value)  # another thread is at it
        try:
            if entry.answer is None or entry.answer is known:
                entry.answer = _make(state, make, least_s)
            return cast(Made, entry.answer.value)
        finally:
            entry.making.release()


def _make(state: Hashable, make: Callable[[], object], least_s: float) -> _Answer:
    began = time.monotonic()
    value = make()
    ended = time.monotonic()
    return _Answer(value, state, ended + max(least_s, (ended - began) / COST_SHARE))
