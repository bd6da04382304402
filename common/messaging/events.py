"""Telling the dashboards. Snapshot first (the database), then emit: an emit may be lost.

Nobody who tells waits for Redis: what is told gathers in a bounded outbox, which a thread of its own empties
into one message at a time. A Redis that is away or silent costs old news, never a heartbeat.
"""

from __future__ import annotations

import json
import logging
import os
import threading
import time
import weakref
from collections import OrderedDict
from collections.abc import Hashable, Iterator
from typing import Any

import redis as redis_client
from redis.backoff import NoBackoff
from redis.retry import Retry

from common.db.tables import Job
from common.jobs import reports
from common.settings import Settings

log = logging.getLogger(__name__)
CHANNEL = "clip-browser:events"
API = "api"  # the room of the API's own processes: no tab can enter it
MAX_WAITING = 2000  # events; some MB
MAX_TOGETHER = 256  # events in one message
SILENCE_S = 3.0  # a Redis that has not answered for so long is away
GATHER_S = 0.1  # after a message what is told gathers for so long: the first one goes at once
PAUSE_S = 0.5  # between two tries
CLOSING_S = 1.0  # what waits at the end of the process may take so long


def read_message(message: str) -> Iterator[tuple[str, str]]:
    """What a message of CHANNEL holds: of each event its rooms and `[event, data]`, both as JSON.

    So who has nobody in these rooms need not read the event. JSON has neither tabs nor ends of lines within.
    """
    for line in message.split("\n"):
        rooms, _, told = line.partition("\t")
        yield rooms, told


def jobs_room(dataset_id: str | None, created_by: str) -> str:
    """The room of those who have joined `jobs` and see the jobs of a dataset, or those of a person that belong to none."""
    return f"jobs of {dataset_id}" if dataset_id else f"jobs by {created_by}"


class Events:
    """Tells the API's processes, which deliver. Thread-safe, and a forked process may go on with it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._outbox = self._make_outbox()

    def _make_outbox(self) -> Outbox:
        outbox = Outbox(self._settings.redis_url)
        weakref.finalize(self, outbox.close, CLOSING_S)  # at the end of the process at the latest
        return outbox

    @property
    def dropped(self) -> int:
        """How many events were never sent, since too many waited."""
        return self._outbox.dropped

    def emit(
        self, event: str, data: dict[str, Any], rooms: list[str], key: Hashable | None = None
    ) -> None:
        """Tell everybody in these rooms, each once, soon; never waits and never raises.

        key: of what waits still, this replaces what was told under the same key.
        """
        try:
            told = f"{json.dumps(rooms)}\t{json.dumps([event, data])}"
        except (TypeError, ValueError):
            log.warning("event %s to %s cannot be written as JSON", event, rooms, exc_info=True)
            return
        if self._outbox.pid != os.getpid():
            self._outbox = self._make_outbox()
        self._outbox.put(told, key)

    def close(self) -> None:
        """Send what waits, for a second at most: for processes that end without Python's own end."""
        self._outbox.close(CLOSING_S)

    def job(self, job: Job) -> None:
        """A job's progress record, to its own room and to those who see it in `jobs`: of each state the newest."""
        rooms = [f"job:{job.id}", jobs_room(job.dataset_id, job.created_by)]
        self.emit("job", reports.progress_record(job), rooms, ("job", job.id, job.state))

    def queue(self, name: str) -> None:
        """The order of a queue has changed, or whether it is paused: `{name}`, to the room `jobs`."""
        self.emit("queue", {"name": name}, ["jobs"], ("queue", name))

    def dataset(self, dataset_id: str) -> None:
        """The counts or steps of a dataset have changed."""
        rooms = [f"dataset:{dataset_id}"]
        self.emit("dataset", {"dataset_id": dataset_id}, rooms, ("dataset", dataset_id))

    def caption(self, dataset_id: str, data: dict[str, Any]) -> None:
        """A caption was saved: `{image_id, slot, revision, text, by, client_id}`; text None: taken away."""
        self.emit("caption", data, [f"dataset:{dataset_id}"])

    def image(self, dataset_id: str, data: dict[str, Any]) -> None:
        """A mark has changed: `{image_id, flagged_by, flag_note, reviewed_by, tag}`."""
        self.emit("image", data, [f"dataset:{dataset_id}"])

    def caption_conflict(self, dataset_id: str, data: dict[str, Any]) -> None:
        """A caption was not saved, since another revision is there: `{client_id, current}`."""
        self.emit("caption_conflict", data, [f"dataset:{dataset_id}"])

    def people(self) -> None:
        """A token or a person has changed: the API's processes ask the database again."""
        self.emit("people", {}, [API], "people")


class Outbox:
    """What one process has told and Redis has not yet got: at most MAX_WAITING, the oldest go first.

    dropped: how many went unsent.
    """

    def __init__(self, redis_url: str) -> None:
        self.pid = os.getpid()
        self.dropped = 0
        self._redis = redis_client.Redis.from_url(
            redis_url, socket_timeout=SILENCE_S, socket_connect_timeout=SILENCE_S,
            retry=Retry(NoBackoff(), 0),
        )  # fmt: skip
        self._waiting: OrderedDict[Hashable, str] = OrderedDict()
        self._changed = threading.Condition()
        self._sending = False
        self._closing = threading.Event()
        self._is_away = False
        self._thread: threading.Thread | None = None

    def put(self, told: str, key: Hashable | None) -> None:
        """Add an event, or put it in the place of the one that waits under this key."""
        with self._changed:
            self._waiting[object() if key is None else key] = told
            self._drop_oldest()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="events", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def close(self, timeout_s: float) -> None:
        """Wait until all is sent, for `timeout_s` seconds at most; then the thread ends."""
        if self.pid != os.getpid():
            return  # a forked process: the thread is its parent's
        until = time.monotonic() + timeout_s
        self._closing.set()
        with self._changed:
            self._changed.notify_all()
            while (self._waiting or self._sending) and time.monotonic() < until:
                self._changed.wait(max(0.01, until - time.monotonic()))

    def _drop_oldest(self) -> None:
        while len(self._waiting) > MAX_WAITING:
            self._waiting.popitem(last=False)
            self.dropped += 1

    def _run(self) -> None:
        while batch := self._next():
            if not self._send(list(batch.values())):
                self._put_back(batch)
                time.sleep(PAUSE_S)
            with self._changed:
                self._sending = False
                self._changed.notify_all()
            self._closing.wait(GATHER_S)

    def _next(self) -> dict[Hashable, str]:
        """What goes into the next message; nothing once all is sent and the outbox is closed."""
        with self._changed:
            while not self._waiting and not self._closing.is_set():
                self._changed.wait()
            count = min(MAX_TOGETHER, len(self._waiting))
            batch = dict(self._waiting.popitem(last=False) for _ in range(count))
            self._sending = bool(batch)
            if not batch:
                self._thread = None  # should anything come now, another one begins
            return batch

    def _send(self, batch: list[str]) -> bool:
        try:
            self._redis.publish(CHANNEL, "\n".join(batch))
        except redis_client.RedisError as problem:
            if not self._is_away:
                log.warning("events wait: Redis does not answer (%s)", type(problem).__name__)
            self._is_away = True
            return False
        if self._is_away:
            log.warning("events are sent again; %d were dropped so far", self.dropped)
        self._is_away = False
        return True

    def _put_back(self, batch: dict[Hashable, str]) -> None:
        """Before what came since, and only what nothing newer has replaced."""
        with self._changed:
            for key, told in reversed(batch.items()):
                if key not in self._waiting:
                    self._waiting[key] = told
                    self._waiting.move_to_end(key, last=False)
            self._drop_oldest()
