"""What the tasks of one process work with; built once per process, after the pool has forked."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache

from common.db.engine import (
    SessionFactory,
    impatient_factory,
    lone_write_factory,
    open_engine,
    reader_factory,
    session_factory,
)
from common.messaging.broker import Queue
from common.messaging.events import Events
from common.messaging.replies import Replies
from common.messaging.stop_calls import StopCalls
from common.settings import Settings, load_settings
from common.store import ArtifactStore, open_store

# A thousand workers are a thousand connections that stay; the few moments of two threads at once cost a new one.
KEPT_CONNECTIONS = 1


@dataclass(frozen=True)
class Services:
    """The clients of one worker process.

    heartbeats: sessions that wait for nobody long. pulses: the same, of a single statement.
    """

    settings: Settings
    sessions: SessionFactory
    readers: SessionFactory
    heartbeats: SessionFactory
    pulses: SessionFactory
    store: ArtifactStore
    queue: Queue
    events: Events
    replies: Replies
    stop_calls: StopCalls


def open_services(settings: Settings) -> Services:
    """Open everything that `settings` names."""
    engine = open_engine(settings.database, kept=KEPT_CONNECTIONS)
    return Services(
        settings=settings,
        sessions=session_factory(engine),
        readers=reader_factory(engine),
        heartbeats=impatient_factory(engine),
        pulses=lone_write_factory(engine),
        store=open_store(settings.store),
        queue=Queue(settings),
        events=Events(settings),
        replies=Replies(settings),
        stop_calls=StopCalls(settings),
    )


@lru_cache(maxsize=1)
def _services_of(_pid: int) -> Services:
    return open_services(load_settings())


def process_services() -> Services:
    """This process's services; a forked process gets its own."""
    return _services_of(os.getpid())
