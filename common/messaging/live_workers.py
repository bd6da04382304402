"""Which workers are there: each writes a record to Redis while it lives, which soon expires."""

from __future__ import annotations

import json
from typing import Any

import redis as redis_client

PREFIX = "clip-browser:worker:"
# Of a worker that takes messages now, or as soon as it is through with what it does.
TAKING = ("ready", "busy", "loading")
STUCK = "stuck"
WAITING = "waiting"  # for a GPU: it takes nothing before it has one
LOG_PREFIX = "clip-browser:worker-log:"
LOG_LINES = 500


def read_workers(redis: redis_client.Redis) -> list[dict[str, Any]]:
    """`[{name, host, pid, queues, concurrency, state, ...}]`, by name. Raises RedisError.

    state: starting, waiting (for a GPU that others use), loading (`loading` names the model), ready, busy, stuck (its loop has not been round since
    `last_loop_at`), draining, drained, paused or stopping.
    """
    keys = list(redis.scan_iter(f"{PREFIX}*", count=500))
    found: Any = redis.mget(keys) if keys else []
    records = [json.loads(record) for record in found if record]
    return sorted(records, key=lambda record: str(record["name"]))


def takes_from(worker: dict[str, Any], queue: str) -> bool:
    """Whether this worker takes what comes to a queue."""
    return queue in worker["queues"] and worker.get("state", TAKING[0]) in TAKING


def count_places(workers: list[dict[str, Any]], queue: str) -> int:
    """How many jobs of a queue these workers can run at once."""
    return sum(int(one.get("concurrency") or 1) for one in workers if takes_from(one, queue))


def most_gpus(workers: list[dict[str, Any]]) -> int:
    """Of the hosts that are there, how many GPUs the one has that has most."""
    return max((len(one.get("gpus") or []) for one in workers), default=0)


def read_log(redis: redis_client.Redis, name: str) -> list[str]:
    """The last LOG_LINES lines that a worker and its processes logged, the oldest first. Raises RedisError."""
    found: Any = redis.lrange(LOG_PREFIX + name, 0, -1)
    return [str(line) for line in found]


def forget_log(redis: redis_client.Redis, name: str) -> None:
    """Remove them. Raises RedisError."""
    redis.delete(LOG_PREFIX + name)
