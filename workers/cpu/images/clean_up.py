"""Removing the files of images and datasets that were deleted, each looked for in the database once more."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from common.backup.lease import is_held
from common.datasets.params import CleanUpParams
from common.db.engine import in_turns
from common.db.tables import Dataset, Job, Model, SearchIndex, TrashedModel
from common.images.files import file_keys, hold_files, unneeded
from workers.runtime.job_context import JobContext, Postponed

AT_ONCE = 20  # images in a transaction; on SQLite everybody who writes waits for it


def clean_up(ctx: JobContext) -> dict[str, Any]:
    """Remove what params name, but for what is needed again; how many files went and how many stayed.

    Raises Postponed while a backup reads the store: it has named them before their rows went.
    """
    asked = CleanUpParams.model_validate(ctx.job.params)
    ctx.report(done=0, total=len(asked.images) + len(asked.folders), unit="files")
    removed = 0
    for names in in_turns(ctx.reader, asked.images, AT_ONCE):
        ctx.check_stop()
        _wait_for_backup(ctx)
        removed += _remove_images(ctx, asked.dataset_id, names)
    artifacts = sum(_remove_folder(ctx, folder) for folder in asked.folders)
    return {"images": removed, "kept": len(asked.images) - removed, "artifacts": artifacts}


def _wait_for_backup(ctx: JobContext) -> None:
    with ctx.reader() as session:
        if is_held(session):
            raise Postponed("waits until a backup has ended")


def _remove_images(ctx: JobContext, dataset_id: str, names: Any) -> int:
    with ctx.session() as session:
        hold_files(session, dataset_id)
        gone = unneeded(session, dataset_id, names)
        for name in gone:
            for key in file_keys(dataset_id, name):
                ctx.store.delete(key)
    return len(gone)


def _remove_folder(ctx: JobContext, folder: str) -> int:
    """A folder is named after a dataset, a job or a model, or is an index; while there is that one it stays."""
    _wait_for_backup(ctx)
    owner = folder.rsplit("/", 1)[-1]
    with ctx.reader() as session:
        if _is_index(folder):
            is_needed = SearchIndex.prefix.in_((folder, f"{folder}/"))
            if session.scalar(select(SearchIndex.id).where(is_needed)) is None:
                return ctx.store.delete_prefix(folder)
        for table in (Dataset, Job, Model, TrashedModel):
            if session.scalar(select(table.id).where(table.id == owner)) is not None:
                ctx.log(f"{folder} is needed again and stays")
                return 0
    return ctx.store.delete_prefix(folder)


def _is_index(folder: str) -> bool:
    """Whether it holds one index: `indexes/<dataset>/<model>/<job>`, of which the job outlives it."""
    return folder.startswith("indexes/") and folder.count("/") == 3
