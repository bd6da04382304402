"""What beat asks for: the reaper, and index.csv and train.csv files that lag behind."""

from __future__ import annotations

import logging
from datetime import datetime

from redis import RedisError

from common.errors import QueueUnavailable
from common.jobs import leases
from common.jobs.kinds import JOB_QUEUES
from common.jobs.queues import read_queue
from common.messaging.broker import (
    COUNT_TOKENS,
    REAP,
    REFRESH_INDEX_CSV,
    REFRESH_TRAIN_CSV,
    SWEEP_STORE,
)
from common.messaging.live_workers import count_places, read_workers
from workers.augment.train_csv import stale_datasets, write_train_csv
from workers.captions.token_counts import fill_missing
from workers.ops.index_csv import refresh_stale
from workers.runtime.app import app
from workers.runtime.job_runs import settle_followers
from workers.runtime.services import Services, process_services

log = logging.getLogger(__name__)
TOKENS_AT_ONCE = 1000


@app.task(name=REAP)
def reap() -> None:
    """Queue again what lost its worker; wake workers whose messages were lost."""
    reap_once(process_services())
    wake_idle(process_services())


def reap_once(services: Services, moment: datetime | None = None) -> None:
    """One look at all leases; see `job_claims.reap`. moment: what the clock says, if not asked."""
    with services.sessions() as session:
        again, ended = leases.reap(session, services.settings, moment)
    for job in (*again, *ended):
        services.events.job(job)
        services.events.queue(job.queue)
    for job in ended:
        settle_followers(services, job)


def wake_idle(services: Services) -> int:
    """Send each queue as many messages as it has idle workers for jobs that could begin; how many.

    A worker that ends a job looks for the next one itself, and a message that waits already will do.
    """
    sent = 0
    try:
        workers = read_workers(services.queue.redis)
        for name in JOB_QUEUES:
            with services.readers() as session:
                state = read_queue(session, name)
            idle = count_places(workers, name) - len(state.running)
            for _ in range(min(state.startable, idle) - services.queue.depth(name)):
                services.queue.wake(name)
                sent += 1
    except (QueueUnavailable, RedisError):
        log.warning("Redis does not answer; idle workers are woken later")
    return sent


@app.task(name=REFRESH_INDEX_CSV)
def refresh_index_csv() -> None:
    """Write the index.csv of each dataset whose captions have changed since it was written."""
    refresh_stale(process_services())


@app.task(name=REFRESH_TRAIN_CSV)
def refresh_train_csv() -> None:
    """Write the train.csv of each dataset whose variants were decided on since it was written."""
    services = process_services()
    with services.readers() as session:
        stale = stale_datasets(session)
    for dataset_id in stale:
        write_train_csv(services, dataset_id)
        services.events.dataset(dataset_id)


@app.task(name=SWEEP_STORE)
def sweep_store() -> None:
    """Remove what writers that were killed left half-written in the artifact store."""
    process_services().store.sweep_unfinished()


@app.task(name=COUNT_TOKENS)
def count_tokens() -> None:
    """Count the tokens of captions that were saved by a version that did not."""
    with process_services().sessions() as session:
        fill_missing(session, TOKENS_AT_ONCE)
