"""Datasets, their steps and files: what requests and answers hold."""

from __future__ import annotations

from typing import Any, Literal

from api.answer import Answer, Moment, Page
from api.jobs.schemas import JobOut
from api.request import Body, Key, Name, OptionalBody, Request
from common.people.rights import Role

StepKey = Literal["images", "captioned", "split", "augment", "train", "index", "search"]
StepState = Literal["empty", "ready", "running", "done", "stale", "failed"]


class DatasetPath(Request):
    """A dataset by its id."""

    dataset_id: Key


class DatasetFilePath(DatasetPath):
    """A file of a dataset."""

    name: Key


class NewDataset(Body):
    """A dataset's name; its id is made from it."""

    name: Name


class SampleDataset(OptionalBody):
    """An optional name for the sample dataset."""

    name: Name = "Sample shapes"


class DatasetModel(Body):
    """The model that a dataset is searched with; null: the one that was indexed last."""

    model_id: Key | None


class DeleteQuery(Request):
    """confirm: the dataset's name, as somebody has typed it."""

    confirm: Name | None = None


class ExportQuery(Request):
    """In which form the captions come along, and which images."""

    captions: Literal["csv", "txt", "jsonl", "all"] = "csv"
    images: Literal["all", "captioned"] = "all"


class Counts(Answer):
    """Images, captioned images, and what the split and the augmentation gave."""

    images: int
    captioned: int
    train: int
    val: int
    train_rows: int


class Step(Answer):
    """One step of a dataset's way."""

    key: StepKey
    state: StepState
    figure: str = ""
    reason: str = ""
    job_id: str | None = None


class DatasetOut(Answer):
    """A dataset with its counts, cover pictures and steps. defaults: params by kind of job.

    role: of the person who asks; null in what is told to all who look at the dataset. everyone_role: of all
    members of the service; null: only who was added sees it.
    """

    id: str
    name: str
    created_at: Moment
    created_by: str
    role: Role | None
    everyone_role: Role | None
    counts: Counts
    cover: list[str]
    steps: list[Step]
    model_id: str | None
    defaults: dict[str, dict[str, Any]]


class DatasetList(Page):
    """All datasets, newest first."""

    items: list[DatasetOut]


class DatasetJob(Answer):
    """A new dataset and the job that fills it."""

    dataset: DatasetOut
    job: JobOut
