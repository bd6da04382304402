"""Datasets: make, list, rename, delete; the files they are made of."""

from __future__ import annotations

from flask import Response
from sqlalchemy import null, select
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
    DeleteQuery,
    ExportQuery,
    NewDataset,
    SampleDataset,
)
from api.datasets.slugs import slug_of
from api.jobs.submission import submit
from api.models.registry import resolve_model
from api.people.access import access
from api.people.audited import note_dataset, note_details
from api.people.identity import user
from api.services import app_services
from api.trash.confirmation import require_confirmed
from api.trash.removal import delete_into_trash
from common.datasets.clean_up import taken_ids
from common.db.tables import Dataset, Member
from common.errors import Conflict
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


@datasets.post("", responses={201: DatasetOut, 409: Problem})
def make_dataset(body: NewDataset) -> tuple[DatasetOut, int]:
    """A new, empty dataset."""
    with app_services().sessions() as session:
        dataset = _insert(session, body.name)
        note_dataset(dataset.id)
        note_details(name=dataset.name)
        return _answer(session, dataset, _made()), 201


@datasets.post("/sample", responses={202: DatasetJob, 409: Problem})
def make_sample(body: SampleDataset) -> tuple[DatasetJob, int]:
    """A dataset that the service draws itself, with captions."""
    with app_services().sessions() as session:
        dataset = _insert(session, body.name)
        dataset.defaults = SAMPLE_DEFAULTS
    note_dataset(dataset.id)
    note_details(name=dataset.name)
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
        note_details(name=body.name, before=dataset.name)
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
        note_details(before=dataset.model_id)
        dataset.model_id = resolve_model(session, wanted) if wanted is not None else None
        note_details(model=dataset.model_id)
        session.flush()
        answer = _answer(session, dataset)
    app_services().events.dataset(path.dataset_id)
    return answer


@datasets.delete("/<dataset_id>", responses={204: None, 400: Problem, 404: Problem})
def delete_dataset(path: DatasetPath, query: DeleteQuery) -> tuple[str, int]:
    """Delete a dataset with its images, captions, jobs and indexes; it can be brought back from the trash.

    Its jobs are stopped; models remain. In a browser `confirm` says its name.
    """
    with app_services().readers() as session:
        name = find_dataset(session, path.dataset_id).name
    require_confirmed(name, query.confirm, f"Deleting the dataset '{name}'")
    delete_into_trash(app_services(), path.dataset_id)
    note_details(name=name)
    return "", 204


@datasets.get(
    "/<dataset_id>/files/<name>",
    responses={200: file_of("text/csv", "text/tab-separated-values"), 404: Problem},
)
def get_file(path: DatasetFilePath) -> Response:
    """index.csv and captions.csv (always current), train_original.csv, val.csv or train.csv.

    captions.csv is for spreadsheets: image, number, caption, author, date; no cell is a formula.
    """
    return file_of_dataset(app_services(), path.dataset_id, path.name)


@datasets.get("/<dataset_id>/export.zip", responses={200: file_of("application/zip"), 404: Problem})
def export(path: DatasetPath, query: ExportQuery) -> Response:
    """Images and captions: csv is ready for `python -m open_clip_train.main` in the unpacked folder.

    txt: a file beside each image, a caption on each line, as kohya_ss reads them; jsonl:
    metadata.jsonl, as Hugging Face's `imagefolder` reads it; all: all three.
    """
    note_details(captions=query.captions, images=query.images)
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
