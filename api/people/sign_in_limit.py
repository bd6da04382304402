"""How often signing in with a name may fail from one address, counted in Redis for all servers.

Without Redis nothing is counted: sign-ins are slowed by their hashing alone.
"""

from __future__ import annotations

import contextlib

import redis as redis_client
from limits import RateLimitItemPerMinute
from limits.storage import RedisStorage
from limits.strategies import MovingWindowRateLimiter

FAILURES_PER_MINUTE = 10
FAILURES = RateLimitItemPerMinute(FAILURES_PER_MINUTE)


class SignInLimit:
    """Of each address and name, the failures of the last minute. One per process, thread-safe."""

    def __init__(self, redis: redis_client.Redis) -> None:
        self._limiter = MovingWindowRateLimiter(
            RedisStorage(
                "redis://",  # the pool has the address
                connection_pool=redis.connection_pool,
                key_prefix="clip-browser:sign-in",
            )
        )

    def is_reached(self, address: str, name: str) -> bool:
        """Whether this name may not be tried from this address now."""
        with contextlib.suppress(redis_client.RedisError):
            return not self._limiter.test(FAILURES, address, name)
        return False

    def note_failure(self, address: str, name: str) -> None:
        """Count one failed sign-in."""
        with contextlib.suppress(redis_client.RedisError):
            self._limiter.hit(FAILURES, address, name)
