"""Who is on which image: kept in Redis only, where it may be lost. Without Redis nobody is seen anywhere."""

from __future__ import annotations

import contextlib
import json
import time
from typing import Any

import redis as redis_client

PRESENCE_S = 60.0  # an entry that is not refreshed is gone after this
CROWD = 100  # connections that are told of a dataset; of more first those that have an image open


class Presence:
    """The people who look at a dataset now. One per process, thread-safe."""

    def __init__(self, redis: redis_client.Redis) -> None:
        self._redis = redis

    def enter(self, dataset_id: str, sid: str, name: str, image_id: int | None) -> None:
        """Connection `sid` of `name` looks at an image of a dataset (or at none in particular)."""
        entry = {"name": name, "image_id": image_id, "until": time.time() + PRESENCE_S}
        with contextlib.suppress(redis_client.RedisError):
            key = _key(dataset_id)
            with self._redis.pipeline(transaction=False) as pipe:
                pipe.hset(key, sid, json.dumps(entry))
                pipe.expire(key, int(PRESENCE_S) + 1)
                pipe.execute()

    def refresh(self, dataset_id: str, here: list[tuple[str, str, int | None]]) -> None:
        """All of these are still there: (connection, name, image)."""
        until = time.time() + PRESENCE_S
        entries: Any = {
            sid: json.dumps({"name": name, "image_id": image_id, "until": until})
            for sid, name, image_id in here
        }
        with contextlib.suppress(redis_client.RedisError):
            with self._redis.pipeline(transaction=False) as pipe:
                pipe.hset(_key(dataset_id), mapping=entries)
                pipe.expire(_key(dataset_id), int(PRESENCE_S) + 1)
                pipe.execute()

    def leave(self, dataset_id: str, sid: str) -> None:
        """Connection `sid` is no longer there."""
        with contextlib.suppress(redis_client.RedisError):
            self._redis.hdel(_key(dataset_id), sid)

    def users(self, dataset_id: str) -> list[dict[str, Any]]:
        """`[{name, image_id}]`, one a connection, by name: of a crowd some, or each would be sent a list of all."""
        with contextlib.suppress(redis_client.RedisError):
            stored: Any = self._redis.hvals(_key(dataset_id))
            entries = [json.loads(entry) for entry in stored]
            live = [entry for entry in entries if entry["until"] > time.time()]
            shown = [{"name": entry["name"], "image_id": entry["image_id"]} for entry in live]
            shown.sort(key=lambda entry: (entry["name"], entry["image_id"] or 0))
            if len(shown) > CROWD:
                shown.sort(key=lambda entry: entry["image_id"] is None)
                shown = sorted(shown[:CROWD], key=lambda entry: str(entry["name"]))
            return shown
        return []


def _key(dataset_id: str) -> str:
    return f"clip-browser:presence:{dataset_id}"
