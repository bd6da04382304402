"""The line before the hashing of passwords: short, so that a flood of sign-ins takes few threads.

A password takes a quarter of a second of processor time and 64 MiB. Those who wait for it hold a
thread of the server each, so only so many may; whoever comes when the line is full is told to come
again. The hashing itself has threads of its own, which step back when others want the processor.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from common.errors import TooManyRequests

T = TypeVar("T")
LOWER_BY = 5  # on the scale of nice(1)
RETRY_AFTER_S = 3


class SignInLine:
    """At most `places` people at once, half of them from one client; `at_once` are hashed for."""

    def __init__(self, places: int, at_once: int) -> None:
        self._places, self._of_client = places, max(1, places // 2)
        self._waiting: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._hashing = ThreadPoolExecutor(at_once, "sign-in", _step_back)

    @contextlib.contextmanager
    def place(self, client: str) -> Iterator[None]:
        """A place in the line until the block ends. Raises TooManyRequests when there is none."""
        with self._lock:
            if self._waiting.total() >= self._places or self._waiting[client] >= self._of_client:
                raise TooManyRequests(
                    "Too many people sign in at this moment.",
                    remedy="Try again in a few seconds.",
                    details={"reason": "line", "retry_after_s": RETRY_AFTER_S},
                )
            self._waiting[client] += 1
        try:
            yield
        finally:
            with self._lock:
                self._waiting[client] -= 1
                self._waiting += Counter()  # drops those who are through

    def in_turn(self, work: Callable[[], T]) -> T:
        """What `work()` returns or raises, once it is its turn."""
        return self._hashing.submit(work).result()


def _step_back() -> None:
    """Lower this thread's priority. Linux has one for each thread; those that argon2 starts inherit it."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LOWER_BY)
