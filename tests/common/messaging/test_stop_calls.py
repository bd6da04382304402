"""Calls to stop a job reach the process that runs it by a real Redis, also after that was away."""

from __future__ import annotations

from pathlib import Path

import pytest

from common.errors import QueueUnavailable
from common.messaging.broker import Queue
from common.messaging.stop_calls import CHANNEL, MAX_CALLS, StopCalls
from common.settings import load_settings
from tests.servers import redis_server
from tests.workers.conftest import wait_until


def test_a_call_is_heard_once_by_who_asks_for_that_job_and_also_after_redis_was_away(
    tmp_path: Path,
) -> None:
    with redis_server(tmp_path) as server:
        settings = load_settings(redis_url=server.url)
        queue, calls = Queue(settings), StopCalls(settings)
        assert not calls.heard("one")
        wait_until(lambda: queue.redis.pubsub_numsub(CHANNEL)[0][1] == 1, what="listening")
        queue.call_stop("one")
        wait_until(lambda: calls.heard("one"), what="the call")
        assert not calls.heard("one")
        assert not calls.heard("other")

        server.kill()
        with pytest.raises(QueueUnavailable):
            queue.call_stop("one")
        server.start()
        wait_until(lambda: queue.redis.pubsub_numsub(CHANNEL)[0][1] == 1, what="listening again")
        queue.call_stop("one")
        wait_until(lambda: calls.heard("one"), what="the call")


def test_of_very_many_calls_the_newest_are_remembered() -> None:
    calls = StopCalls(load_settings())
    for number in range(MAX_CALLS + 1):
        calls.note(f"job {number}")
    assert not calls.heard("job 0")
    assert calls.heard(f"job {MAX_CALLS}")
