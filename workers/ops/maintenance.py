"""What beat asks for: the reaper, and index.csv and train.csv files that lag behind."""

from __future__ import annotations

import logging
from datetime import datetime

from redis import RedisError
from sqlalchemy import case, select, update

from common.captions.csv_files import write_rows
from common.captions.rows import index_rows
from common.datasets.changes import is_due
from common.datasets.clean_up import look_again
from common.db.tables import Dataset, now
from common.errors import QueueUnavailable
from common.jobs import leases
from common.jobs.kinds import JOB_QUEUES
from common.jobs.queues import count_startable, read_running
from common.messaging.broker import (
    COUNT_TOKENS,
    KEEP_CLEAN,
    REAP,
    REFRESH_INDEX_CSV,
    REFRESH_TRAIN_CSV,
    SWEEP_STORE,
)
from common.messaging.live_workers import count_places, read_workers
from common.retention import find_files, plan_removal, trim_rows
from workers.augment.train_csv import stale_datasets, write_train_csv
from workers.captions.token_counts import fill_missing
from workers.runtime.app import app
from workers.runtime.job_runs import settle_followers, wake_quietly
from workers.runtime.services import Services, process_services

log = logging.getLogger(__name__)
TOKENS_AT_ONCE = 1000
MAX_LAG_S = 10.0  # index.csv is written at least so often while captions are saved all the time


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
                startable, running = count_startable(session, name), read_running(session, name)
            idle = count_places(workers, name) - len(running)
            for _ in range(min(startable, idle) - services.queue.depth(name)):
                services.queue.wake(name)
                sent += 1
    except (QueueUnavailable, RedisError):
        log.warning("Redis does not answer; idle workers are woken later")
    return sent


@app.task(name=REFRESH_INDEX_CSV)
def refresh_index_csv() -> None:
    """Write the index.csv of each dataset whose captions have changed since it was written.

    Once a burst: a dataset in which captions are still being saved waits for a quiet moment, but
    not longer than MAX_LAG_S.
    """
    services = process_services()
    due = is_due(Dataset.changed_at, Dataset.stale_since, MAX_LAG_S)
    with services.readers() as session:
        stale = session.scalars(
            select(Dataset.id).where(Dataset.index_csv_seq < Dataset.caption_seq, due)
        ).all()
    for dataset_id in stale:
        write_index_csv(services, dataset_id)
        services.events.dataset(dataset_id)


def write_index_csv(services: Services, dataset_id: str) -> None:
    """Write `datasets/<id>/index.csv` whole, then note up to which change it is current."""
    with services.readers() as session:
        seq = session.scalar(select(Dataset.caption_seq).where(Dataset.id == dataset_id))
        rows = index_rows(session, dataset_id)
    services.store.put_bytes(f"datasets/{dataset_id}/index.csv", write_rows(rows), "text/csv")
    with services.sessions() as session:
        session.execute(
            update(Dataset)
            .where(Dataset.id == dataset_id, Dataset.index_csv_seq < seq)
            .values(
                index_csv_seq=seq,
                stale_since=case((Dataset.caption_seq > seq, now()), else_=None),
            )
        )


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
    """Remove what writers that were killed left half-written in the store, and what nothing needs."""
    services = process_services()
    services.store.sweep_unfinished()
    with services.readers() as session:
        found = list(find_files(session, services.store, services.settings, now()))
    with services.sessions() as session:
        jobs = plan_removal(session, found)
    for job in jobs:
        wake_quietly(services, job.queue)


@app.task(name=COUNT_TOKENS)
def count_tokens() -> None:
    """Count the tokens of captions that were saved by a version that did not."""
    with process_services().sessions() as session:
        fill_missing(session, TOKENS_AT_ONCE)


@app.task(name=KEEP_CLEAN)
def keep_clean() -> None:
    """Have the folders of deleted datasets looked at once more, when nobody can be writing there; and
    remove a portion of the rows that are kept no longer.
    """
    services = process_services()
    with services.sessions() as session:
        jobs = look_again(session, services.settings)
        trim_rows(session, services.settings, now())
    for job in jobs:
        wake_quietly(services, job.queue)
