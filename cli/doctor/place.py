"""What the looks look at: the settings of this service, and clients of what it stands on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import redis
from sqlalchemy import Engine
from sqlalchemy.engine import make_url

from cli.people.database import read_settings
from common.db.engine import SessionFactory, open_engine, reader_factory
from common.settings import Settings
from common.store import ArtifactStore, open_store

ANSWER_S = 3.0
TRIES = 5


@dataclass(frozen=True)
class Place:
    """database: None where there is no file of SQLite."""

    settings: Settings
    database: Engine | None
    redis: redis.Redis
    store: ArtifactStore

    @property
    def readers(self) -> SessionFactory | None:
        """Sessions that only read."""
        return None if self.database is None else reader_factory(self.database)


@contextmanager
def open_place(data_dir: Path | None) -> Iterator[Place]:
    """Clients for what the settings name, or what `clip-browser up` left in its data folder.

    Nothing is asked yet. Raises InvalidInput on settings or addresses that do not fit.
    """
    settings = read_settings(data_dir)
    url = make_url(settings.database)
    absent = url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file()
    engine = None if absent else open_engine(settings.database)
    client = redis.Redis.from_url(
        settings.redis_url, socket_timeout=ANSWER_S, socket_connect_timeout=ANSWER_S,
        decode_responses=True,
    )  # fmt: skip
    try:
        yield Place(settings, engine, client, open_store(settings.store))
    finally:
        client.close()
        if engine is not None:
            engine.dispose()


def took_ms(ask: Callable[[], Any]) -> float:
    """The median of some tries of the same question, in milliseconds."""
    times = []
    for _ in range(TRIES):
        began = time.perf_counter()
        ask()
        times.append((time.perf_counter() - began) * 1000)
    return median(times)
