"""Short answers from a worker to the API thread that waits for them, over a Redis list.

Cheaper than Celery's results (no subscription per task): the worker pushes one answer under a
name both know, the waiting thread pops it. An answer that nobody fetches is gone after a minute.
"""

from __future__ import annotations

import json
import time
from typing import Any

import redis as redis_client

from common.errors import QueueUnavailable
from common.messaging.redis_clients import open_redis
from common.settings import Settings
from common.silence import Silence

KEPT_S = 60
SLICE_S = 1.0  # of waiting for an answer: so soon it is noticed that Redis does not speak


class Replies:
    """One per process, thread-safe."""

    def __init__(self, settings: Settings) -> None:
        self._redis = open_redis(settings.redis_url, Silence(), answer_s=SLICE_S + 2)

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
        """The answer, or None when there is none within `timeout_s` seconds.

        Raises QueueUnavailable when Redis does not answer meanwhile.
        """
        until = time.monotonic() + timeout_s
        key = f"clip-browser:reply:{name}"
        try:
            while True:
                left_s = max(0.01, until - time.monotonic())
                popped = self._redis.blpop([key], timeout=min(SLICE_S, left_s))
                if popped is not None:
                    answer: dict[str, Any] = json.loads(popped[1])
                    return answer
                if time.monotonic() >= until:
                    return None
        except redis_client.RedisError as problem:
            raise QueueUnavailable(
                f"Redis does not answer ({type(problem).__name__}).",
                remedy="Nothing is lost: try again in a moment, or start Redis.",
            ) from problem
