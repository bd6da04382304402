"""The Celery tasks of CPU workers: load, call a pure function, save.

What decodes pictures is imported in the bodies, so that an idle worker stays small.
"""

from __future__ import annotations

from typing import Any

from common.errors import CaptionConflict, ClipBrowserError
from common.queue import SAVE_CAPTION
from workers.app import app
from workers.cpu import map as _map  # noqa: F401 - registers the job "map"
from workers.cpu.captions import Save, save_caption
from workers.runner import JobContext, job_task
from workers.services import Services, services


@app.task(name=SAVE_CAPTION)
def save(message: dict[str, Any]) -> None:
    """Save one caption; tell the waiting request, if any, and every dashboard."""
    save_and_tell(services(), message)


def save_and_tell(parts: Services, message: dict[str, Any]) -> None:
    """The body of `captions.save`; `message` is what the API sent."""
    wanted = Save(**{name: message[name] for name in Save.__annotations__})
    try:
        with parts.sessions() as session:
            saved = save_caption(session, wanted)
    except ClipBrowserError as problem:
        _reply(parts, message, {"error": problem.to_dict()})
        if isinstance(problem, CaptionConflict) and problem.details:
            told = {"client_id": wanted.client_id, "current": problem.details["current"]}
            parts.events.caption_conflict(problem.details["dataset_id"], told)
        return
    _reply(parts, message, {"ok": True, **saved.event()})
    parts.events.caption(saved.dataset_id, saved.event())
    if not saved.repeated:
        parts.events.dataset(saved.dataset_id)


def _reply(parts: Services, message: dict[str, Any], answer: dict[str, Any]) -> None:
    if message.get("reply"):
        parts.replies.give(f"caption:{message['client_id']}", answer)


@job_task("ingest")
def ingest(ctx: JobContext) -> dict[str, Any]:
    """Take uploaded images (and captions beside them) into a dataset."""
    from workers.cpu.uploads import ingest_uploads

    return ingest_uploads(ctx)


@job_task("sample")
def sample(ctx: JobContext) -> dict[str, Any]:
    """Draw the sample dataset."""
    from workers.cpu.uploads import draw_into_dataset

    return draw_into_dataset(ctx)


@job_task("import_captions")
def import_captions(ctx: JobContext) -> dict[str, Any]:
    """Take captions from a file."""
    from workers.cpu.uploads import import_caption_file

    return import_caption_file(ctx)


@job_task("split")
def split(ctx: JobContext) -> dict[str, Any]:
    """Split the captions into training and validation."""
    from workers.cpu.prepare import split_dataset

    return split_dataset(ctx)


@job_task("augment")
def augment(ctx: JobContext) -> dict[str, Any]:
    """Add variants of the training captions: synonyms here, paraphrases on the GPU queue."""
    if ctx.job.params.get("method") == "llm":
        from workers.paraphrases import paraphrase_dataset

        return paraphrase_dataset(ctx)
    from workers.cpu.prepare import augment_with_synonyms

    return augment_with_synonyms(ctx)
