"""Which workers are there. Without Redis none is seen."""

from __future__ import annotations

import contextlib
from typing import Any

import redis as redis_client

from common.messaging.live_workers import read_workers


class LiveWorkers:
    """The records that workers write while they take messages. One per process, thread-safe."""

    def __init__(self, redis: redis_client.Redis) -> None:
        self._redis = redis

    def read(self) -> list[dict[str, Any]]:
        """The records of workers that are there: `{name, host, pid, queues, concurrency, ...}`."""
        with contextlib.suppress(redis_client.RedisError):
            return read_workers(self._redis)
        return []
