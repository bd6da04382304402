"""The indexes of a dataset."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from common.db.tables import SearchIndex


def newest_index(session: Session, dataset_id: str) -> SearchIndex | None:
    """The index of a dataset that was built last."""
    return session.scalar(
        select(SearchIndex)
        .where(SearchIndex.dataset_id == dataset_id)
        .order_by(SearchIndex.created_at.desc(), SearchIndex.id.desc())
        .limit(1)
    )
