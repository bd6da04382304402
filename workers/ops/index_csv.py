"""Keeping the stored index.csv of each dataset behind its captions, by one process at a time.

It is written by the maintenance worker and never by that of the captions: a large one takes seconds,
and a store that hangs takes as long as it likes.
"""

from __future__ import annotations

import logging

from sqlalchemy import case, func, select, update
from sqlalchemy.exc import OperationalError

from common.captions.csv_files import write_rows
from common.captions.rows import index_rows
from common.datasets.changes import is_due
from common.db.engine import try_alone
from common.db.tables import Dataset, now
from workers.runtime.services import Services

MAX_LAG_S = 10.0  # it is written at least so often while captions are saved all the time
LOCK = "index-csv"
log = logging.getLogger(__name__)
_doubtful: set[str] = set()  # datasets whose file may have been written over a newer one


def refresh_stale(services: Services) -> None:
    """Write the index.csv of each dataset whose captions have changed since it was written.

    Once a burst: a dataset in which captions are still being saved waits for a quiet moment, but
    not longer than MAX_LAG_S. Does nothing while another process is at it, so that what was read
    later is also written later. Raises StoreUnavailable.
    """
    _settle_doubts(services)
    stale = _stale(services)
    if not stale:
        return
    try:
        with try_alone(services.readers, LOCK) as is_alone:
            for dataset_id in stale if is_alone else ():
                _doubtful.add(dataset_id)
                write_index_csv(services, dataset_id)
                services.events.dataset(dataset_id)
    except OperationalError:
        log.warning("the lock on index.csv was lost; what was written is written again")
        raise
    except BaseException:  # the store's: the lock held, and the file is still behind
        _doubtful.clear()
        raise
    _doubtful.clear()


def write_index_csv(services: Services, dataset_id: str) -> None:
    """Write `datasets/<id>/index.csv` whole, then note up to which change it is current.

    The file of a dataset that was deleted meanwhile is removed again.
    """
    key = f"datasets/{dataset_id}/index.csv"
    with services.readers() as session:
        seq = session.scalar(select(Dataset.caption_seq).where(Dataset.id == dataset_id))
        data = write_rows(index_rows(session, dataset_id))
    if seq is not None:
        services.store.put_bytes(key, data, "text/csv")
    with services.sessions() as session:
        noted = session.scalar(
            update(Dataset)
            .where(Dataset.id == dataset_id)
            .values(
                index_csv_seq=seq,
                stale_since=case((Dataset.caption_seq > seq, now()), else_=None),
            )
            .returning(Dataset.id)
        )
    if noted is None:
        services.store.delete(key)


def _stale(services: Services) -> list[str]:
    due = is_due(Dataset.changed_at, Dataset.stale_since, MAX_LAG_S)
    behind = Dataset.index_csv_seq < Dataset.caption_seq
    with services.readers() as session:
        return list(session.scalars(select(Dataset.id).where(behind, due)))


def _settle_doubts(services: Services) -> None:
    """A file that was written without the lock is behind, whatever was noted of it."""
    if not _doubtful:
        return
    with services.sessions() as session:
        session.execute(
            update(Dataset)
            .where(Dataset.id.in_(_doubtful))
            .values(index_csv_seq=-1, stale_since=func.coalesce(Dataset.stale_since, now()))
        )
    _doubtful.clear()
