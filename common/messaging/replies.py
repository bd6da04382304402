"""Short answers from a worker to the API thread that waits for them, over a Redis list.

Cheaper than Celery's results (no subscription per task): the worker pushes one answer under a
name both know, the waiting thread pops it. An answer that nobody fetches is gone after a minute.
"""

from __future__ import annotations

import json
from typing import Any

import redis as redis_client

from common.settings import Settings

KEPT_S = 60


class Replies:
    """One per process, thread-safe."""

    def __init__(self, settings: Settings) -> None:
        self._redis = redis_client.Redis.from_url(
            settings.redis_url,
            socket_connect_timeout=5,
            socket_timeout=40,
            socket_keepalive=True,
            decode_responses=True,
        )

    def give(self, name: str, answer: dict[str, Any]) -> None:
        """Answer under `name`. A Redis that is away is not the worker's problem: the caller asks again."""
        key = f"clip-browser:reply:{name}"
        try:
            with self._redis.pipeline(transaction=True) as pipe:
                pipe.rpush(key, json.dumps(answer, default=str))
                pipe.expire(key, KEPT_S)
                pipe.execute()
        except redis_client.RedisError:
            return

    def wait(self, name: str, timeout_s: float) -> dict[str, Any] | None:
        """The answer, or None when there is none within `timeout_s` seconds (or no Redis)."""
        try:
            popped = self._redis.blpop([f"clip-browser:reply:{name}"], timeout=max(0.01, timeout_s))
        except redis_client.RedisError:
            return None
        if popped is None:
            return None
        answer: dict[str, Any] = json.loads(popped[1])
        return answer
