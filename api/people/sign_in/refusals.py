"""Which refused sign-ins are noted: a flood of them is, but it does not fill the log or the database.

Each client gets some lines a minute and all together some more; what was not noted is counted, and the next
line of the process tells how many that were. Limits of tries are others': `limit.py`.
"""

from __future__ import annotations

import threading

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

OF_CLIENT = RateLimitItemPerMinute(5)
OF_ALL = RateLimitItemPerMinute(30)


class Refusals:
    """One per process, thread-safe."""

    def __init__(self) -> None:
        self._limiter = FixedWindowRateLimiter(MemoryStorage())
        self._lock = threading.Lock()
        self._unnoted = 0

    def admit(self, client: str) -> int | None:
        """None: this one is not noted. Else it is, with how many were not since the last that was."""
        with self._lock:
            if not (self._limiter.hit(OF_CLIENT, client) and self._limiter.hit(OF_ALL)):
                self._unnoted += 1
                return None
            unnoted, self._unnoted = self._unnoted, 0
            return unnoted
