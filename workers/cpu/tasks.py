"""What CPU workers do: the bodies of their jobs, and the messages of the queue captions.

What decodes pictures is imported in the bodies, so that an idle worker stays small.
"""

from __future__ import annotations

from typing import Any

from celery import signals

from common.jobs.kinds import CPU
from common.messaging.broker import CAPTIONS, SAVE_CAPTIONS
from workers.runtime.app import app
from workers.runtime.job_bodies import register_bodies
from workers.runtime.services import process_services


@signals.celeryd_after_setup.connect
def be_ready_for_captions(instance: Any, **_: object) -> None:
    """The first caption shall not wait for imports and CLIP's vocabulary."""
    if CAPTIONS in instance.app.amqp.queues:
        from common.captions.clip_tokens import count_tokens
        from workers.cpu.captions import messages  # noqa: F401

        count_tokens("ready")


@app.task(name=SAVE_CAPTIONS)
def save(entries: list[dict[str, Any]], reply: str) -> None:
    """Write the captions and claims of one message; answer the API under the name `reply`."""
    from workers.cpu.captions.messages import commit_and_tell

    commit_and_tell(process_services(), entries, reply)


register_bodies(
    CPU,
    {
        "ingest": "workers.cpu.images.upload_jobs:ingest_uploads",
        "sample": "workers.cpu.images.upload_jobs:draw_into_dataset",
        "import_captions": "workers.cpu.images.upload_jobs:import_caption_file",
        "edit_captions": "workers.cpu.captions.edit_job:edit_captions",
        "undo_edit": "workers.cpu.captions.undo_job:undo_edit",
        "split": "workers.cpu.split.job:split_dataset",
        "augment": "workers.cpu.augment.job:augment_with_synonyms",
        "remove_images": "workers.cpu.images.clean_up:clean_up",
        "remove_dataset": "workers.cpu.images.clean_up:clean_up",
        "map": "workers.cpu.map.job:build_map",
    },
)
