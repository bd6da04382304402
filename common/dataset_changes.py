"""A dataset's images or captions have changed: counted here, so that files made from them follow."""

from __future__ import annotations

from sqlalchemy import func, update
from sqlalchemy.orm import Session

from common.schema import Dataset, now


def touch_dataset(session: Session, dataset_id: str) -> None:
    """Count a change of a dataset's images or captions; its index.csv is behind from now on."""
    moment = now()
    session.execute(
        update(Dataset)
        .where(Dataset.id == dataset_id)
        .values(
            caption_seq=Dataset.caption_seq + 1,
            changed_at=moment,
            stale_since=func.coalesce(Dataset.stale_since, moment),
        ),
        execution_options={"synchronize_session": False},
    )
