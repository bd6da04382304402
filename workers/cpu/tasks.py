"""The Celery tasks of CPU workers: load, call a pure function, save.

What decodes pictures is imported in the bodies, so that an idle worker stays small.
"""

from __future__ import annotations

from typing import Any

from common.messaging.broker import SAVE_CAPTIONS
from workers.cpu.captions.saving import Save
from workers.cpu.map import job as _map  # noqa: F401 - registers the job "map"
from workers.runtime.app import app
from workers.runtime.job_context import JobContext, job_task
from workers.runtime.services import services


@app.task(name=SAVE_CAPTIONS)
def save(saves: list[dict[str, Any]], reply: str) -> None:
    """Save the captions of one message; answer the API under the name `reply`, tell the dashboards."""
    from workers.cpu.captions.messages import save_and_tell

    save_and_tell(services(), [Save(**wanted) for wanted in saves], reply)


@job_task("ingest")
def ingest(ctx: JobContext) -> dict[str, Any]:
    """Take uploaded images (and captions beside them) into a dataset."""
    from workers.cpu.images.upload_jobs import ingest_uploads

    return ingest_uploads(ctx)


@job_task("sample")
def sample(ctx: JobContext) -> dict[str, Any]:
    """Draw the sample dataset."""
    from workers.cpu.images.upload_jobs import draw_into_dataset

    return draw_into_dataset(ctx)


@job_task("import_captions")
def import_captions(ctx: JobContext) -> dict[str, Any]:
    """Take captions from a file."""
    from workers.cpu.images.upload_jobs import import_caption_file

    return import_caption_file(ctx)


@job_task("edit_captions")
def edit_captions(ctx: JobContext) -> dict[str, Any]:
    """Edit many captions alike."""
    from workers.cpu.captions.edit_job import edit_captions as edit

    return edit(ctx)


@job_task("undo_edit")
def undo_edit(ctx: JobContext) -> dict[str, Any]:
    """Take back what a job did to captions."""
    from workers.cpu.captions.undo_job import undo_edit as undo

    return undo(ctx)


@job_task("split")
def split(ctx: JobContext) -> dict[str, Any]:
    """Split the captions into training and validation."""
    from workers.cpu.split.job import split_dataset

    return split_dataset(ctx)


@job_task("augment")
def augment(ctx: JobContext) -> dict[str, Any]:
    """Add variants of the training captions: synonyms here, paraphrases on the GPU queue."""
    if ctx.job.params.get("method") == "llm":
        from workers.paraphrase.job import paraphrase_dataset

        return paraphrase_dataset(ctx)
    from workers.cpu.augment.job import augment_with_synonyms

    return augment_with_synonyms(ctx)
