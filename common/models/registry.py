"""Looking up fine-tuned models in the registry, for the API and the workers alike."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from common.db.tables import Model


def newest_model(session: Session, dataset_id: str) -> str | None:
    """The id of the model trained last on a dataset; None when there is none."""
    return session.scalar(
        select(Model.id)
        .where(Model.dataset_id == dataset_id)
        .order_by(Model.created_at.desc())
        .limit(1)
    )
