"""What a model is needed for, before it is deleted; what it needs itself, before it is blended."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.models.registry import base_of
from api.people.access import Place, access
from api.people.rights import JOB, right_of
from api.search.indexes import newest_index
from common.db.tables import Dataset, Job, Model, SearchIndex
from common.errors import Conflict, InvalidInput
from common.jobs import states
from common.models import catalogue

# Where a job's params name a model: what a training begins with, what is indexed, blended or drawn.
NAMED_IN = ("pretrained", "model")


@dataclass(frozen=True)
class Needs:
    """indexed, default_for: ids of datasets. runs: ids of jobs not yet ended that name the model.

    prefixes: where its indexes lie in the store. seen: those of all these ids that the person who asks sees.
    kept: those that keep the model from that person: datasets that he does not manage and that are searched
    with it, by choice or as it was indexed last, and jobs that he may not stop.
    """

    indexed: list[str]
    default_for: list[str]
    runs: list[str]
    prefixes: list[str]
    seen: frozenset[str]
    kept: frozenset[str]

    def __bool__(self) -> bool:
        return bool(self.indexed or self.default_for or self.runs)

    def require_let_go(self, model_id: str) -> None:
        """Raises Conflict when somebody else's dataset or job would be without the model, forced or not."""
        if self.kept:
            raise self._refusal(
                model_id,
                "Who manages those datasets can let it go: index with another model, or choose one, "
                "or stop the jobs. Administrators may delete it as it is.",
                others=len(self.kept),
            )

    def refusal(self, model_id: str) -> Conflict:
        """The error that says all of it."""
        remedy = "Delete it with force=1: its indexes go with it, the images and captions stay."
        if self.runs:
            remedy += " Jobs that need it will fail; stop them first, or wait for them."
        return self._refusal(model_id, remedy)

    def _refusal(self, model_id: str, remedy: str, **more: int) -> Conflict:
        said = []
        if self.indexed:
            said.append(f"{self._told(self.indexed)} has an index by it")
        if self.default_for:
            said.append(f"{self._told(self.default_for)} is searched with it by choice")
        if self.runs:
            said.append(f"jobs that have not ended need it ({self._told(self.runs, 'job')})")
        return Conflict(
            f"{model_id} is in use: {'; '.join(said)}.",
            remedy=remedy,
            details={
                "datasets": self._of_seen(self.indexed),
                "default_for": self._of_seen(self.default_for),
                "runs": self._of_seen(self.runs),
                **more,
            },
        )

    def _told(self, ids: list[str], what: str = "dataset") -> str:
        """By their ids those that are seen; of others only that there are some."""
        named = self._of_seen(ids)
        unseen = len(ids) - len(named)
        if unseen:
            named.append(f"another {what}" if unseen == 1 else f"{unseen} other {what}s")
        return ", ".join(named)

    def _of_seen(self, ids: Collection[str]) -> list[str]:
        return [each for each in ids if each in self.seen]


def read_needs(session: Session, model_id: str) -> Needs:
    """All that needs this model; datasets in the trash need nothing."""
    trashed = set(session.scalars(select(Dataset.id).where(Dataset.deleted_at.is_not(None))))
    indexes = session.scalars(select(SearchIndex).where(SearchIndex.model_id == model_id)).all()
    chosen = session.scalars(
        select(Dataset.id).where(Dataset.model_id == model_id).order_by(Dataset.id)
    ).all()
    indexed = sorted({index.dataset_id for index in indexes} - trashed)
    default_for = [each for each in chosen if each not in trashed]
    runs = _runs(session, model_id)
    datasets = {*indexed, *default_for}
    return Needs(
        indexed=indexed,
        default_for=default_for,
        runs=sorted(job.id for job in runs),
        prefixes=[index.prefix.rstrip("/") for index in indexes],
        seen=_seen(session, datasets, runs),
        kept=_kept(session, model_id, datasets, runs),
    )


def _runs(session: Session, model_id: str) -> list[Job]:
    active = session.execute(select(Job.id, Job.params).where(Job.state.in_(states.ACTIVE)))
    named = [row.id for row in active if model_id in (row.params.get(name) for name in NAMED_IN)]
    return list(session.scalars(select(Job).where(Job.id.in_(named)))) if named else []


def _seen(session: Session, datasets: set[str], runs: list[Job]) -> frozenset[str]:
    mine = select(Dataset.id).where(Dataset.id.in_(datasets), access().sees())
    jobs = select(Job.id).where(Job.id.in_([job.id for job in runs]), access().sees_job())
    return frozenset([*session.scalars(mine), *session.scalars(jobs)])


def _kept(session: Session, model_id: str, datasets: set[str], runs: list[Job]) -> frozenset[str]:
    managed = select(Dataset.id).where(access().is_at_least("manager"))
    others = session.scalars(
        select(Dataset).where(Dataset.id.in_(datasets), Dataset.id.not_in(managed))
    )
    searched = [each.id for each in others if _is_searched_with(session, each, model_id)]
    stop = right_of("POST", f"{JOB}/stop")
    running = [
        job.id for job in runs if not access().may(stop, Place(job.dataset_id, job.created_by))
    ]
    return frozenset([*searched, *running])


def _is_searched_with(session: Session, dataset: Dataset, model_id: str) -> bool:
    newest = newest_index(session, dataset.id)
    return dataset.model_id == model_id or (newest is not None and newest.model_id == model_id)


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
