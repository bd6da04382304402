"""Reads what is known of datasets, for lists, pages and checks."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from api.datasets.schemas import DatasetOut
from api.datasets.steps import Facts, counts_of, steps_of
from api.images.answers import thumb_url
from api.search.indexes import newest_index
from api.services import Services
from common.datasets.counts import ImageCounts
from common.db.tables import Dataset, Image, Job, Model, SearchIndex
from common.jobs import states
from common.jobs.kinds import KINDS
from common.people.rights import Role
from common.people.roles import no_dataset

COVER = 4


def find_dataset(session: Session, dataset_id: str) -> Dataset:
    """The dataset. Raises NotFound, also for one in the trash."""
    dataset = session.get(Dataset, dataset_id)
    if dataset is None or dataset.deleted_at is not None:
        raise no_dataset(dataset_id)
    return dataset


def require_dataset(services: Services, dataset_id: str) -> None:
    """Raises NotFound unless there is such a dataset."""
    with services.readers() as session:
        find_dataset(session, dataset_id)


def answer_dataset(
    session: Session, dataset: Dataset, counts: ImageCounts, role: Role | None = None
) -> DatasetOut:
    """A dataset as the contract has it, with counts, cover and steps. role: of who asks; None: it goes to many."""
    facts = read_facts(session, dataset, counts)
    return DatasetOut.of(
        dataset,
        counts=counts_of(facts),
        cover=_cover(session, dataset.id),
        steps=steps_of(facts),
        defaults=dataset.defaults or {},
        role=role,
    )


def read_facts(session: Session, dataset: Dataset, counts: ImageCounts) -> Facts:
    """What the steps of a dataset are made from; some small queries."""
    count = counts.read(session, dataset.id)
    active, succeeded, failed = _jobs_by_kind(session, dataset.id)
    index = newest_index(session, dataset.id)
    return Facts(
        images=count.images,
        captioned=count.captioned,
        caption_seq=dataset.caption_seq,
        newest_image_at=count.newest_at,
        active=active,
        succeeded=succeeded,
        failed=failed,
        index_images=index.images if index else None,
        indexed_at=index.created_at if index else None,
        index_model=index.model_id if index else "",
        index_job_id=index.job_id if index else None,
        model_waits=_model_without_index(session, dataset.id) if index else "",
        train_rows=dataset.train_rows,
    )


def _jobs_by_kind(
    session: Session, dataset_id: str
) -> tuple[dict[str, Job], dict[str, Job], dict[str, Job]]:
    """(under way, newest success, failure newer than any success), each by kind."""
    of_steps = [kind.name for kind in KINDS.values() if kind.step]
    rows = session.execute(
        select(Job.id, Job.kind, Job.state)
        .where(Job.dataset_id == dataset_id, Job.kind.in_(of_steps))
        .order_by(func.coalesce(Job.finished_at, Job.created_at), Job.id)
    ).all()
    active: dict[str, str] = {}
    succeeded: dict[str, str] = {}
    failed: dict[str, str] = {}
    for row in rows:
        if row.state in states.ACTIVE:
            active.setdefault(row.kind, row.id)
        elif row.state == "succeeded":
            succeeded[row.kind] = row.id
            failed.pop(row.kind, None)
        elif row.state == "failed":
            failed[row.kind] = row.id
    wanted = {*active.values(), *succeeded.values(), *failed.values()}
    found = {job.id: job for job in session.scalars(select(Job).where(Job.id.in_(wanted)))}
    by_kind = [
        {kind: found[job_id] for kind, job_id in ids.items()} for ids in (active, succeeded, failed)
    ]
    return by_kind[0], by_kind[1], by_kind[2]


def _cover(session: Session, dataset_id: str) -> list[str]:
    first = session.scalars(
        select(Image).where(Image.dataset_id == dataset_id).order_by(Image.id).limit(COVER)
    )
    return [thumb_url(image) for image in first]


def _model_without_index(session: Session, dataset_id: str) -> str:
    """The name of the newest model trained on this dataset, when no index of it was built."""
    model = session.scalar(
        select(Model)
        .where(Model.dataset_id == dataset_id)
        .order_by(Model.created_at.desc(), Model.id.desc())
        .limit(1)
    )
    if model is None:
        return ""
    indexed = session.scalar(
        select(SearchIndex.id)
        .where(SearchIndex.dataset_id == dataset_id, SearchIndex.model_id == model.id)
        .limit(1)
    )
    return "" if indexed else model.name
