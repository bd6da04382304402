"""Redis: whether it answers quickly, and is set up so that it loses no messages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import redis

from cli.doctor.findings import Finding
from cli.doctor.place import Place, took_ms
from common.messaging.server_version import read_server_version

OLDEST = (6, 2)
SLOW_MS = 50.0
FULL = 0.9


def look_at_redis(place: Place) -> Iterator[Finding]:
    """By `INFO` alone, which managed servers answer, too."""
    try:
        info: Any = place.redis.info()
        answer_ms = took_ms(place.redis.ping)
    except redis.AuthenticationError:
        yield Finding(
            "redis", "fail", "it refuses the password", "Check CLIP_BROWSER_REDIS_URL and the server's password."
        )  # fmt: skip
        return
    except redis.RedisError as problem:
        yield Finding(
            "redis", "fail", f"it does not answer: {problem}",
            "Start it, or check CLIP_BROWSER_REDIS_URL; of a service that was started with "
            "`clip-browser up`, name the folder with --data-dir.",
        )  # fmt: skip
        return
    yield _answers(info, answer_ms)
    yield _policy(info)
    yield _keeping(info)


def _answers(info: Any, answer_ms: float) -> Finding:
    server = read_server_version(info)
    name, spoken = str(server), server.speaks
    if spoken < OLDEST:
        return Finding(
            "redis", "fail", f"{name} is too old", "Use Redis 6.2 or newer, or any Valkey."
        )
    if info.get("role") != "master":
        return Finding(
            "redis", "fail", f"{name} is a {info.get('role')}, which cannot be written to",
            "Name the primary in CLIP_BROWSER_REDIS_URL.",
        )  # fmt: skip
    if answer_ms > SLOW_MS:
        return Finding(
            "redis", "warn", f"{name} answers in {answer_ms:.0f} ms",
            "Bring it nearer: each caption waits for two of its answers.",
        )  # fmt: skip
    return Finding("redis", "ok", f"{name} answers in {answer_ms:.1f} ms")


def _policy(info: Any) -> Finding:
    policy, limit = str(info.get("maxmemory_policy", "noeviction")), int(info.get("maxmemory", 0))
    used = int(info.get("used_memory", 0))
    if policy != "noeviction":
        return Finding(
            "redis: memory", "fail", f"maxmemory-policy is {policy}: messages are thrown away when it is full",
            "Set `maxmemory-policy noeviction`.",
        )  # fmt: skip
    if limit and used > FULL * limit:
        return Finding(
            "redis: memory", "fail", f"{used:,} of {limit:,} bytes are used",
            "Raise maxmemory: what it cannot keep is refused.",
        )  # fmt: skip
    return Finding("redis: memory", "ok", f"noeviction, {used / 1024**2:.1f} MiB used")


def _keeping(info: Any) -> Finding:
    check = "redis: persistence"
    if info.get("aof_enabled"):
        if info.get("aof_last_write_status", "ok") != "ok":
            return Finding(
                check, "fail", "its last write to the append-only file failed",
                "Look at its disk and its log: it refuses writes meanwhile.",
            )  # fmt: skip
        return Finding(check, "ok", "an append-only file")
    if info.get("rdb_last_bgsave_status", "ok") != "ok":
        return Finding(
            check, "fail", "its last snapshot failed",
            "Look at its disk and its log: it refuses writes meanwhile.",
        )  # fmt: skip
    return Finding(
        check, "warn", "no append-only file: captions on their way are lost when it restarts",
        "Set `appendonly yes` and `appendfsync everysec`.",
    )  # fmt: skip
