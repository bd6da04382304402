"""What beat asks for: files that lag behind, what was left half-written, tokens to count."""

from __future__ import annotations

from common.datasets.clean_up import look_again
from common.db.tables import now
from common.messaging.broker import (
    BACK_UP,
    COUNT_TOKENS,
    KEEP_CLEAN,
    REFRESH_INDEX_CSV,
    REFRESH_TRAIN_CSV,
    SWEEP_STORE,
)
from common.retention import find_files, plan_removal, trim_rows
from common.trash.expiry import SERVICE, remove_expired
from common.trash.removal import remove_folders
from workers.augment.train_csv import stale_datasets, write_train_csv
from workers.captions.token_counts import fill_missing
from workers.ops.index_csv import refresh_stale
from workers.ops.scheduled_backup import begin_due
from workers.runtime.app import app
from workers.runtime.job_runs import wake_quietly
from workers.runtime.services import process_services

TOKENS_AT_ONCE = 1000


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


@app.task(name=BACK_UP)
def back_up() -> None:
    """Begin a scheduled backup if one is due."""
    begin_due(process_services())


@app.task(name=KEEP_CLEAN)
def keep_clean() -> None:
    """Have the folders of deleted datasets looked at once more, when nobody can be writing there; and
    remove a portion of the rows, and of the trash, that are kept no longer.
    """
    services = process_services()
    with services.sessions() as session:
        jobs = look_again(session, services.settings)
        trim_rows(session, services.settings, now())
    with services.sessions() as session:
        gone = remove_expired(session, services.settings, now())
    waiting = remove_folders(services.sessions, services.store, gone.folders, SERVICE)
    for job in [*jobs, *gone.jobs, *waiting]:
        wake_quietly(services, job.queue)
