"""Hears in Redis what workers and other API processes tell (`common.messaging.events`)."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any

import redis as redis_client

from common.messaging.events import CHANNEL, read_message

log = logging.getLogger(__name__)
SILENCE_S = 5.0  # a line that has said nothing for so long is asked whether it lives
PAUSE_S = 0.5
Deliver = Callable[[list[tuple[str, Any]], list[str]], None]
IsHeard = Callable[[list[str]], bool]


class EventListener:
    """A thread that gives events in a row of the same rooms to `deliver([(event, data), ...], rooms)`, until
    the process ends.

    is_heard: whether anybody of this process is in these rooms; else their events are not even read.
    missed: called when a line to Redis is back, since what was told meanwhile was not heard.
    """

    def __init__(
        self, redis_url: str, deliver: Deliver, is_heard: IsHeard, missed: Callable[[], None]
    ) -> None:
        self._deliver, self._is_heard, self._missed = deliver, is_heard, missed
        self._redis = redis_client.Redis.from_url(
            redis_url, socket_connect_timeout=SILENCE_S, socket_timeout=SILENCE_S * 2,
            health_check_interval=int(SILENCE_S), decode_responses=True,
        )  # fmt: skip

    def start(self) -> None:
        """Begin to listen."""
        threading.Thread(target=self._run, name="listener", daemon=True).start()

    def _run(self) -> None:
        was_away = False
        while True:
            try:
                for message in self._messages():
                    if message is None and was_away:
                        self._missed()
                        was_away = False
                    elif message is not None:
                        self._hand_over(message)
            except Exception as problem:  # whatever it is, the next line may do better
                if not was_away:
                    log.warning("events are not heard: %s", type(problem).__name__)
                was_away = True
                time.sleep(PAUSE_S)

    def _messages(self) -> Iterator[str | None]:
        """First None, once it listens; then what is told."""
        with self._redis.pubsub(ignore_subscribe_messages=True) as line:  # type: ignore[no-untyped-call]
            line.subscribe(CHANNEL)
            line.get_message(timeout=SILENCE_S)  # that it is subscribed
            yield None
            while True:
                message = line.get_message(timeout=SILENCE_S)
                if message is not None:
                    yield str(message["data"])

    def _hand_over(self, message: str) -> None:
        for named, lines in groupby(read_message(message), itemgetter(0)):
            try:
                rooms = json.loads(named)
                if self._is_heard(rooms):
                    self._deliver(json.loads(f"[{','.join(told for _, told in lines)}]"), rooms)
            except Exception:  # what one room is told must not keep others from hearing
                log.exception("events to %s were not delivered", named[:200])
