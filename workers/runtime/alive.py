"""`python -m workers.runtime.alive`: is this container's worker (or `--beat`: beat) at work?

For health checks. A worker counts as alive while it announces itself in Redis and its loop takes messages
(see `workers/runtime/presence.py`): a process that lives but hangs does not.
"""

from __future__ import annotations

import argparse
import json
import socket
import sys
import time
from pathlib import Path
from typing import Any

import redis as redis_client

from common.messaging.live_workers import PREFIX, STUCK
from common.settings import load_settings

BEAT_SYNC_S = 600.0  # beat touches its file every minute


def find_workers(redis_url: str, host: str) -> list[str]:
    """Names of the workers of this host that take messages. Raises RedisError."""
    with redis_client.Redis.from_url(
        redis_url, socket_timeout=5, socket_connect_timeout=5, decode_responses=True
    ) as client:
        keys = list(client.scan_iter(match=f"{PREFIX}*@{host}", count=1000))
        found: Any = client.mget(keys) if keys else []
    told = {str(key): json.loads(record) for key, record in zip(keys, found, strict=True) if record}
    return sorted(
        key.removeprefix(PREFIX) for key, one in told.items() if one.get("state") != STUCK
    )


def seconds_since_beat(work_dir: Path) -> float | None:
    """How long ago beat last gave a sign of life; None when it never did."""
    written = [path.stat().st_mtime for path in work_dir.glob("beat-schedule*")]
    return time.time() - max(written) if written else None


def main() -> int:
    """0 when alive, else 1 and a sentence."""
    parser = argparse.ArgumentParser(prog="python -m workers.runtime.alive")
    parser.add_argument("--beat", action="store_true", help="look for beat, not a worker")
    settings = load_settings()
    if parser.parse_args().beat:
        age_s = seconds_since_beat(settings.work_dir)
        return _say(age_s is not None and age_s < BEAT_SYNC_S, f"sign of life {age_s} s ago")
    host = socket.gethostname()
    try:
        names = find_workers(settings.redis_url, host)
    except redis_client.RedisError as problem:
        return _say(False, f"Redis does not answer: {problem}")
    return _say(bool(names), ", ".join(names) or f"no worker of {host} takes messages")


def _say(alive: bool, detail: str) -> int:
    print(detail, file=sys.stdout if alive else sys.stderr)
    return 0 if alive else 1


if __name__ == "__main__":
    raise SystemExit(main())
