"""Datasets: make, list, rename, delete; the files they are made of."""

from __future__ import annotations

import contextlib

from flask import Response
from sqlalchemy import delete, null, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from api.answer import Problem
from api.capability import PREFIX, file_of, make_blueprint
from api.datasets.export import export_dataset, file_of_dataset
from api.datasets.facts import answer_dataset, find_dataset
from api.datasets.schemas import (
    DatasetFilePath,
    DatasetJob,
    DatasetList,
    DatasetModel,
    DatasetOut,
    DatasetPath,
    ExportQuery,
    NewDataset,
    SampleDataset,
)
from api.datasets.slugs import slug_of
from api.jobs.clean_up import plan_clean_up
from api.jobs.submission import dispatch, submit
from api.models.registry import resolve_model
from api.people.access import access
from api.people.identity import user
from api.services import Services, app_services
from common.datasets.clean_up import taken_ids
from common.db.tables import Dataset, Job, Member
from common.errors import Conflict, QueueUnavailable
from common.jobs import chains, states
from common.jobs.kinds import JOB_QUEUES, KINDS
from common.models.catalogue import SMALL_MODEL
from common.people.rights import Role, capped

datasets = make_blueprint("datasets", __name__, "datasets", f"{PREFIX}/datasets")
MAX_SAME_NAME = 1000
# Shapes are learned from scratch in a minute or two on any machine; photographs are not.
SAMPLE_DEFAULTS = {
    "train": {"model": SMALL_MODEL, "pretrained": "", "epochs": 40, "batch_size": 64}
}


@datasets.get("", responses={200: DatasetList})
def list_datasets() -> DatasetList:
    """The datasets that one sees, newest first."""
    with app_services().readers() as session:
        found = session.scalars(
            select(Dataset).where(access().sees()).order_by(Dataset.created_at.desc(), Dataset.id)
        ).all()
        items = [_answer(session, dataset) for dataset in found]
    return DatasetList(items=items)


@datasets.post("", responses={201: DatasetOut, 400: Problem})
def make_dataset(body: NewDataset) -> tuple[DatasetOut, int]:
    """A new, empty dataset."""
    with app_services().sessions() as session:
        return _answer(session, _insert(session, body.name), _made()), 201


@datasets.post("/sample", responses={202: DatasetJob, 400: Problem})
def make_sample(body: SampleDataset) -> tuple[DatasetJob, int]:
    """A dataset that the service draws itself, with captions."""
    with app_services().sessions() as session:
        dataset = _insert(session, body.name)
        dataset.defaults = SAMPLE_DEFAULTS
    job = submit(app_services(), "sample", {}, dataset_id=dataset.id, created_by=user().name)
    with app_services().readers() as session:
        return DatasetJob(dataset=_answer(session, dataset, _made()), job=job), 202


@datasets.get("/<dataset_id>", responses={200: DatasetOut, 404: Problem})
def get_dataset(path: DatasetPath) -> DatasetOut:
    """One dataset with its counts and steps."""
    with app_services().readers() as session:
        return _answer(session, find_dataset(session, path.dataset_id))


@datasets.patch("/<dataset_id>", responses={200: DatasetOut, 404: Problem})
def rename_dataset(path: DatasetPath, body: NewDataset) -> DatasetOut:
    """Another name; the id stays."""
    with app_services().sessions() as session:
        dataset = find_dataset(session, path.dataset_id)
        dataset.name = body.name
        session.flush()
        answer = _answer(session, dataset)
    app_services().events.dataset(path.dataset_id)
    return answer


@datasets.put("/<dataset_id>/model", responses={200: DatasetOut, 400: Problem, 404: Problem})
def choose_model(path: DatasetPath, body: DatasetModel) -> DatasetOut:
    """The model that the dataset is searched with, once it is indexed; null: the one indexed last."""
    with app_services().sessions() as session:
        dataset = find_dataset(session, path.dataset_id)
        wanted = body.model_id
        dataset.model_id = resolve_model(session, wanted) if wanted is not None else None
        session.flush()
        answer = _answer(session, dataset)
    app_services().events.dataset(path.dataset_id)
    return answer


@datasets.delete("/<dataset_id>", responses={204: None, 404: Problem})
def delete_dataset(path: DatasetPath) -> tuple[str, int]:
    """Remove a dataset with its images, captions, jobs and indexes, its files in a job. Models remain."""
    with app_services().sessions() as session:
        find_dataset(session, path.dataset_id)
        active, folders = _stop_jobs(session, path.dataset_id)
        folders += _run_folders(session, path.dataset_id)
        folders += [f"{kind}/{path.dataset_id}" for kind in ("datasets", "indexes", "maps")]
        jobs = session.scalars(select(Job.id).where(Job.dataset_id == path.dataset_id))
        ended = chains.let_go(session, set(jobs))  # jobs of other datasets that wait for its own
        session.execute(delete(Dataset).where(Dataset.id == path.dataset_id))
        job = plan_clean_up(session, user().name, path.dataset_id, folders=folders)
    _revoke(app_services(), active)
    dispatch(app_services(), job)
    for each in ended:
        app_services().events.job(each)
    app_services().events.dataset(path.dataset_id)
    for name in JOB_QUEUES:
        app_services().events.queue(name)
    return "", 204


@datasets.get(
    "/<dataset_id>/files/<name>",
    responses={200: file_of("text/csv", "text/tab-separated-values"), 404: Problem},
)
def get_file(path: DatasetFilePath) -> Response:
    """index.csv (always current), train_original.csv, val.csv or train.csv."""
    return file_of_dataset(app_services(), path.dataset_id, path.name)


@datasets.get("/<dataset_id>/export.zip", responses={200: file_of("application/zip"), 404: Problem})
def export(path: DatasetPath, query: ExportQuery) -> Response:
    """Images and captions: csv is ready for `python -m open_clip_train.main` in the unpacked folder.

    txt: a file beside each image, a caption on each line, as kohya_ss reads them; jsonl:
    metadata.jsonl, as Hugging Face's `imagefolder` reads it; all: all three.
    """
    return export_dataset(app_services(), path.dataset_id, query.captions, query.images)


def _answer(session: Session, dataset: Dataset, role: Role | None = None) -> DatasetOut:
    """role: of who asks, where it is known already."""
    role = role or access().role_in(dataset.id)
    return answer_dataset(session, dataset, app_services().image_counts, role)


def _made() -> Role | None:
    """What somebody is in a dataset that he makes just now."""
    return capped("owner", access().scope)


def _insert(session: Session, name: str) -> Dataset:
    """A row of the person who asks, under the first free id: 'cats', 'cats-2', 'cats-3' ..."""
    slug = slug_of(name)
    taken = taken_ids(session, slug)
    for number in range(1, MAX_SAME_NAME):
        dataset_id = slug if number == 1 else f"{slug}-{number}"
        if dataset_id in taken:
            continue
        dataset = Dataset(
            id=dataset_id, name=name, created_by=user().name,
            everyone_role=app_services().settings.everyone_role or null(),  # None: the default
            caption_seq=0, index_csv_seq=-1, defaults={},
        )  # fmt: skip
        try:
            with session.begin_nested():
                session.add(dataset)
        except IntegrityError:
            continue  # somebody was faster
        session.add(
            Member(dataset_id=dataset_id, user_id=user().id, role="owner", added_by=user().name)
        )
        session.flush()
        return dataset
    raise Conflict(
        f"There are {MAX_SAME_NAME} datasets called '{name}'.", remedy="Choose another name."
    )


def _stop_jobs(session: Session, dataset_id: str) -> tuple[list[str], list[str]]:
    """Ask every active job to end: (their Celery ids, the folders of uploads they had not read)."""
    tasks: list[str] = []
    folders: list[str] = []
    for job in session.scalars(
        select(Job).where(Job.dataset_id == dataset_id, Job.state.in_(states.ACTIVE))
    ).all():
        with contextlib.suppress(Conflict):  # it ended just now
            states.request_stop(session, job.id, "kill")
        if job.task_id:
            tasks.append(job.task_id)
        uploads = job.params.get("uploads") or [job.params.get("upload")]
        folders += {upload["key"].rsplit("/", 2)[0] for upload in uploads if upload}
    return tasks, folders


def _run_folders(session: Session, dataset_id: str) -> list[str]:
    """What its jobs wrote elsewhere: TensorBoard's files, and copies of checkpoints."""
    folders = {kind.name: kind.folders for kind in KINDS.values() if kind.folders}
    found = session.execute(
        select(Job.id, Job.kind).where(Job.dataset_id == dataset_id, Job.kind.in_(folders))
    )
    return [f"{folder}/{row.id}" for row in found for folder in folders[row.kind]]


def _revoke(services: Services, task_ids: list[str]) -> None:
    with contextlib.suppress(QueueUnavailable):
        for task_id in task_ids:
            services.queue.revoke(task_id)
