"""Telling the dashboards: nobody who tells waits, whatever Redis does."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import redis as redis_client

from common.db.tables import Job, now
from common.messaging import events
from common.messaging.events import CHANNEL, Events, read_message
from common.settings import Settings, as_environment, load_settings
from tests.workers.conftest import wait_until


@contextmanager
def silent_server() -> Iterator[str]:
    """Accepts every connection, reads, and never answers: its URL."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        kept: list[socket.socket] = []

        def accept() -> None:
            while True:
                try:
                    kept.append(server.accept()[0])
                except OSError:
                    return

        threading.Thread(target=accept, daemon=True).start()
        yield f"redis://127.0.0.1:{server.getsockname()[1]}/0"
        server.shutdown(socket.SHUT_RDWR)
        for each in kept:
            each.close()


def settings_of(redis_url: str) -> Settings:
    return load_settings(redis_url=redis_url)


def a_job(done: int, state: str = "running") -> Job:
    return Job(
        id="j1", kind="train", queue="gpu", state=state, seq=done, params={}, notes=[],
        progress={"done": done}, created_by="ada", created_at=now(),
    )  # fmt: skip


class Ear:
    """Hears what is told in a Redis."""

    def __init__(self, url: str) -> None:
        self._line = redis_client.Redis.from_url(url).pubsub(  # type: ignore[no-untyped-call]
            ignore_subscribe_messages=True
        )
        self._line.subscribe(CHANNEL)
        self._line.get_message(timeout=5)

    def messages(self, timeout_s: float = 1.0) -> Iterator[list[Any]]:
        """Each message, until none comes for so long."""
        while (message := self._line.get_message(timeout=timeout_s)) is not None:
            told = read_message(message["data"].decode())
            yield [[*json.loads(event), json.loads(rooms)] for rooms, event in told]

    def events(self, count: int) -> list[Any]:
        """The next `count` events."""
        found: list[Any] = []
        for message in self.messages(20.0):
            found += message
            if len(found) >= count:
                break
        return found


def wait_until_it_hangs(told: Events) -> None:
    """With what was told so far, on a Redis that is silent: what comes now waits."""
    wait_until(lambda: told._outbox._sending and not told._outbox._waiting, what="the sending")


@pytest.mark.timed
def test_a_silent_redis_delays_nobody_who_tells() -> None:
    with silent_server() as url:
        told = Events(settings_of(url))
        began = time.monotonic()
        for number in range(200):
            told.job(a_job(number))
            told.dataset("cats")
        assert time.monotonic() - began < 0.5  # one emit took 10 s and more


def test_what_a_process_tells_comes_in_its_order_and_once(redis_url: str) -> None:
    ear = Ear(redis_url)
    told = Events(settings_of(redis_url))
    for number in range(100):
        told.caption("cats", {"image_id": number})
    assert ear.events(100) == [
        ["caption", {"image_id": number}, ["dataset:cats"]] for number in range(100)
    ]


def test_of_a_jobs_progress_the_newest_waits_and_of_its_states_each(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "PAUSE_S", 0.05)
    with silent_server() as away:
        told = Events(settings_of(away))
        outbox = told._outbox
        told.caption("cats", {})
        wait_until_it_hangs(told)
        for number in range(50):
            told.job(a_job(number, "queued" if number == 0 else "running"))
        told.job(a_job(50, "succeeded"))
        ear = Ear(redis_url)
        outbox._redis = redis_client.Redis.from_url(redis_url)
    heard = [(name, data.get("state"), data.get("seq")) for name, data, _ in ear.events(4)]
    assert heard == [
        ("caption", None, None), ("job", "queued", 0), ("job", "running", 49), ("job", "succeeded", 50),
    ]  # fmt: skip


def test_too_many_that_wait_drop_the_oldest_and_are_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(events, "MAX_WAITING", 10)
    monkeypatch.setattr(events, "SILENCE_S", 60.0)
    with silent_server() as url:
        told = Events(settings_of(url))
        told.caption("cats", {})
        wait_until_it_hangs(told)
        for number in range(60):
            told.caption("cats", {"image_id": number})
        assert told.dropped == 50
        newest = [
            json.loads(event)[1]["image_id"]
            for waiting in told._outbox._waiting.values()
            for _, event in read_message(waiting)
        ]
        assert newest == list(range(50, 60))


TELLING = """
from common.messaging.events import Events
from common.settings import load_settings

told = Events(load_settings())
for number in range(300):
    told.caption("cats", {"image_id": number})
"""


def test_what_waits_at_the_end_of_a_process_is_sent(redis_url: str) -> None:
    ear = Ear(redis_url)
    subprocess.run(
        [sys.executable, "-c", TELLING], env=as_environment(settings_of(redis_url)), check=True
    )
    assert len(ear.events(300)) == 300


@pytest.mark.timed
def test_a_silent_redis_holds_the_end_of_a_process_for_a_second() -> None:
    with silent_server() as url:
        done = subprocess.run(
            [sys.executable, "-c", f"{TELLING}import time; print(time.time())"],
            env=as_environment(settings_of(url)), check=True, timeout=30, capture_output=True,
        )  # fmt: skip
        assert 0.9 < time.time() - float(done.stdout) < 4


def test_a_forked_process_tells_by_itself(redis_url: str) -> None:
    ear = Ear(redis_url)
    told = Events(settings_of(redis_url))
    told.dataset("parent")
    assert ear.events(1)[0][1] == {"dataset_id": "parent"}
    child = os.fork()
    if child == 0:
        told.dataset("child")
        told.close()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert ear.events(1)[0][1] == {"dataset_id": "child"}


def test_what_is_no_json_is_refused_alone(redis_url: str) -> None:
    ear = Ear(redis_url)
    told = Events(settings_of(redis_url))
    told.caption("cats", {"text": object()})
    told.caption("cats", {"text": "fine"})
    assert ear.events(1) == [["caption", {"text": "fine"}, ["dataset:cats"]]]
