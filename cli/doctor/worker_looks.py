"""Whether somebody takes the messages of each queue."""

from __future__ import annotations

from collections.abc import Iterator

import redis

from cli.doctor.findings import Finding, State, unknown
from cli.doctor.place import Place
from common.messaging.broker import GPU, QUEUES
from common.messaging.live_workers import STUCK, read_workers, takes_from

MISSED = {
    "captions": "captions are kept and not saved",
    "cpu": "imports, splits and exports wait",
    "search": "nobody can search",
    "gpu": "trainings and indexes wait",
    "maintenance": "index.csv lags behind, and nothing is cleaned up",
}


def look_at_workers(place: Place) -> Iterator[Finding]:
    """By what the workers tell of themselves in Redis."""
    try:
        workers = read_workers(place.redis)
    except redis.RedisError:
        yield unknown("workers", "Redis does not answer")
        return
    for one in workers:
        if one.get("state") == STUCK:
            yield Finding(
                f"workers: {one['name']}", "fail", f"it lives, and took nothing since {one.get('last_loop_at')}",
                "Look at its log and start it anew: what it runs is found and goes on elsewhere.",
            )  # fmt: skip
    for queue in QUEUES:
        names = [str(one["name"]) for one in workers if takes_from(one, queue)]
        if names:
            yield Finding(f"workers: {queue}", "ok", ", ".join(names))
            continue
        state: State = "warn" if queue == GPU else "fail"
        yield Finding(
            f"workers: {queue}", state, f"none is there: {MISSED.get(queue, 'its messages wait')}",
            f"Start one: 'clip-browser up', or 'clip-browser worker {queue}', or its container.",
        )  # fmt: skip
