"""What is kept how long, and what nothing needs any more. The rule as a table: docs/jobs.md.

For ever: datasets, images, captions and their histories, models, and the jobs that made what there is.
Rows go in small portions, files by jobs that look again (`common/datasets/clean_up.py`). A setting of 0 days
keeps for ever.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.orm import Session, aliased

from common.datasets.params import CleanUpParams
from common.db.tables import (
    AuditEvent,
    Dataset,
    Image,
    Job,
    JobLog,
    JobMetric,
    Model,
    SearchIndex,
    TrashedImage,
    TrashedModel,
)
from common.jobs.states import FINISHED, create_job
from common.settings import Settings
from common.store import ArtifactStat, ArtifactStore
from common.trash.expiry import count_expired

LASTING = (
    "split",
    "augment",
    "train",
    "index",
    "blend",
    "import_model",
)  # made what others rely on
PORTION = 200  # jobs in a transaction
AUDIT_PORTION = 2000
OF_DATASETS, OF_JOBS = ("datasets", "indexes", "maps"), ("runs", "checkpoints")
OF_MODELS = ("models_finetuned",)
SERVICE, LAST = "CLIP Browser", 9


@dataclass(frozen=True)
class Leftover:
    """Something that goes. what: jobs, logs, metrics, audit, trash, uploads or orphans; name: of a folder or file, or ""."""

    what: str
    name: str
    count: int
    size_bytes: int


def _before(days: int, moment: datetime) -> datetime | None:
    return moment - timedelta(days=days) if days else None


def old_jobs(before: datetime) -> tuple[ColumnElement[bool], ...]:
    """Jobs that ended before and that neither a follower, a model, an index nor variants name."""
    follower = aliased(Job)
    names_it: Iterable[Any] = (
        select(follower.id).where(follower.after_job_id == Job.id),
        select(Model.id).where(Model.job_id == Job.id),
        select(SearchIndex.id).where(SearchIndex.job_id == Job.id),
        select(Dataset.id).where(Dataset.variants_job_id == Job.id),
    )
    lasting = (Job.state == "succeeded") & Job.kind.in_(LASTING)
    return (
        Job.state.in_(FINISHED),
        Job.finished_at < before,
        ~lasting,
        *(~each.exists() for each in names_it),
    )


def trim_rows(session: Session, settings: Settings, moment: datetime) -> int:
    """Remove one portion of old jobs, logs, metrics and lines of the audit log; how many it was about."""
    touched = 0
    before = _before(settings.keep_jobs_days, moment)
    if before is not None:
        ids = session.scalars(select(Job.id).where(*old_jobs(before)).limit(PORTION)).all()
        session.execute(delete(Job).where(Job.id.in_(ids)))
        touched += len(ids)
    for table, days in _reports(settings):
        before = _before(days, moment)
        if before is not None:
            ended = select(table.job_id).join(Job).where(Job.finished_at < before).distinct()
            ids = session.scalars(ended.limit(PORTION)).all()
            session.execute(delete(table).where(table.job_id.in_(ids)))
            touched += len(ids)
    before = _before(settings.keep_audit_days, moment)
    if before is not None:
        old = select(AuditEvent.id).where(AuditEvent.at < before).limit(AUDIT_PORTION)
        numbers = session.scalars(old).all()
        session.execute(delete(AuditEvent).where(AuditEvent.id.in_(numbers)))
        touched += len(numbers)
    return touched


def _reports(settings: Settings) -> tuple[tuple[type[JobLog] | type[JobMetric], int], ...]:
    return (JobLog, settings.keep_logs_days), (JobMetric, settings.keep_metrics_days)


def count_rows(session: Session, settings: Settings, moment: datetime) -> Iterator[Leftover]:
    """What `trim_rows` and `remove_expired` would remove in all their portions."""
    before = _before(settings.keep_jobs_days, moment)
    if before is not None:
        jobs = session.scalar(select(func.count(Job.id)).where(*old_jobs(before))) or 0
        yield Leftover("jobs", "", jobs, 0)
    before = _before(settings.keep_logs_days, moment)
    if before is not None:
        size = func.coalesce(func.sum(func.length(JobLog.text)), 0)
        logs = select(func.count(JobLog.id), size).join(Job).where(Job.finished_at < before)
        yield Leftover("logs", "", *session.execute(logs).one())
    before = _before(settings.keep_metrics_days, moment)
    if before is not None:
        points = select(func.count(JobMetric.id)).join(Job).where(Job.finished_at < before)
        yield Leftover("metrics", "", session.scalar(points) or 0, 0)
    before = _before(settings.keep_audit_days, moment)
    if before is not None:
        lines = select(func.count(AuditEvent.id)).where(AuditEvent.at < before)
        yield Leftover("audit", "", session.scalar(lines) or 0, 0)
    for name, count, size_bytes in count_expired(session, settings, moment):
        yield Leftover("trash", name, count, size_bytes)


def find_files(
    session: Session, store: ArtifactStore, settings: Settings, moment: datetime
) -> Iterator[Leftover]:
    """Folders, and files of images, that are older than the settings say and that no row needs."""
    uploads = _before(settings.keep_uploads_days, moment)
    if uploads is not None:
        needed = _uploads_in_use(session)
        yield from (
            folder
            for folder in _folders(store, "uploads", "uploads", uploads)
            if folder.name not in needed
        )
    orphans = _before(settings.keep_orphans_days, moment)
    if orphans is None:
        return
    datasets, jobs = set(session.scalars(select(Dataset.id))), set(session.scalars(select(Job.id)))
    models = {
        folder.rsplit("/", 1)[-1]
        for table in (Model, TrashedModel)
        for folder in session.scalars(select(table.folder))
    }
    for rooms, ids in ((OF_DATASETS, datasets), (OF_JOBS, jobs), (OF_MODELS, models)):
        for room in rooms:
            for folder in _folders(store, room, "orphans", orphans):
                if folder.name.rsplit("/", 1)[-1] not in ids and not _is_model(store, folder.name):
                    yield folder
    for dataset_id in sorted(datasets):
        yield from _orphan_images(session, store, dataset_id, orphans)


def _is_model(store: ArtifactStore, folder: str) -> bool:
    """Whether it holds a whole model: that is somebody's work, with a row or without."""
    return store.exists(f"{folder}/training.json")


def plan_removal(session: Session, leftovers: Iterable[Leftover]) -> list[Job]:
    """Jobs that look at each once more and remove it; the caller sends them."""
    names = [each.name for each in leftovers if each.what in ("uploads", "orphans")]
    images: dict[str, list[str]] = {}
    for name in names:
        room, dataset_id, *rest = name.split("/")
        if room == "datasets" and rest[:1] == ["images"]:
            images.setdefault(dataset_id, []).append(rest[1])
    folders = [name for name in names if name.count("/") == 1]
    wanted = [CleanUpParams(dataset_id=key, images=found) for key, found in images.items()]
    if folders:
        wanted.append(CleanUpParams(dataset_id="", folders=folders))
    return [
        create_job(
            session, "remove_images", dataset_id=None, params=params.model_dump(), created_by=SERVICE,
            priority=LAST,
        )
        for params in wanted
    ]  # fmt: skip


def _folders(store: ArtifactStore, room: str, what: str, before: datetime) -> Iterator[Leftover]:
    """The folders of a room of which every file is older."""
    found: dict[str, list[ArtifactStat]] = {}
    for item in store.list(room):
        parts = item.key.split("/")
        if len(parts) > 2:
            found.setdefault("/".join(parts[:2]), []).append(item)
    for name, items in found.items():
        if all(item.modified_at < before for item in items):
            yield Leftover(what, name, len(items), sum(item.size_bytes for item in items))


def _uploads_in_use(session: Session) -> set[str]:
    """The folders that jobs which have not ended still read."""
    params = session.scalars(select(Job.params).where(Job.state.not_in(FINISHED)))
    keys = (
        upload["key"]
        for each in params
        for upload in [*each.get("uploads", ()), each.get("upload")]
        if upload
    )
    return {"/".join(str(key).split("/")[:2]) for key in keys}


def _orphan_images(
    session: Session, store: ArtifactStore, dataset_id: str, before: datetime
) -> Iterator[Leftover]:
    needed = {
        sha256
        for table in (Image, TrashedImage)
        for sha256 in session.scalars(select(table.sha256).where(table.dataset_id == dataset_id))
    }
    for item in store.list(f"datasets/{dataset_id}/images"):
        sha256 = item.key.rsplit("/", 1)[-1].partition(".")[0]
        if sha256 not in needed and item.modified_at < before:
            yield Leftover("orphans", item.key, 1, item.size_bytes)
