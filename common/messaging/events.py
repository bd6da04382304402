"""Telling the dashboards. Snapshot first (the database), then emit: an emit may be lost."""

from __future__ import annotations

import logging
from typing import Any

from socketio import RedisManager

from common.db.tables import Job
from common.jobs import reports
from common.settings import Settings

log = logging.getLogger(__name__)


class Events:
    """Writes Socket.IO events for the API's servers to deliver. One per process."""

    def __init__(self, settings: Settings) -> None:
        self._manager = RedisManager(
            settings.redis_url,
            write_only=True,
            redis_options={"socket_timeout": 5, "socket_connect_timeout": 5},
        )

    def emit(self, event: str, data: dict[str, Any], rooms: list[str]) -> None:
        """Send to everybody in these rooms; a Redis that is away loses the event, not the state."""
        for room in rooms:
            try:
                self._manager.emit(event, data, room=room)
            except Exception:  # whatever the client library raises, the work itself goes on
                log.warning("event %s to %s was not sent", event, room, exc_info=True)

    def job(self, job: Job) -> None:
        """A job's progress record, to its own room and to `jobs`."""
        self.emit("job", reports.progress_record(job), [f"job:{job.id}", "jobs"])

    def queue(self, name: str) -> None:
        """The order of a queue has changed, or whether it is paused: `{name}`, to the room `jobs`."""
        self.emit("queue", {"name": name}, ["jobs"])

    def dataset(self, dataset_id: str) -> None:
        """The counts or steps of a dataset have changed."""
        self.emit("dataset", {"dataset_id": dataset_id}, [f"dataset:{dataset_id}"])

    def caption(self, dataset_id: str, data: dict[str, Any]) -> None:
        """A caption was saved: `{image_id, slot, revision, text, by, client_id}`; text None: taken away."""
        self.emit("caption", data, [f"dataset:{dataset_id}"])

    def image(self, dataset_id: str, data: dict[str, Any]) -> None:
        """A mark has changed: `{image_id, flagged_by, flag_note, reviewed_by, tag}`."""
        self.emit("image", data, [f"dataset:{dataset_id}"])

    def caption_conflict(self, dataset_id: str, data: dict[str, Any]) -> None:
        """A caption was not saved, since another revision is there: `{client_id, current}`."""
        self.emit("caption_conflict", data, [f"dataset:{dataset_id}"])
