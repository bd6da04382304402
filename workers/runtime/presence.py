"""Workers tell that they are there, from a thread of their own.

A loop that loads a model or hangs says nothing for minutes; the thread does, and tells how long the loop has
been silent (`last_loop_at`, state `stuck`). So nobody takes a worker that is busy for one that has gone,
nor one that hangs for one that works.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from datetime import timedelta
from typing import Any, ClassVar

import redis as redis_client
from celery import bootsteps, signals

from common.db.tables import now
from common.messaging.broker import GPU
from common.messaging.live_workers import PREFIX
from common.settings import load_settings
from workers.runtime.fleet.activity import loading_now, wait_for_change
from workers.runtime.fleet.record import Loop, build_facts, list_runs, read_llm, state_of

log = logging.getLogger(__name__)
EVERY_S = 5.0
KEPT_S = 16
LOOK_EVERY_S = 1.0  # whether the state is another one
LOOP_EVERY_S = 1.0
STUCK_SHARE = 0.5  # of a lease: what has been silent for the whole of it is taken for lost
LEAST_STUCK_S = 3.0


class WorkerPresence(bootsteps.StartStopStep):
    """Writes `clip-browser:worker:<name>` to Redis every five seconds; it expires after sixteen."""

    requires: ClassVar[set[str]] = {"celery.worker.consumer.tasks:Tasks"}

    def __init__(self, parent: Any, **kwargs: Any) -> None:
        super().__init__(parent, **kwargs)
        self._timer: Any = None
        self._teller = Teller(parent)

    def start(self, parent: Any) -> None:
        """The loop takes messages from now on."""
        self._teller.attach()
        self._timer = parent.timer.call_repeatedly(LOOP_EVERY_S, self._teller.beat, priority=10)

    def stop(self, parent: Any) -> None:
        """The connection was lost, or the worker ends."""
        if self._timer is not None:
            self._timer.cancel()
        self._teller.detach()


class Teller:
    """The thread that writes the record of a worker. The loop only notes that it has been round."""

    def __init__(self, consumer: Any) -> None:
        self._consumer = consumer
        self._settings = load_settings()
        self._stuck_after_s = max(LEAST_STUCK_S, self._settings.lease_s * STUCK_SHARE)
        self._since = now().isoformat()
        self._redis = redis_client.Redis.from_url(
            consumer.app.conf.broker_url, socket_timeout=2, socket_connect_timeout=2
        )
        self._blocks = "solo" in type(consumer.pool).__module__
        self._facts: dict[str, Any] = {}
        self._beat_at = time.monotonic()
        self._attached = self._ending = False
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="presence", daemon=True)

    def attach(self) -> None:
        """The consumer has a connection. The pool has forked by now, so a thread does no harm."""
        if not self._facts:
            queues = sorted(queue.name for queue in self._consumer.task_consumer.queues)
            self._facts = build_facts(self._settings, self._consumer.hostname, queues)
        self.beat()
        self._attached = True
        if self._thread.ident is None:
            signals.worker_shutting_down.connect(self._begin_end)
            signals.worker_shutdown.connect(self._end)
            self._thread.start()

    def detach(self) -> None:
        """The consumer has lost its connection, or ends."""
        self._attached = False

    def beat(self) -> None:
        """The loop has been round."""
        self._beat_at = time.monotonic()

    def _begin_end(self, **_: object) -> None:
        self._ending = True

    def _end(self, **_: object) -> None:
        self._ended.set()
        self._thread.join(KEPT_S)
        try:
            self._redis.delete(PREFIX + self._facts["name"])
        except redis_client.RedisError:
            log.info("the record stays until it expires: Redis is away")

    def _run(self) -> None:
        told, told_at = "", float("-inf")
        while not self._ended.is_set():
            try:
                record = self._build()
                state = record["state"]
                if state != told or time.monotonic() - told_at >= EVERY_S:
                    self._write(record)
                    told, told_at = state, time.monotonic()
            except Exception:
                log.exception("the record of this worker was not written")
            wait_for_change(LOOK_EVERY_S)

    def _build(self) -> dict[str, Any]:
        silent_s = time.monotonic() - self._beat_at
        runs = list_runs()
        loop = Loop(self._attached, silent_s, self._blocks)
        return {
            **self._facts,
            "concurrency": self._consumer.pool.num_processes,
            "started_at": self._since,
            "llm": read_llm(self._settings) if GPU in self._facts["queues"] else None,
            "state": state_of(loop, runs, self._stuck_after_s, self._ending),
            "loading": loading_now(),
            "runs": runs,
            "last_loop_at": (now() - timedelta(seconds=silent_s)).isoformat(),
            "told_at": now().isoformat(),
        }

    def _write(self, record: dict[str, Any]) -> None:
        try:
            self._redis.set(PREFIX + record["name"], json.dumps(record), ex=KEPT_S)
        except redis_client.RedisError:
            return
