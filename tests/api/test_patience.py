"""What the API stands on may hang and keep its connections: who asks meanwhile is told so within five seconds."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from api.serve import STORE_ANSWER_S
from common.db.engine import PING_AFTER_S, open_engine
from common.errors import QueueUnavailable, StoreUnavailable
from common.messaging.broker import CPU, Queue
from common.settings import load_settings
from common.silence import LASTS_S
from common.store import open_store
from tests.servers import Server, postgres_server, rclone_server, redis_server, server_folder

LIMIT_S = 5.0
pytestmark = pytest.mark.timed


@contextmanager
def hanging(server: Server) -> Iterator[None]:
    server.pause()
    try:
        yield
    finally:
        server.resume()


@contextmanager
def within(limit_s: float) -> Iterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < limit_s


def test_a_database_that_hangs_with_its_connections() -> None:
    with server_folder() as folder, postgres_server(folder) as server:
        engine = open_engine(server.url, is_watched=True)
        with engine.connect() as connection:
            backend = connection.scalar(text("select pg_backend_pid()"))
        time.sleep(PING_AFTER_S + 0.1)
        os.kill(backend, signal.SIGSTOP)
        try:
            with hanging(server), within(LIMIT_S), pytest.raises(OperationalError):
                engine.connect().close()
        finally:
            os.kill(backend, signal.SIGCONT)
        time.sleep(LASTS_S)  # so long it is not asked again
        with engine.connect() as connection:
            assert connection.scalar(text("select 1")) == 1
        engine.dispose()


def test_a_redis_that_hangs(tmp_path: Path) -> None:
    with redis_server(tmp_path) as server:
        queue = Queue(load_settings(redis_url=server.url))
        queue.send("probe", [], CPU)
        with hanging(server):
            with within(LIMIT_S), pytest.raises(QueueUnavailable):
                queue.send("probe", [], CPU)
            with within(LIMIT_S), pytest.raises(QueueUnavailable):
                queue.depth(CPU)


def test_a_store_that_hangs(tmp_path: Path) -> None:
    with rclone_server(tmp_path) as server:
        store = open_store(server.url, STORE_ANSWER_S)
        store.put_bytes("models/a", b"a")
        with hanging(server), within(LIMIT_S), pytest.raises(StoreUnavailable):
            store.get_bytes("models/a")
        time.sleep(LASTS_S)
        assert store.get_bytes("models/a") == b"a"
