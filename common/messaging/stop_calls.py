"""Calls to stop a job, from whoever asked to the worker that runs it.

The row decides. A call only says that it is worth a look at it now; a worker that hears none, since Redis was
away, say, reads the row all the same each time it extends its lease.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections import OrderedDict

import redis as redis_client

from common.settings import Settings

CHANNEL = "clip-browser:stops"
LISTEN_S = 5.0
RETRY_S = 1.0
MAX_CALLS = 100  # that are remembered; every worker hears all of them


class StopCalls:
    """What one worker process has heard. Thread-safe; listens from the first question on."""

    def __init__(self, settings: Settings) -> None:
        self._redis_url = settings.redis_url
        self._lock = threading.Lock()
        self._jobs: OrderedDict[str, None] = OrderedDict()
        self._thread: threading.Thread | None = None

    def heard(self, job_id: str) -> bool:
        """Whether somebody has called for this job's end since this was asked last."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(
                    target=_listen, args=(weakref.ref(self), self._redis_url), name="stop calls",
                    daemon=True,
                )  # fmt: skip
                self._thread.start()
            return self._jobs.pop(job_id, job_id) is None

    def note(self, job_id: str) -> None:
        """A call for this job was heard."""
        with self._lock:
            self._jobs[job_id] = None
            if len(self._jobs) > MAX_CALLS:
                self._jobs.popitem(last=False)


def _listen(calls: weakref.ref[StopCalls], redis_url: str) -> None:
    """Until nobody asks any more."""
    client = redis_client.Redis.from_url(
        redis_url, socket_connect_timeout=LISTEN_S, health_check_interval=10, decode_responses=True
    )
    while calls() is not None:
        try:
            with client.pubsub(ignore_subscribe_messages=True) as heard:  # type: ignore[no-untyped-call]
                heard.subscribe(CHANNEL)
                while (listener := calls()) is not None:
                    del listener
                    message = heard.get_message(timeout=LISTEN_S)
                    if message is not None and (listener := calls()) is not None:
                        listener.note(str(message["data"]))
        except redis_client.RedisError:
            time.sleep(RETRY_S)
