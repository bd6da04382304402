"""How often signing in may be tried within a minute, counted in Redis for all servers.

    a name from one client          10
    all names from one client       60    one address (or IPv6 /64) that tries many names
    a name from all clients        300    many addresses that try one name
    links from one client           30

A try counts from before it is checked, and is given back when it was right: however many come at once, no
more are checked than may fail. The third does not count for a client from which that name has signed in
lately, and none of them for a browser in which it has: that browser has ten failures of its own. So nobody
can keep somebody else out of where he works. Without Redis nothing is counted: sign-ins are slowed by their
hashing alone.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import redis as redis_client

from api.people.sign_in.visitor import Visitor
from common.errors import TooManyRequests

OF_PAIR, OF_CLIENT, OF_NAME, OF_LINKS = 10, 60, 300, 30
WINDOW_S = 60
REMEMBERED_S = 30 * 86400  # that a name has signed in from a client
PREFIX = "clip-browser:sign-in"
# KEYS: what a try counts for; ARGV: the try, the window in ms, and how many each key allows. Takes a place in
# all of them, or in none; the answer is how many ms to wait, 0 when there were places. By Redis's own clock.
_TAKE = """
local time = redis.call("TIME")
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local window = tonumber(ARGV[2])
local wait = 0
for at, key in ipairs(KEYS) do
    redis.call("ZREMRANGEBYSCORE", key, "-inf", now - window)
    if redis.call("ZCARD", key) >= tonumber(ARGV[at + 2]) then
        local oldest = redis.call("ZRANGE", key, 0, 0, "WITHSCORES")[2]
        wait = math.max(wait, oldest + window - now, 1)
    end
end
if wait > 0 then return wait end
for _, key in ipairs(KEYS) do
    redis.call("ZADD", key, now, ARGV[1])
    redis.call("PEXPIRE", key, window)
end
return 0
"""


@dataclass
class Try:
    """One try to sign in, which counts as failed until it is `given_back`."""

    given_back: bool = False


class SignInLimit:
    """The tries of the last minute. One per process, thread-safe."""

    def __init__(self, redis: redis_client.Redis) -> None:
        self._redis = redis
        self._take = redis.register_script(_TAKE)

    @contextlib.contextmanager
    def count(self, visitor: Visitor, name: str) -> Iterator[Try]:
        """Count a try by password. Raises TooManyRequests instead when there were too many."""
        with self._counted(self._counts(visitor, name)) as one:
            yield one
        if one.given_back:
            with contextlib.suppress(redis_client.RedisError):
                self._redis.set(_signed_in(visitor, name), 1, ex=REMEMBERED_S)

    @contextlib.contextmanager
    def count_link(self, visitor: Visitor) -> Iterator[Try]:
        """Count a try by link, as above."""
        with self._counted({f"{PREFIX}:links:{visitor.client}": OF_LINKS}) as one:
            yield one

    @contextlib.contextmanager
    def _counted(self, limits: dict[str, int]) -> Iterator[Try]:
        mark, one = secrets.token_hex(8), Try()
        wait_s = self._take_places(limits, mark)
        if wait_s:
            raise TooManyRequests(
                "Too many sign-ins have failed.",
                remedy=f"Try again in {wait_s} s, or in a browser that has signed in before.",
                details={"reason": "failures", "retry_after_s": wait_s},
            )
        try:
            yield one
        finally:
            if one.given_back:
                self._give_back(limits, mark)

    def _take_places(self, limits: dict[str, int], mark: str) -> int:
        """Seconds to wait; 0: there were places."""
        with contextlib.suppress(redis_client.RedisError):
            wait_ms = self._take(keys=[*limits], args=[mark, WINDOW_S * 1000, *limits.values()])
            return -(-int(cast(int, wait_ms)) // 1000)
        return 0

    def _give_back(self, limits: dict[str, int], mark: str) -> None:
        with (
            contextlib.suppress(redis_client.RedisError),
            self._redis.pipeline(transaction=False) as pipe,
        ):
            for key in limits:
                pipe.zrem(key, mark)
            pipe.execute()

    def _counts(self, visitor: Visitor, name: str) -> dict[str, int]:
        """What a try counts for, and how many are let be."""
        if visitor.browser is not None:
            return {f"{PREFIX}:browser:{visitor.browser}:{name}": OF_PAIR}
        limits = {
            f"{PREFIX}:pair:{visitor.client}:{name}": OF_PAIR,
            f"{PREFIX}:client:{visitor.client}": OF_CLIENT,
        }
        if not self._has_signed_in(visitor, name):
            limits[f"{PREFIX}:name:{name}"] = OF_NAME
        return limits

    def _has_signed_in(self, visitor: Visitor, name: str) -> bool:
        with contextlib.suppress(redis_client.RedisError):
            return bool(self._redis.exists(_signed_in(visitor, name)))
        return False


def _signed_in(visitor: Visitor, name: str) -> str:
    return f"{PREFIX}:signed-in:{visitor.client}:{name}"
