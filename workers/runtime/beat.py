"""Beat: looks for lost jobs itself, and sends each maintenance task every so many seconds.

In place of Celery's beat, which plans by the wall clock: set back by an hour, it sends nothing for an
hour, and its messages expire at once on a machine whose clock is ahead. This one counts the seconds
that pass (the monotonic clock), and where nobody takes the messages it stops adding to them.
"""

from __future__ import annotations

import logging
import time
from pathlib import Path

from common.errors import QueueUnavailable
from common.messaging.broker import (
    COUNT_TOKENS,
    KEEP_CLEAN,
    MAINTENANCE,
    REFRESH_INDEX_CSV,
    REFRESH_TRAIN_CSV,
    SWEEP_STORE,
    Queue,
)
from common.settings import Settings
from workers.runtime.reaper import Reaper, wake_idle
from workers.runtime.services import open_services

log = logging.getLogger(__name__)
CSV_EVERY_S = 1.0
SWEEP_EVERY_S = 6 * 3600.0
COUNT_TOKENS_EVERY_S = 60.0
KEEP_CLEAN_EVERY_S = 60.0
MAX_WAITING = 20  # messages, several of each frequent task
RETRY_S = 1.0
SIGN_EVERY_S = 60.0


def periods() -> dict[str, float]:
    """Each task with the seconds between two of it."""
    return {
        REFRESH_INDEX_CSV: CSV_EVERY_S,
        REFRESH_TRAIN_CSV: CSV_EVERY_S,
        SWEEP_STORE: SWEEP_EVERY_S,
        COUNT_TOKENS: COUNT_TOKENS_EVERY_S,
        KEEP_CLEAN: KEEP_CLEAN_EVERY_S,
    }


def run_beat(settings: Settings) -> None:
    """Look and send until the process is ended."""
    services, every_s = open_services(settings), periods()
    reaper = Reaper(services)
    reaper.start()
    due = dict.fromkeys(every_s, time.monotonic())
    signed = woken = float("-inf")
    while True:
        if time.monotonic() - signed >= SIGN_EVERY_S and reaper.silent_s < SIGN_EVERY_S:
            _sign(settings.work_dir)
            signed = time.monotonic()
        try:
            if time.monotonic() - woken >= settings.reap_every_s:
                wake_idle(services)
                woken = time.monotonic()
            _send_due(services.queue, every_s, due)
        except QueueUnavailable as problem:
            log.warning("%s", problem.message)
            time.sleep(RETRY_S)
        except Exception:  # of the database, say: wake_idle reads the queues
            log.warning("beat", exc_info=True)
            time.sleep(RETRY_S)
        time.sleep(max(0.05, min(due.values()) - time.monotonic()))


def _send_due(queue: Queue, every_s: dict[str, float], due: dict[str, float]) -> None:
    """Send what is due, and note when it is due again. Raises QueueUnavailable."""
    for task in [task for task, moment in due.items() if moment <= time.monotonic()]:
        if queue.depth(MAINTENANCE) < MAX_WAITING:
            queue.send(task, [], MAINTENANCE)
            due[task] = time.monotonic() + every_s[task]
        else:
            due[task] = time.monotonic() + RETRY_S


def _sign(work_dir: Path) -> None:
    """A sign of life for `workers.runtime.alive --beat`."""
    work_dir.mkdir(parents=True, exist_ok=True)
    (work_dir / "beat-schedule").touch()
