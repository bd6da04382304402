"""A dataset has changed: counted here, so that the files made from it follow.

Two counts work alike: of its images and captions, which index.csv follows, and of its variants, which
train.csv follows. Each has a number that grows, when it grew last, and since when its file is behind.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Update, bindparam, func, or_, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from common.db.rows import run
from common.db.tables import UtcDateTime, now
from common.db.tables.base import Base

QUIET_S = 0.5  # a file is written when nothing has changed for so long
Moment = InstrumentedAttribute[datetime | None]
_TABLE = Base.metadata.tables["datasets"]


def _touch(changed_at: str, stale_since: str, *seqs: str) -> Update:
    """One more change; built once and past the ORM, since every group of saves does this."""
    columns, moment = _TABLE.c, bindparam("moment", type_=UtcDateTime())
    return (
        update(_TABLE)
        .where(columns.id == bindparam("touched"))
        .values(
            {
                **{seq: columns[seq] + 1 for seq in seqs},
                changed_at: moment,
                stale_since: func.coalesce(columns[stale_since], moment),
            }
        )
    )


_TOUCH_CAPTIONS = _touch("changed_at", "stale_since", "caption_seq")
_TOUCH_IMAGES = _touch("changed_at", "stale_since", "caption_seq", "images_seq")
_TOUCH_VARIANTS = _touch("variants_changed_at", "variants_stale_since", "variants_seq")


def touch_dataset(session: Session, dataset_id: str) -> None:
    """Count a change of a dataset's captions; its index.csv is behind from now on."""
    run(session, _TOUCH_CAPTIONS, {"touched": dataset_id, "moment": now()})


def touch_images(session: Session, dataset_id: str) -> None:
    """Count a change of a dataset's images, as `touch_dataset` does.

    Who removes images calls it in the same transaction: the API counts them anew only then.
    """
    run(session, _TOUCH_IMAGES, {"touched": dataset_id, "moment": now()})


def touch_variants(session: Session, dataset_id: str) -> None:
    """Count a change of a dataset's variants; its train.csv is behind from now on."""
    run(session, _TOUCH_VARIANTS, {"touched": dataset_id, "moment": now()})


def is_due(changed_at: Moment, stale_since: Moment, max_lag_s: float) -> ColumnElement[bool]:
    """Whether a file that is behind is to be written: once a burst, but every `max_lag_s` seconds."""
    moment = now()
    quiet = or_(changed_at.is_(None), changed_at < moment - timedelta(seconds=QUIET_S))
    return or_(quiet, stale_since < moment - timedelta(seconds=max_lag_s))
