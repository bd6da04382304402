"""Places for requests that hold a thread for long: so few that the others always find one."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Iterator

from common.errors import TooManyRequests, Unavailable

RETRY_AFTER_S = 3


class Places:
    """`count` requests of a kind at once, `of_one` of one person; the others are told to come again.

    at_once: how many of them are worked for, if not all; the rest of them wait for that. Thread-safe.
    """

    def __init__(self, count: int, of_one: int, at_once: int | None = None) -> None:
        self._count, self._of_one = count, of_one
        self._taken: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._turns = threading.Semaphore(at_once or count)

    @contextlib.contextmanager
    def place(self, who: str, what: str) -> Iterator[None]:
        """A place until the block ends. what: the requests, for the words of the error.

        Raises TooManyRequests when `who` has too many, Unavailable when all together have.
        """
        with self._lock:
            again = {"retry_after_s": RETRY_AFTER_S}
            if self._taken[who] >= self._of_one:
                raise TooManyRequests(
                    f"{self._taken[who]} {what} of yours are under way, as many as one may have.",
                    remedy="Wait until one of them has ended, then try again.",
                    details=again,
                )
            if self._taken.total() >= self._count:
                raise Unavailable(
                    f"{self._count} {what} are under way, as many as there may be at once.",
                    remedy="Try again in a few seconds.",
                    details=again,
                )
            self._taken[who] += 1
        try:
            with self._turns:
                yield
        finally:
            with self._lock:
                self._taken[who] -= 1
                self._taken += Counter()  # drops those who have none
