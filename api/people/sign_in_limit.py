"""How often signing in may fail within a minute, counted in Redis for all servers.

    a name from one client          10
    all names from one client       60    one address (or IPv6 /64) that tries many names
    a name from all clients        300    many addresses that try one name

The last does not count for a client from which that name has signed in lately, and none of them for
a browser in which it has: that browser has ten failures of its own. So nobody can keep somebody
else out of where he works. Without Redis nothing is counted: sign-ins are slowed by their hashing alone.
"""

from __future__ import annotations

import contextlib
import math
import time

import redis as redis_client
from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import RedisStorage
from limits.strategies import MovingWindowRateLimiter

from api.people.visitor import Visitor

OF_PAIR = RateLimitItemPerMinute(10)
OF_CLIENT = RateLimitItemPerMinute(60)
OF_NAME = RateLimitItemPerMinute(300)
REMEMBERED_S = 30 * 86400  # that a name has signed in from a client
PREFIX = "clip-browser:sign-in"


class SignInLimit:
    """The failures of the last minute. One per process, thread-safe."""

    def __init__(self, redis: redis_client.Redis) -> None:
        self._redis = redis
        self._limiter = MovingWindowRateLimiter(
            RedisStorage(
                "redis://",  # the pool has the address
                connection_pool=redis.connection_pool,
                key_prefix=PREFIX,
            )
        )

    def wait_s(self, visitor: Visitor, name: str) -> int:
        """Seconds until this name may be tried again by this visitor; 0: now."""
        with contextlib.suppress(redis_client.RedisError):
            for item, *key in _counts(visitor, name):
                if self._limiter.test(item, *key):
                    continue
                if item is not OF_NAME or not self._has_signed_in(visitor, name):
                    reset = self._limiter.get_window_stats(item, *key).reset_time
                    return max(1, math.ceil(reset - time.time()))
        return 0

    def note_failure(self, visitor: Visitor, name: str) -> None:
        """Count one failed sign-in."""
        with contextlib.suppress(redis_client.RedisError):
            for item, *key in _counts(visitor, name):
                self._limiter.hit(item, *key)

    def note_success(self, visitor: Visitor, name: str) -> None:
        """Remember that this name has signed in from there."""
        with contextlib.suppress(redis_client.RedisError):
            self._redis.set(_signed_in(visitor, name), 1, ex=REMEMBERED_S)

    def _has_signed_in(self, visitor: Visitor, name: str) -> bool:
        return bool(self._redis.exists(_signed_in(visitor, name)))


def _counts(visitor: Visitor, name: str) -> list[tuple[RateLimitItem, str, str, str]]:
    """What a failure counts for: (how many are let be, by what)."""
    if visitor.browser is not None:
        return [(OF_PAIR, "browser", visitor.browser, name)]
    return [
        (OF_PAIR, "pair", visitor.client, name),
        (OF_CLIENT, "client", visitor.client, ""),
        (OF_NAME, "name", "", name),
    ]


def _signed_in(visitor: Visitor, name: str) -> str:
    return f"{PREFIX}:signed-in:{visitor.client}:{name}"
