"""Beat: looks for lost jobs itself, and sends each maintenance task every so many seconds.

In place of Celery's beat, which plans by the wall clock: set back by an hour, it sends nothing for an
hour, and its messages expire at once on a machine whose clock is ahead. This one counts the seconds
that pass (the monotonic clock), and where nobody takes the messages it stops adding to them.
"""

from __future__ import annotations

import logging
import socket
import time

import redis as redis_client

from common.errors import QueueUnavailable
from common.jobs.kinds import JOB_QUEUES
from common.jobs.samples import take_samples
from common.jobs.workers import trim_workers
from common.logs import Event, tell
from common.messaging.broker import (
    BACK_UP,
    COUNT_TOKENS,
    KEEP_CLEAN,
    MAINTENANCE,
    QUEUES,
    REFRESH_INDEX_CSV,
    REFRESH_TRAIN_CSV,
    SWEEP_STORE,
    Queue,
)
from common.messaging.live_workers import STUCK, count_places, read_workers
from common.settings import Settings
from workers.runtime.alive import sign
from workers.runtime.reaper import Reaper, wake_idle
from workers.runtime.services import Services, open_services

log = logging.getLogger(__name__)
Known = dict[tuple[str, str, int], dict[str, object]]
CSV_EVERY_S = 1.0
SWEEP_EVERY_S = 6 * 3600.0
COUNT_TOKENS_EVERY_S = 60.0
KEEP_CLEAN_EVERY_S = 60.0
BACK_UP_EVERY_S = 60.0  # whether one is due
MAX_WAITING = 20  # messages, several of each frequent task
RETRY_S = 1.0
SIGN_EVERY_S = 10.0
MAX_SILENCE_S = 60.0  # of the reaper, which waits for the database
SAMPLE_EVERY_S = 60.0


def periods() -> dict[str, float]:
    """Each task with the seconds between two of it."""
    return {
        REFRESH_INDEX_CSV: CSV_EVERY_S,
        REFRESH_TRAIN_CSV: CSV_EVERY_S,
        SWEEP_STORE: SWEEP_EVERY_S,
        COUNT_TOKENS: COUNT_TOKENS_EVERY_S,
        KEEP_CLEAN: KEEP_CLEAN_EVERY_S,
        BACK_UP: BACK_UP_EVERY_S,
    }


def run_beat(settings: Settings) -> None:
    """Look and send until the process is ended."""
    services, every_s = open_services(settings), periods()
    reaper = Reaper(services)
    reaper.start()
    due = dict.fromkeys(every_s, time.monotonic())
    signed = woken = sampled = float("-inf")
    roster = Roster()
    while True:
        if time.monotonic() - signed >= SIGN_EVERY_S and reaper.silent_s < MAX_SILENCE_S:
            sign(settings.work_dir, f"beat@{socket.gethostname()}")
            signed = time.monotonic()
        try:
            if time.monotonic() - woken >= settings.reap_every_s:
                wake_idle(services)
                roster.look(services.queue.redis)
                woken = time.monotonic()
            if time.monotonic() - sampled >= SAMPLE_EVERY_S:
                sampled = time.monotonic()
                sample_queues(services)
            _send_due(services.queue, every_s, due)
        except QueueUnavailable as problem:
            log.warning("%s", problem.message)
            time.sleep(RETRY_S)
        except Exception:  # of the database, say: wake_idle reads the queues
            log.warning("beat", exc_info=True)
            time.sleep(RETRY_S)
        time.sleep(max(0.05, min(due.values()) - time.monotonic()))


def sample_queues(services: Services) -> None:
    """Note what waits in the queues, and forget workers that went long ago. Raises QueueUnavailable."""
    workers = read_workers(services.queue.redis)
    places = {name: count_places(workers, name) for name in QUEUES}
    messages = {name: services.queue.depth(name) for name in QUEUES if name not in JOB_QUEUES}
    with services.sessions() as session:
        take_samples(session, places, messages)
        trim_workers(session)


def _send_due(queue: Queue, every_s: dict[str, float], due: dict[str, float]) -> None:
    """Send what is due, and note when it is due again. Raises QueueUnavailable."""
    for task in [task for task, moment in due.items() if moment <= time.monotonic()]:
        if queue.depth(MAINTENANCE) < MAX_WAITING:
            queue.send(task, [], MAINTENANCE)
            due[task] = time.monotonic() + every_s[task]
        else:
            due[task] = time.monotonic() + RETRY_S


class Roster:
    """The workers of the last look, to tell who has come and gone, also those that could not say so themselves.

    Each by name, host and pid: one that was started anew is another one.
    """

    def __init__(self) -> None:
        self._known: Known = {}

    def look(self, redis: redis_client.Redis) -> None:
        """Tell what is different from the last look; nothing while Redis does not answer."""
        try:
            workers = read_workers(redis)
        except redis_client.RedisError:
            return
        there: Known = {
            (str(one["name"]), str(one.get("host", "")), int(one.get("pid", 0))): one
            for one in workers
        }
        for key in self._known.keys() - there.keys():
            _tell(Event.WORKER_LEFT, "has gone", self._known[key], logging.WARNING)
        for key in there.keys() - self._known.keys():
            _tell(Event.WORKER_JOINED, "is there", there[key], logging.INFO)
        for key, worker in there.items():
            was = self._known.get(key, {}).get("state")
            if worker.get("state") == STUCK != was:
                _tell(Event.WORKER_STUCK, "has taken no message for long", worker, logging.ERROR)
        self._known = there


def _tell(event: Event, what: str, worker: dict[str, object], level: int) -> None:
    queues = worker.get("queues")
    listed = ",".join(map(str, queues)) if isinstance(queues, list) else ""
    facts = {name: worker.get(name) for name in ("host", "pid", "gpu")}
    message = f"worker {worker['name']} ({listed}) {what}"
    tell(log, event, message, level, worker=worker["name"], queues=listed, **facts)
