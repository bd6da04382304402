"""Which workers are there, and which were lately. Without Redis none is seen."""

from __future__ import annotations

import contextlib
import json
import time
from typing import Any

import redis as redis_client

from common.messaging.live_workers import read_workers

SEEN = "clip-browser:workers-seen"
SEEN_S = 3600.0  # how long a worker that has gone is shown as offline


class LiveWorkers:
    """The records that workers write while they take messages. One per process, thread-safe."""

    def __init__(self, redis: redis_client.Redis) -> None:
        self._redis = redis

    def read(self) -> list[dict[str, Any]]:
        """The records of workers that are there: `{name, host, pid, queues, concurrency, ...}`."""
        with contextlib.suppress(redis_client.RedisError):
            return read_workers(self._redis)
        return []

    def read_gone(self, live: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Remember the live workers; those that were there within the hour and no longer are."""
        names = {record["name"] for record in live}
        moment = time.time()
        with contextlib.suppress(redis_client.RedisError):
            stored: Any = self._redis.hvals(SEEN)
            gone = [json.loads(record) for record in stored]
            for record in live:
                self._redis.hset(SEEN, record["name"], json.dumps({**record, "seen": moment}))
            old = [record["name"] for record in gone if moment - record["seen"] > SEEN_S]
            if old:
                self._redis.hdel(SEEN, *old)
            absent = [record for record in gone if record["name"] not in names]
            return sorted((record for record in absent if record["name"] not in old), key=_name)
        return []


def _name(record: dict[str, Any]) -> str:
    return str(record["name"])
