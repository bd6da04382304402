"""What a model is needed for, before it is deleted; what it needs itself, before it is blended."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.models.registry import base_of
from common.db.tables import Dataset, Job, Model, SearchIndex
from common.errors import Conflict, InvalidInput
from common.jobs import states
from common.models import catalogue

# Where a job's params name a model: what a training begins with, what is indexed, blended or drawn.
NAMED_IN = ("pretrained", "model")


@dataclass(frozen=True)
class Needs:
    """indexed, default_for: ids of datasets. runs: ids of jobs not yet ended that name the model.

    prefixes: where its indexes lie in the store.
    """

    indexed: list[str]
    default_for: list[str]
    runs: list[str]
    prefixes: list[str]

    def __bool__(self) -> bool:
        return bool(self.indexed or self.default_for or self.runs)

    def refusal(self, model_id: str) -> Conflict:
        """The error that says all of it."""
        said = []
        if self.indexed:
            said.append(f"{', '.join(self.indexed)} has an index by it")
        if self.default_for:
            said.append(f"{', '.join(self.default_for)} is searched with it by choice")
        if self.runs:
            said.append(f"jobs that have not ended need it ({', '.join(self.runs)})")
        remedy = "Delete it with force=1: its indexes go with it, the images and captions stay."
        if self.runs:
            remedy += " Jobs that need it will fail; stop them first, or wait for them."
        return Conflict(
            f"{model_id} is in use: {'; '.join(said)}.",
            remedy=remedy,
            details={"datasets": self.indexed, "default_for": self.default_for, "runs": self.runs},
        )


def read_needs(session: Session, model_id: str) -> Needs:
    """All that needs this model; datasets in the trash need nothing."""
    trashed = set(session.scalars(select(Dataset.id).where(Dataset.deleted_at.is_not(None))))
    indexes = session.scalars(select(SearchIndex).where(SearchIndex.model_id == model_id)).all()
    chosen = session.scalars(
        select(Dataset.id).where(Dataset.model_id == model_id).order_by(Dataset.id)
    ).all()
    active = session.execute(select(Job.id, Job.params).where(Job.state.in_(states.ACTIVE)))
    return Needs(
        indexed=sorted({index.dataset_id for index in indexes} - trashed),
        default_for=[each for each in chosen if each not in trashed],
        runs=sorted(
            row.id for row in active if model_id in (row.params.get(name) for name in NAMED_IN)
        ),
        prefixes=[index.prefix.rstrip("/") for index in indexes],
    )


def require_base(session: Session, model: Model) -> None:
    """Raises InvalidInput unless the model was tuned from weights that are still known."""
    base = base_of(model)
    if model.source != "trained" or not base:
        began = (
            "it was trained from scratch" if model.source == "trained" else f"it was {model.source}"
        )
        raise InvalidInput(
            f"{model.id} has no model between which and itself weights could be blended: {began}.",
            remedy="Choose a model that was fine-tuned here from pretrained weights.",
        )
    if session.get(Model, base) is None and not catalogue.is_reference(base):
        raise InvalidInput(
            f"{base}, which {model.id} began with, has been deleted.",
            remedy="Choose another model.",
        )
