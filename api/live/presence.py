"""What lives in Redis only and may be lost: failed sign-ins, who is on which image, live workers.

The one module of this room that catches Redis' errors. Without Redis nobody is seen anywhere,
and sign-ins are slowed by scrypt alone.
"""

from __future__ import annotations

import contextlib
import json
import time
from typing import Any

import redis as redis_client

from common.messaging.live_workers import read_workers

PREFIX = "clip-browser:"
FAILURES_PER_MINUTE = 10
PRESENCE_S = 60.0  # an entry that is not refreshed is gone after this
SEEN_S = 3600.0  # how long a worker that has gone is shown as offline


class Transient:
    """One per process, thread-safe."""

    def __init__(self, redis: redis_client.Redis) -> None:
        self._redis = redis

    def sign_in_failures(self, address: str, name: str) -> int:
        """Failed sign-ins of this name from this address within the minute."""
        with contextlib.suppress(redis_client.RedisError):
            return int(self._redis.get(_failures(address, name)) or 0)
        return 0

    def note_sign_in_failure(self, address: str, name: str) -> None:
        """Count one failed sign-in."""
        with contextlib.suppress(redis_client.RedisError):
            with self._redis.pipeline() as pipe:
                pipe.incr(_failures(address, name))
                pipe.expire(_failures(address, name), 60)
                pipe.execute()

    def enter(self, dataset_id: str, sid: str, name: str, image_id: int | None) -> None:
        """Connection `sid` of `name` looks at an image of a dataset (or at none in particular)."""
        entry = {"name": name, "image_id": image_id, "until": time.time() + PRESENCE_S}
        with contextlib.suppress(redis_client.RedisError):
            key = f"{PREFIX}presence:{dataset_id}"
            self._redis.hset(key, sid, json.dumps(entry))
            self._redis.expire(key, int(PRESENCE_S) + 1)

    def leave(self, dataset_id: str, sid: str) -> None:
        """Connection `sid` is no longer there."""
        with contextlib.suppress(redis_client.RedisError):
            self._redis.hdel(f"{PREFIX}presence:{dataset_id}", sid)

    def present(self, dataset_id: str) -> list[dict[str, Any]]:
        """`[{name, image_id}]`, one a connection, by name."""
        with contextlib.suppress(redis_client.RedisError):
            stored: Any = self._redis.hvals(f"{PREFIX}presence:{dataset_id}")
            entries = [json.loads(entry) for entry in stored]
            live = [entry for entry in entries if entry["until"] > time.time()]
            shown = [{"name": entry["name"], "image_id": entry["image_id"]} for entry in live]
            return sorted(shown, key=lambda entry: (entry["name"], entry["image_id"] or 0))
        return []

    def workers(self) -> list[dict[str, Any]]:
        """The records of workers that are there: `{name, host, pid, queues, concurrency, ...}`."""
        with contextlib.suppress(redis_client.RedisError):
            return read_workers(self._redis)
        return []

    def workers_seen(self, live: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Remember the live workers; those that were there within the hour and no longer are."""
        names = {record["name"] for record in live}
        key, moment = f"{PREFIX}workers-seen", time.time()
        with contextlib.suppress(redis_client.RedisError):
            stored: Any = self._redis.hvals(key)
            gone = [json.loads(record) for record in stored]
            for record in live:
                self._redis.hset(key, record["name"], json.dumps({**record, "seen": moment}))
            old = [record["name"] for record in gone if moment - record["seen"] > SEEN_S]
            if old:
                self._redis.hdel(key, *old)
            absent = [record for record in gone if record["name"] not in names]
            return sorted((record for record in absent if record["name"] not in old), key=_name)
        return []


def _failures(address: str, name: str) -> str:
    return f"{PREFIX}sign-in-failures:{address}:{name[:80]}"


def _name(record: dict[str, Any]) -> str:
    return str(record["name"])
