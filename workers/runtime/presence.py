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
from celery.utils.nodenames import host_format

from common.db.tables import now
from common.jobs.workers import RUN, Facts
from common.messaging.broker import GPU
from common.messaging.live_workers import PREFIX, WAITING
from common.settings import Settings, load_settings
from workers.runtime.fleet.activity import loading_now, wait_for_change
from workers.runtime.fleet.orders import Orders
from workers.runtime.fleet.own_name import set_own_name
from workers.runtime.fleet.record import (
    Loop,
    Message,
    build_facts,
    list_messages,
    read_llm,
    state_of,
)
from workers.runtime.fleet.roll import Roll

log = logging.getLogger(__name__)
EVERY_S = 5.0
KEPT_S = 16
LOOK_EVERY_S = 1.0  # whether the state is another one
LOOP_EVERY_S = 1.0
STUCK_SHARE = 0.5  # of a lease: what has been silent for the whole of it is taken for lost
LEAST_STUCK_S = 3.0
POOLS = {"prefork": "prefork", "solo": "solo", "thread": "threads"}  # by Celery's modules


@signals.celeryd_init.connect
def keep_name(sender: str, **_: object) -> None:
    """Before the pool is forked."""
    set_own_name(sender)


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
        self._since = now()
        self._redis = _connect(consumer.app.conf.broker_url)
        self._pool = POOLS.get(type(consumer.pool).__module__.rpartition(".")[2], "other")
        self._facts: dict[str, Any] = {}
        self._beat_at = time.monotonic()
        self._attached = self._ending = False
        self._ended = threading.Event()
        self._roll: Roll | None = None
        self._orders: Orders | None = None
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
            self._roll, self._orders = self._enter()
            self._roll.start()
            self._thread.start()

    def _enter(self) -> tuple[Roll, Orders]:
        size = int(self._consumer.pool.num_processes)
        own = {key: self._facts[key] for key in ("name", "host", "pid", "queues")}
        facts = Facts(**own, pool=self._pool, concurrency=size, started_at=self._since)
        orders = Orders(self._consumer, self._facts["queues"], size)
        return Roll(self._settings, facts, self._say), orders

    def _say(self) -> tuple[str, int]:
        return self._state(list_messages()), int(self._consumer.pool.num_processes)

    def detach(self) -> None:
        """The consumer has lost its connection, or ends."""
        self._attached = False

    def beat(self) -> None:
        """The loop has been round; it does what the worker is asked."""
        self._beat_at = time.monotonic()
        if self._roll is not None and self._orders is not None and self._attached:
            self._orders.follow(self._roll.wish)

    def _begin_end(self, **_: object) -> None:
        self._ending = True

    def _end(self, **_: object) -> None:
        self._ended.set()
        self._thread.join(KEPT_S)
        if self._roll is not None:
            self._roll.end()
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
                    _write(self._redis, record)
                    told, told_at = state, time.monotonic()
            except Exception:
                log.exception("the record of this worker was not written")
            wait_for_change(LOOK_EVERY_S)

    def _build(self) -> dict[str, Any]:
        messages = list_messages()
        return {
            **self._facts,
            "pool": self._pool,
            "concurrency": self._consumer.pool.num_processes,
            "started_at": self._since.isoformat(),
            "llm": read_llm(self._settings) if GPU in self._facts["queues"] else None,
            "state": self._state(messages),
            "loading": loading_now(),
            "messages": messages,
            "runs": self._roll.runs if self._roll is not None else [],
            "last_loop_at": (now() - timedelta(seconds=self._silent_s)).isoformat(),
            "told_at": now().isoformat(),
        }

    @property
    def _silent_s(self) -> float:
        return time.monotonic() - self._beat_at

    def _state(self, messages: list[Message]) -> str:
        loop = Loop(self._attached, self._silent_s, blocks=self._pool == "solo")
        asked = self._roll.wish.asked if self._roll is not None else RUN
        return state_of(loop, messages, self._stuck_after_s, self._ending, asked)


class Waiter:
    """Tells of a worker that has not begun to take messages, since all GPUs of its host are taken."""

    def __init__(self, settings: Settings, name: str, queues: str, pool: str) -> None:
        self._redis = _connect(settings.redis_url)
        self._settings, self._pool = settings, pool
        self._name, self._queues = host_format(f"{name}@%h"), sorted(queues.split(","))
        self._since = now().isoformat()

    def tell(self) -> None:
        """To be called again within KEPT_S."""
        facts = build_facts(self._settings, self._name, self._queues)
        doing = {"state": WAITING, "pool": self._pool, "concurrency": 1, "messages": [], "runs": []}
        moments = {"started_at": self._since, "told_at": now().isoformat()}
        _write(self._redis, {**facts, **doing, **moments})


def _connect(url: str) -> redis_client.Redis:
    return redis_client.Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2)


def _write(redis: redis_client.Redis, record: dict[str, Any]) -> None:
    try:
        redis.set(PREFIX + record["name"], json.dumps(record), ex=KEPT_S)
    except redis_client.RedisError:
        return
