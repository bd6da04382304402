"""Which workers are there: each writes a record to Redis while it takes messages, which soon expires."""

from __future__ import annotations

import json
from typing import Any

import redis as redis_client

PREFIX = "clip-browser:worker:"


def read_workers(redis: redis_client.Redis) -> list[dict[str, Any]]:
    """`[{name, host, pid, queues, concurrency, ...}]`, by name. Raises RedisError."""
    keys = list(redis.scan_iter(f"{PREFIX}*", count=500))
    found: Any = redis.mget(keys) if keys else []
    records = [json.loads(record) for record in found if record]
    return sorted(records, key=lambda record: str(record["name"]))


def count_places(workers: list[dict[str, Any]], queue: str) -> int:
    """How many jobs of a queue these workers can run at once."""
    return sum(int(one.get("concurrency") or 1) for one in workers if queue in one["queues"])
