"""A dataset has changed: counted here, so that the files made from it follow.

Two counts work alike: of its images and captions, which index.csv follows, and of its variants, which
train.csv follows. Each has a number that grows, when it grew last, and since when its file is behind.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, or_, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from common.db.tables import Dataset, now

QUIET_S = 0.5  # a file is written when nothing has changed for so long
Moment = InstrumentedAttribute[datetime | None]


def touch_dataset(session: Session, dataset_id: str) -> None:
    """Count a change of a dataset's images or captions; its index.csv is behind from now on."""
    _touch(session, dataset_id, Dataset.caption_seq, Dataset.changed_at, Dataset.stale_since)


def touch_variants(session: Session, dataset_id: str) -> None:
    """Count a change of a dataset's variants; its train.csv is behind from now on."""
    _touch(
        session, dataset_id, Dataset.variants_seq, Dataset.variants_changed_at,
        Dataset.variants_stale_since,
    )  # fmt: skip


def is_due(changed_at: Moment, stale_since: Moment, max_lag_s: float) -> ColumnElement[bool]:
    """Whether a file that is behind is to be written: once a burst, but every `max_lag_s` seconds."""
    moment = now()
    quiet = or_(changed_at.is_(None), changed_at < moment - timedelta(seconds=QUIET_S))
    return or_(quiet, stale_since < moment - timedelta(seconds=max_lag_s))


def _touch(
    session: Session,
    dataset_id: str,
    seq: InstrumentedAttribute[int],
    changed_at: Moment,
    stale_since: Moment,
) -> None:
    moment = now()
    changes: dict[Any, Any] = {
        seq: seq + 1,
        changed_at: moment,
        stale_since: func.coalesce(stale_since, moment),
    }
    session.execute(
        update(Dataset).where(Dataset.id == dataset_id).values(changes),
        execution_options={"synchronize_session": False},
    )
