from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from common.errors import QueueUnavailable
from common.messaging.broker import CPU, Queue
from common.messaging.replies import Replies
from common.settings import load_settings
from tests.servers import redis_server


def test_messages_of_every_priority_are_counted(tmp_path: Path) -> None:
    with redis_server(tmp_path) as server:
        queue = Queue(load_settings(redis_url=server.url))
        assert queue.depth(CPU) == 0
        for priority in (0, 5, 9):
            queue.send("jobs.probe", ["x"], CPU, priority=priority)
        assert queue.depth(CPU) == 3


def test_a_redis_that_is_gone_is_said_within_seconds_and_one_that_returns_is_used(
    tmp_path: Path,
) -> None:
    with redis_server(tmp_path) as server:
        queue = Queue(load_settings(redis_url=server.url))
        queue.send("jobs.probe", ["x"], CPU)
        server.stop()
        began = time.monotonic()
        with pytest.raises(QueueUnavailable, match="Redis does not answer"):
            queue.send("jobs.probe", ["x"], CPU)
        with pytest.raises(QueueUnavailable):
            queue.depth(CPU)
        assert time.monotonic() - began < 10
        server.start()
        queue.send("jobs.probe", ["x"], CPU)
        assert queue.depth(CPU) >= 1


def test_a_reply_reaches_the_thread_that_waits_for_it(redis_url: str) -> None:
    replies = Replies(load_settings(redis_url=redis_url))
    answers: list[object] = []
    waiting = threading.Thread(target=lambda: answers.append(replies.wait("r1", 10)))
    waiting.start()
    replies.give("r1", {"revision": 3})
    waiting.join(10)
    assert answers == [{"revision": 3}]


def test_a_reply_given_before_anybody_waits_is_kept_and_none_means_time_is_over(
    redis_url: str,
) -> None:
    replies = Replies(load_settings(redis_url=redis_url))
    replies.give("r2", {"ok": True})
    assert replies.wait("r2", 1) == {"ok": True}
    began = time.monotonic()
    assert replies.wait("r2", 0.3) is None
    assert time.monotonic() - began < 3


def test_who_waits_for_a_reply_hears_within_seconds_that_redis_no_longer_speaks(
    tmp_path: Path,
) -> None:
    with redis_server(tmp_path) as server:
        replies = Replies(load_settings(redis_url=server.url))
        assert replies.wait("nobody", 0.1) is None
        server.pause()
        began = time.monotonic()
        for _ in range(3):
            with pytest.raises(QueueUnavailable, match="Redis does not answer"):
                replies.wait("nobody", 60)
        assert time.monotonic() - began < 5
        server.resume()
