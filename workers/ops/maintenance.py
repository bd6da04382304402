"""What beat asks for: files that lag behind, what was left half-written, tokens to count."""

from __future__ import annotations

from sqlalchemy import case, select, update

from common.captions.csv_files import write_rows
from common.captions.rows import index_rows
from common.datasets.changes import is_due
from common.datasets.clean_up import look_again
from common.db.tables import Dataset, now
from common.messaging.broker import (
    COUNT_TOKENS,
    KEEP_CLEAN,
    REFRESH_INDEX_CSV,
    REFRESH_TRAIN_CSV,
    SWEEP_STORE,
)
from workers.augment.train_csv import stale_datasets, write_train_csv
from workers.captions.token_counts import fill_missing
from workers.runtime.app import app
from workers.runtime.job_runs import wake_quietly
from workers.runtime.services import Services, process_services

TOKENS_AT_ONCE = 1000
MAX_LAG_S = 10.0  # index.csv is written at least so often while captions are saved all the time


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
    """Remove what writers that were killed left half-written in the artifact store."""
    process_services().store.sweep_unfinished()


@app.task(name=COUNT_TOKENS)
def count_tokens() -> None:
    """Count the tokens of captions that were saved by a version that did not."""
    with process_services().sessions() as session:
        fill_missing(session, TOKENS_AT_ONCE)


@app.task(name=KEEP_CLEAN)
def keep_clean() -> None:
    """Have the folders of deleted datasets looked at once more, when nobody can be writing there."""
    services = process_services()
    with services.sessions() as session:
        jobs = look_again(session, services.settings)
    for job in jobs:
        wake_quietly(services, job.queue)
