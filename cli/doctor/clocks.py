"""Whether the clocks of this machine, the database, Redis and the store tell the same time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import redis
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from cli.doctor.findings import Finding, State
from cli.doctor.place import Place
from cli.doctor.store_looks import PROBE_KEY
from common.errors import ClipBrowserError

NOTICED_S = 2.0  # S3 tells whole seconds
ASKED = 3  # times: the quickest answer says most
HARMFUL_S = 10.0  # a third of a lease; S3 refuses requests from 900 s on


def look_at_clocks(place: Place) -> Iterator[Finding]:
    """Each against this machine's, as far as it answers."""
    asked: list[tuple[str, Callable[[Place], float | None]]] = [
        ("clock: database", _of_database),
        ("clock: redis", _of_redis),
        ("clock: store", _of_store),
    ]
    for check, ask in asked:
        try:
            answers = [_timed(ask, place) for _ in range(ASKED)]
        except (SQLAlchemyError, redis.RedisError, ClipBrowserError):
            continue  # that it is away stands elsewhere
        known = [each for each in answers if each is not None]
        if known:
            yield judge_clock(check, *min(known, key=lambda each: each[1]))


def _timed(ask: Callable[[Place], float | None], place: Place) -> tuple[float, float] | None:
    """How far that clock is ahead of ours, and how long the answer took, both in seconds."""
    began = time.time()
    theirs = ask(place)
    ended = time.time()
    return None if theirs is None else (theirs - (began + ended) / 2, ended - began)


def judge_clock(check: str, ahead_s: float, asked_s: float) -> Finding:
    """ahead_s: how far the other one is ahead of ours. asked_s: how long the answer took, which is doubt."""
    apart_s = max(0.0, abs(ahead_s) - asked_s / 2)
    side = "ahead of" if ahead_s > 0 else "behind"
    found = f"{abs(ahead_s):.1f} s {side} this machine's"
    if apart_s < NOTICED_S:
        return Finding(check, "ok", found)
    state: State = "warn" if apart_s < HARMFUL_S else "fail"
    return Finding(
        check, state, found, "Let NTP set the clocks of both machines (chrony, timesyncd)."
    )


def _of_database(place: Place) -> float | None:
    """PostgreSQL's; SQLite has none of its own."""
    if place.database is None or place.database.dialect.name == "sqlite":
        return None
    with place.database.connect() as connection:
        return float(connection.scalar(text("SELECT extract(epoch FROM clock_timestamp())")) or 0)


def _of_redis(place: Place) -> float | None:
    seconds, micros = place.redis.time()
    return int(seconds) + int(micros) / 1e6


def _of_store(place: Place) -> float | None:
    """What an S3 server writes on what it gets; a folder is written by our own clock."""
    if place.store.local_path(PROBE_KEY) is not None:
        return None
    place.store.put_bytes(PROBE_KEY, b"what time is it?")
    try:
        # whole seconds, cut off: half a second more is the likeliest
        return place.store.stat(PROBE_KEY).modified_at.timestamp() + 0.5
    finally:
        place.store.delete(PROBE_KEY)
