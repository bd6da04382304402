"""Whether what the service stands on answers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from api.ops.schemas import Health, RedisState
from api.services import Services
from common.errors import ClipBrowserError, QueueUnavailable
from common.messaging.server_version import read_server_version


@dataclass(frozen=True)
class Parts:
    """What was found of each."""

    database: Health
    redis: RedisState
    store: Health


def check_parts(services: Services) -> Parts:
    """All three at once: who asks waits for the slowest, not for the sum."""
    with ThreadPoolExecutor(3, "checks") as pool:
        database = pool.submit(check_database, services)
        redis = pool.submit(check_redis, services)
        store = pool.submit(check_store, services)
        return Parts(database.result(), redis.result(), store.result())


def check_database(services: Services) -> Health:
    """Whether it answers a query."""
    try:
        with services.readers() as session:
            session.execute(text("SELECT 1"))
    except SQLAlchemyError as problem:
        return Health(ok=False, detail=type(problem).__name__)
    return Health(ok=True, detail="answers")


def check_redis(services: Services) -> RedisState:
    """Whether it answers, and what it is."""
    try:
        info = services.queue.ping()
    except QueueUnavailable as away:
        return RedisState(ok=False, server="", detail=away.message)
    return RedisState(ok=True, server=str(read_server_version(info)), detail="answers")


def check_store(services: Services) -> Health:
    """Whether it answers; the detail says where the store is, or what is wrong."""
    try:
        services.store.check()
    except ClipBrowserError as problem:
        return Health(ok=False, detail=f"{problem.message} {problem.remedy}".strip())
    return Health(ok=True, detail=services.store.describe())
