"""The real servers that other tests stand on come, answer, come back after a kill, and go."""

from __future__ import annotations

from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from common.store import open_store
from tests.servers import postgres_server, redis_server, server_folder


def test_redis_answers(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.ping()
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}


def test_redis_with_an_append_only_file_keeps_its_data_over_a_kill(tmp_path: Path) -> None:
    with redis_server(tmp_path, "--appendonly", "yes", "--appendfsync", "always") as server:
        with redis.Redis.from_url(server.url) as client:
            client.set("key", "value")
        server.kill()
        with redis.Redis.from_url(server.url) as client, pytest.raises(redis.ConnectionError):
            client.get("key")
        server.start()
        with redis.Redis.from_url(server.url) as client:
            assert client.get("key") == b"value"


@pytest.mark.parametrize("time", ["first", "second"])
def test_each_test_gets_an_empty_postgres_database(postgres_url: str, time: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        connection.execute("CREATE TABLE only_once (id int)")


def test_an_s3_server_takes_artifacts(s3_url: str) -> None:
    store = open_store(s3_url)
    store.put_bytes("servers/a", b"x")
    assert store.get_bytes("servers/a") == b"x"


def test_a_server_leaves_no_process(tmp_path: Path) -> None:
    with server_folder() as folder, postgres_server(folder) as server:
        started = psutil.Process(server.pid)
        family = [started, *started.children(recursive=True)]
        assert len(family) > 1
    assert not any(process.is_running() for process in family)
    assert not folder.exists()
