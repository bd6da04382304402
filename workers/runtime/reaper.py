"""The reaper: finds the jobs whose worker was lost, and wakes idle workers. Beat runs it, and needs no worker for it.

A look needs the database alone, and one is made at a time: two beats do no harm. Waking needs Redis.
"""

from __future__ import annotations

import logging
import threading
import time
from datetime import datetime

from redis import RedisError

from common.db.engine import hold
from common.db.tables import Job
from common.errors import QueueUnavailable, WorkerLost
from common.jobs import leases
from common.jobs.kinds import JOB_QUEUES
from common.jobs.queues import count_startable, read_running
from common.logs import Event, tell
from common.messaging.live_workers import count_places, read_workers
from workers.runtime.job_runs import announce
from workers.runtime.services import Services

log = logging.getLogger(__name__)
TURN = "reaper"  # the name that is held while a look is made


class Reaper:
    """Looks at all leases every so often, in a thread of its own: a silent Redis delays no look."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._looked_at = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="reaper", daemon=True)

    def start(self) -> None:
        """Begin; it ends with its process."""
        self._thread.start()

    @property
    def silent_s(self) -> float:
        """Seconds since the last look that came to its end."""
        return time.monotonic() - self._looked_at

    def _run(self) -> None:
        while True:
            began = time.monotonic()
            try:
                reap_once(self._services)
                self._looked_at = time.monotonic()
            except Exception:
                log.warning("a look for lost jobs failed", exc_info=True)
            took_s = time.monotonic() - began
            time.sleep(max(0.05, self._services.settings.reap_every_s - took_s))


def reap_once(services: Services, moment: datetime | None = None) -> None:
    """One look at all leases; see `leases.reap`. moment: what the clock says, if not asked."""
    with services.sessions() as session:
        hold(session, TURN)
        again, ended = leases.reap(session, services.settings, moment)
    for job in again:
        _tell_loss(job, "waits again")
    for job in ended:
        _tell_loss(job, f"has {job.state}")
    announce(services, [*again, *ended])


def _tell_loss(job: Job, outcome: str) -> None:
    lost = job.state == "queued" or (job.error or {}).get("code") == WorkerLost.code
    event = Event.JOB_LOST if lost else Event.JOB_ENDED
    message = f"job {job.id} ({job.kind}) {'has lost its worker and ' if lost else ''}{outcome}"
    tell(
        log, event, message, logging.WARNING, job=job.id, kind=job.kind, queue=job.queue,
        state=job.state, attempt=job.attempt, user=job.created_by,
    )  # fmt: skip


def wake_idle(services: Services) -> int:
    """Send each queue as many messages as it has idle workers for jobs that could begin; how many.

    A worker that ends a job looks for the next one itself, and a message that waits already will do.
    """
    sent = 0
    try:
        workers = read_workers(services.queue.redis)
        for name in JOB_QUEUES:
            with services.readers() as session:
                startable, running = count_startable(session, name), read_running(session, name)
            idle = count_places(workers, name) - len(running)
            for _ in range(min(startable, idle) - services.queue.depth(name)):
                services.queue.wake(name)
                sent += 1
    except (QueueUnavailable, RedisError):
        log.warning("Redis does not answer; idle workers are woken later")
    return sent
