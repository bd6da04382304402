"""Which artifacts a state of the database names: what a backup holds, and what the store must have."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from common.captions.csv_files import write_rows
from common.captions.rows import index_rows
from common.datasets.snapshots import load_snapshot, snapshot_key
from common.db.tables import Dataset, Image, Job, Model, SearchIndex, TrashedImage, TrashedModel
from common.db.tables.images import image_key, thumb_key
from common.errors import NotFound
from common.jobs.states import FINISHED
from common.store import ArtifactStore

ROOMS = ("datasets", "indexes", "maps", "models_finetuned", "runs", "checkpoints", "uploads")
OF_DATASETS, OF_JOBS = ("datasets", "maps"), ("runs", "checkpoints")
OF_IMAGES = ("images", "thumbs")
INDEX_CSV, SIDES = "index.csv", {"train_original.csv": "train", "val.csv": "val"}


@dataclass
class Named:
    """What the rows name.

    files: of each dataset, {sha256: ext} of its images, in the trash or not. frozen: of each dataset that was
    split, the id of its snapshot. models, indexes: folders. uploads: folders that jobs still read.
    """

    files: dict[str, dict[str, str]] = field(default_factory=dict)
    frozen: dict[str, str] = field(default_factory=dict)
    models: set[str] = field(default_factory=set)
    indexes: set[str] = field(default_factory=set)
    jobs: set[str] = field(default_factory=set)
    uploads: set[str] = field(default_factory=set)

    def has(self, key: str) -> bool:
        """Whether an artifact belongs to what is named."""
        room, _, rest = key.partition("/")
        owner, _, below = rest.partition("/")
        if room in OF_DATASETS:
            return owner in self.files and (room == "maps" or self._has_file(owner, below))
        if room in OF_JOBS:
            return owner in self.jobs
        if room == "models_finetuned":
            return f"{room}/{owner}" in self.models
        if room == "indexes":
            return key.rpartition("/")[0] in self.indexes
        return room == "uploads" and f"{room}/{owner}" in self.uploads

    def _has_file(self, dataset_id: str, below: str) -> bool:
        folder, _, name = below.partition("/")
        if folder not in OF_IMAGES or not name:
            return True
        return name.partition(".")[0] in self.files[dataset_id]

    def required(self) -> Iterator[str]:
        """The keys without which something is broken: images with their thumbnails, and frozen captions."""
        for dataset_id, files in self.files.items():
            for sha256, ext in files.items():
                yield image_key(dataset_id, sha256, ext)
                yield thumb_key(dataset_id, sha256)
        for dataset_id, snapshot_id in self.frozen.items():
            yield snapshot_key(dataset_id, snapshot_id)

    def folders(self) -> Iterator[str]:
        """The folders that must not be empty."""
        yield from self.models
        yield from self.indexes


def read_named(session: Session) -> Named:
    """What the database names, as the session sees it."""
    files: dict[str, dict[str, str]] = defaultdict(dict)
    named = Named()
    for dataset_id, snapshot_id in session.execute(select(Dataset.id, Dataset.snapshot_id)):
        files[dataset_id] = {}
        if snapshot_id:
            named.frozen[dataset_id] = snapshot_id
    for table in (Image, TrashedImage):
        for dataset_id, sha256, ext in session.execute(
            select(table.dataset_id, table.sha256, table.ext)
        ):
            files[dataset_id][sha256] = ext
    named.files = dict(files)
    named.indexes = {prefix.rstrip("/") for prefix in session.scalars(select(SearchIndex.prefix))}
    named.models = {_model_folder(folder) for folder in session.scalars(select(Model.folder))}
    for folder, rows in session.execute(select(TrashedModel.folder, TrashedModel.rows)):
        named.models.add(_model_folder(folder))
        named.indexes |= {row["prefix"].rstrip("/") for row in rows.get("indexes", ())}
    named.jobs = set(session.scalars(select(Job.id)))
    params = session.scalars(select(Job.params).where(Job.state.not_in(FINISHED)))
    named.uploads = {folder for each in params for folder in _uploads(each)}
    return named


def _model_folder(folder: str) -> str:
    return f"models_finetuned/{folder.rstrip('/').rsplit('/', 1)[-1]}"


def _uploads(params: dict[str, Any]) -> Iterator[str]:
    keys = [
        upload["key"] for upload in [*params.get("uploads", ()), params.get("upload")] if upload
    ]
    for key in [*keys, params.get("upload_key")]:
        if key:
            yield "/".join(str(key).split("/")[:2])


def compose_tables(
    session: Session, store: ArtifactStore, named: Named
) -> Iterator[tuple[str, bytes]]:
    """(key, content) of the CSV files that people's work changes while a backup runs, as they belong to these rows."""
    for dataset_id in named.files:
        yield f"datasets/{dataset_id}/{INDEX_CSV}", write_rows(index_rows(session, dataset_id))
    for dataset_id, snapshot_id in named.frozen.items():
        try:
            frozen = load_snapshot(store, dataset_id, snapshot_id)
        except NotFound:
            continue
        for name, side in SIDES.items():
            rows = [(row.path, row.text) for row in frozen if row.side == side]
            yield f"datasets/{dataset_id}/{name}", write_rows(rows)


def missing_artifacts(session: Session, store: ArtifactStore) -> list[str]:
    """What the database names and the store lacks: keys, and folders of models and indexes. Raises StoreUnavailable."""
    named = read_named(session)
    there = {item.key for room in ROOMS[:4] for item in store.list(room)}
    return find_missing(named, there)


def find_missing(named: Named, there: set[str]) -> list[str]:
    """Those of the named keys and folders that these keys lack."""
    full = {key.rpartition("/")[0] for key in there}
    full |= {"/".join(key.split("/")[:2]) for key in there}
    lacking = [key for key in named.required() if key not in there]
    return [*lacking, *(f"{folder}/" for folder in sorted(named.folders()) if folder not in full)]
