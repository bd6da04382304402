"""Putting work into Redis by name, for whoever is not a worker; and the Celery configuration.

The only module that catches kombu's and Celery's errors. Why the settings are as they are:
early ack with prefetch disabled, so that no visibility timeout can start a training twice; the
database's lease decides who runs what. `task_track_started` keeps a running revoked task from
being marked REVOKED. Finite retries and socket timeouts, or a publish hangs for ever when Redis
is gone. (Celery 5.7: "Redis" and "Configuration" in its user guide.)
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis as redis_client
from celery import Celery
from kombu.exceptions import OperationalError

from common.db.engine import SessionFactory
from common.db.tables import Job
from common.errors import QueueUnavailable
from common.jobs import states
from common.jobs.kinds import JOB_QUEUES
from common.logs import request_id
from common.messaging.redis_clients import ANSWER_S, CONNECT_S, open_redis
from common.messaging.stop_calls import CHANNEL as STOP_CALLS
from common.settings import Settings
from common.silence import Silence

CPU, GPU = JOB_QUEUES
CAPTIONS, SEARCH, MAINTENANCE = "captions", "search", "maintenance"
QUEUES = (CAPTIONS, CPU, SEARCH, GPU, MAINTENANCE)
SAVE_CAPTIONS = "captions.save"
SEARCH_QUERY = "search.query"
REFRESH_INDEX_CSV = "maintenance.refresh_index_csv"
REFRESH_TRAIN_CSV = "maintenance.refresh_train_csv"
NEXT_JOB = "jobs.next"
REQUEST_ID = "request_id"  # a header of each message
SWEEP_STORE = "maintenance.sweep_store"
COUNT_TOKENS = "maintenance.count_tokens"
KEEP_CLEAN = "maintenance.keep_clean"
BACK_UP = "maintenance.back_up"
# What Redis says when it cannot keep what is written: its disk is full, its memory, or it is a replica.
REFUSES_WRITES = re.compile("MISCONF|used memory|READONLY|read only")
BROKEN_LINES = (OperationalError, redis_client.RedisError, ConnectionError, TimeoutError)
_PRIORITY_SEPARATOR = "\x06\x16"  # kombu's default between a queue's name and its priority
_PRIORITY_STEPS = tuple(range(10))


def celery_config(settings: Settings) -> dict[str, Any]:
    """Celery's settings, the same for those who send and those who work."""
    return {
        "broker_url": settings.redis_url,
        "task_ignore_result": True,
        "task_track_started": True,
        "task_serializer": "json",
        "accept_content": ["json"],
        "task_acks_late": False,
        "worker_prefetch_multiplier": 1,
        "worker_disable_prefetch": True,
        "worker_soft_shutdown_timeout": 0,
        "worker_hijack_root_logger": False,
        "worker_send_task_events": False,
        "task_default_queue": CPU,
        "task_create_missing_queues": True,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_channel_error_retry": True,  # a Redis whose disk is full says so by one: wait, do not end
        "broker_transport_options": {
            "queue_order_strategy": "priority",
            "priority_steps": list(_PRIORITY_STEPS),
            "socket_timeout": 30.0,
            "socket_connect_timeout": 5.0,
            "socket_keepalive": True,
            "health_check_interval": 10,
            "retry_policy": {"timeout": 5.0},
        },
        "task_publish_retry": True,
        "task_publish_retry_policy": {"max_retries": 3, "interval_start": 0, "interval_max": 0.5},
        "timezone": "UTC",
    }


def _sender_config(settings: Settings) -> dict[str, Any]:
    """Of those who only send: they wait for Redis as long as its other clients do."""
    config = celery_config(settings)
    config["broker_transport_options"] = {
        **config["broker_transport_options"],
        "socket_timeout": ANSWER_S,
        "socket_connect_timeout": CONNECT_S,
    }
    return config


class Queue:
    """Sends tasks by name and looks at queues and workers. One per process, thread-safe."""

    def __init__(self, settings: Settings) -> None:
        self._celery = Celery("clip_browser", set_as_current=False)
        self._celery.conf.update(_sender_config(settings))
        self._redis = open_redis(settings.redis_url, Silence())

    @property
    def redis(self) -> redis_client.Redis:
        """The plain Redis connection (presence, health)."""
        return self._redis

    def send(
        self,
        name: str,
        args: list[Any],
        queue: str,
        *,
        priority: int = 5,
        task_id: str | None = None,
        expires_s: float | None = None,
    ) -> str:
        """Send one task by name; its id. Raises QueueUnavailable.

        expires_s: workers drop the message when it has waited longer.
        """
        task_id = task_id or secrets.token_hex(8)

        def publish() -> None:
            self._celery.send_task(
                name, args=args, queue=queue, priority=priority, task_id=task_id, retry=False,
                ignore_result=True, expires=expires_s, headers={REQUEST_ID: request_id()},
            )  # fmt: skip

        with _translated():
            self._redis.ping()  # in two seconds it is known whether Redis is there
            try:
                publish()
            except BROKEN_LINES:  # by a Redis that was started anew, say
                self._redis.ping()
                publish()
        return task_id

    def send_job(self, job: Job, sessions: SessionFactory) -> None:
        """Wake a worker for this job's queue, and note the message's id with the job.

        Which job the worker takes is the order of the queue's affair, see `common/jobs/order.py`.
        The id is new each time, since workers remember revoked ids for ever.
        """
        task_id = self.wake(job.queue, f"{job.id}.{secrets.token_hex(3)}")
        with sessions() as session:
            states.note_message(session, job.id, task_id)

    def wake(self, queue: str, task_id: str | None = None) -> str:
        """Tell a worker to take the next job of a queue; the message's id. Raises QueueUnavailable."""
        return self.send(NEXT_JOB, [queue], queue, task_id=task_id)

    def revoke(self, task_id: str) -> None:
        """Tell the workers that are there to drop this message; the flag in the database decides."""
        with _translated():
            self._redis.ping()
            self._celery.control.revoke(task_id)

    def call_stop(self, job_id: str) -> None:
        """Let the worker that runs this job look at its row at once. Raises QueueUnavailable."""
        with _translated():
            self._redis.publish(STOP_CALLS, job_id)

    def depth(self, queue: str) -> int:
        """Messages that wait in a queue. Raises QueueUnavailable."""
        names = [queue] + [f"{queue}{_PRIORITY_SEPARATOR}{step}" for step in _PRIORITY_STEPS[1:]]
        with _translated():
            pipe = self._redis.pipeline(transaction=False)
            for name in names:
                pipe.llen(name)
            return sum(int(length) for length in pipe.execute())

    def ping(self) -> dict[str, Any]:
        """The server's `INFO server`. Raises QueueUnavailable."""
        with _translated():
            info: dict[str, Any] = self._redis.info("server")
            return info


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except BROKEN_LINES as problem:
        if REFUSES_WRITES.search(str(problem)):
            raise QueueUnavailable(
                f"Redis keeps no messages: {str(problem)[:200]}",
                remedy="Its disk or its memory is full: free some, then try again.",
            ) from problem
        raise QueueUnavailable(
            f"Redis does not answer ({type(problem).__name__}).",
            remedy="Nothing is lost: try again in a moment, or start Redis.",
        ) from problem
