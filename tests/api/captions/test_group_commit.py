"""Captions on their way to the queue, when Redis hangs or an answer cannot be read."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from api.captions import group_commit
from api.captions.group_commit import GroupCommit
from common.errors import QueueUnavailable
from common.messaging.broker import Queue
from common.messaging.replies import Replies
from common.settings import load_settings
from tests.servers import redis_server

SAVE = {"image_id": 1, "text": "a cat", "base_revision": 0, "client_id": "c", "author": "ada"}


def test_a_redis_that_hangs_is_told_within_seconds_and_the_next_save_goes_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_commit, "SEND_S", 1.0)
    with redis_server(tmp_path) as redis:
        settings = load_settings(data_dir=tmp_path, redis_url=redis.url, secret_key="k" * 32)
        queue = Queue(settings)
        sending = GroupCommit(queue, Replies(settings))
        assert sending.save(SAVE, 0) is None
        os.kill(redis.pid, signal.SIGSTOP)
        try:
            began = time.monotonic()
            with pytest.raises(QueueUnavailable, match="has not answered"):
                sending.save(SAVE, 0)
            assert time.monotonic() - began < 5
        finally:
            os.kill(redis.pid, signal.SIGCONT)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                assert sending.save(SAVE, 0) is None
                break
            except QueueUnavailable:
                time.sleep(0.2)
        assert queue.depth("captions") >= 2


def test_an_answer_that_cannot_be_read_ends_no_listening(tmp_path: Path) -> None:
    with redis_server(tmp_path) as redis:
        settings = load_settings(data_dir=tmp_path, redis_url=redis.url, secret_key="k" * 32)
        queue, replies = Queue(settings), Replies(settings)
        sending = GroupCommit(queue, replies)
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(sending.save, SAVE, 20.0)
            while not queue.depth("captions"):
                time.sleep(0.05)
            queue.redis.rpush(f"clip-browser:reply:{sending.name}", "no JSON")
            replies.give(sending.name, {"c": {"revision": 1}})
            assert waiting.result() == {"revision": 1}
