"""Pings: they come, and what has ended leaves no thread that waits for its ping."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable
from typing import Any

import engineio
import psutil
import pytest
from engineio.packet import PING
from engineio.socket import Socket

from api.live.pings import Pings
from tests.api.conftest import Service, wait_until
from tests.api.serving import Browser


def test_connections_that_have_ended_leave_no_thread(
    served: Service, browse: Callable[..., Browser]
) -> None:
    def come_and_go() -> None:
        for _ in range(6):
            browse(served.admin_token).client.disconnect()

    come_and_go()  # what the first connections start stays
    before = threads_of_the_api()
    come_and_go()
    wait_until(lambda: threads_of_the_api() <= before + 3, 5)


def threads_of_the_api() -> int:
    found = psutil.Process().children(recursive=True)
    return sum(each.num_threads() for each in found if "api.serve" in " ".join(each.cmdline()))


@pytest.fixture
def engine() -> Any:
    server = engineio.Server(async_mode="threading", ping_interval=1)
    server.ping_interval = 0.2
    Pings(server)
    return server


def test_each_open_connection_gets_its_pings(engine: Any) -> None:
    lines = [Socket(engine, str(number)) for number in range(3)]
    threads = threading.active_count()
    for _ in range(2):
        for line in lines:
            line.schedule_ping()
        assert threading.active_count() <= threads + 1
        began = time.monotonic()
        assert [[each.packet_type for each in line.poll()] for line in lines] == [[PING]] * 3
        assert 0.1 < time.monotonic() - began < 5


def test_a_connection_that_has_ended_is_neither_pinged_nor_kept(engine: Any) -> None:
    ended, gone, open_one = (Socket(engine, name) for name in "abc")
    for line in (ended, gone, open_one):
        line.schedule_ping()
    ended.close(wait=False, abort=True)
    ended.queue.get()  # the mark that it is closed
    del gone, line
    gc.collect()
    assert [each.packet_type for each in open_one.poll()] == [PING]
    assert ended.queue.empty()
