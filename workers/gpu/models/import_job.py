"""The import job: a model folder from elsewhere, packed as a zip, into the registry."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from common.errors import InvalidInput
from common.models.params import ImportModelParams
from common.trash.removal import remove_folders
from workers.gpu.models.registration import store_model
from workers.runtime.child import run_child
from workers.runtime.job_context import JobContext

CHILD = "workers.gpu.models.import_child"


def import_model_folder(ctx: JobContext) -> dict[str, Any]:
    """Check the folder, store it under `models_finetuned/` and register it; the result has its id.

    The upload is dropped once it is taken or refused. Raises InvalidInput that says what is wrong.
    """
    try:
        asked = ImportModelParams.model_validate(ctx.job.params)
    except ValidationError as bad:
        raise InvalidInput(f"The import's parameters do not fit: {bad.errors()[0]['msg']}") from bad
    made = ctx.result_before or _check_and_register(ctx, asked)
    _drop(ctx, asked)
    shutil.rmtree(ctx.work_dir, ignore_errors=True)
    return made


def _check_and_register(ctx: JobContext, asked: ImportModelParams) -> dict[str, Any]:
    ctx.report(message="fetching the upload")
    try:
        result = run_child(ctx, CHILD, _config(ctx, asked))
    except InvalidInput:
        _drop(ctx, asked)
        raise
    kept = ("architecture", "image_size", "embed_dim", "parameters", "notes")
    return store_model(
        ctx,
        Path(result["model_folder"]),
        {key: result[key] for key in kept},
        name=asked.name or result["name"],
        source="imported",
        dataset_id=None,
        params=result["params"],
    )


def _config(ctx: JobContext, asked: ImportModelParams) -> dict[str, Any]:
    return {
        "archive": str(_fetched(ctx, asked.upload_key)),
        "archive_name": asked.upload_key.rsplit("/", 1)[-1],
        "name": asked.name,
        "imported_by": ctx.job.created_by,
        "job_id": ctx.job.id,
        "work_dir": str(ctx.work_dir),
    }


def _fetched(ctx: JobContext, key: str) -> Path:
    """A local file with the upload. Raises NotFound when it is not in the store."""
    here = ctx.store.local_path(key)
    if here is not None and here.is_file():
        return here
    path = ctx.work_dir / "upload.zip"
    ctx.store.get_file(key, path)
    return path


def _drop(ctx: JobContext, asked: ImportModelParams) -> None:
    if asked.upload_key.startswith(
        "uploads/"
    ):  # uploads/<token>/<number>/<name>, as the API stores it
        folder = "/".join(asked.upload_key.split("/")[:2])
        remove_folders(ctx.session, ctx.store, [folder], ctx.job.created_by)
