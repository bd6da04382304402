"""Clients of Redis that answer or fail within seconds, and do not ask again who has just not answered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import redis as redis_client
from redis.backoff import NoBackoff
from redis.retry import Retry

from common.silence import Silence

T = TypeVar("T")
ANSWER_S = 2.0
CONNECT_S = 2.0


class _OnceMore(Retry):
    """A lost connection is tried once more, since Redis may have come back; one that hangs is not."""

    __hash__ = Retry.__hash__

    def __init__(self, silence: Silence) -> None:
        super().__init__(NoBackoff(), 1, (redis_client.ConnectionError,))
        self._silence = silence

    def __deepcopy__(self, _memo: dict[int, Any]) -> _OnceMore:
        return self  # each connection makes a copy; what is known of the server is theirs together

    def call_with_retry(self, do: Callable[[], T], *arguments: Any, **options: Any) -> T:
        """redis-py's hook around each command and each connecting. Raises RedisError."""
        if self._silence.is_on:
            raise redis_client.TimeoutError("Redis has just not answered")
        try:
            return super().call_with_retry(do, *arguments, **options)
        except redis_client.TimeoutError:
            self._silence.begin()
            raise


def open_redis(
    url: str, silence: Silence, *, answer_s: float = ANSWER_S, **options: Any
) -> redis_client.Redis:
    """A client that waits answer_s seconds for an answer. silence: shared by the clients of a process."""
    return redis_client.Redis.from_url(
        url,
        socket_timeout=answer_s,
        socket_connect_timeout=CONNECT_S,
        socket_keepalive=True,
        decode_responses=True,
        retry=_OnceMore(silence),
        **options,
    )
