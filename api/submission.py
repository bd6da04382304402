"""From a request to a queued job: the row first, then the message that wakes a worker."""

from __future__ import annotations

import logging
from typing import Any

from api.parts import Parts
from api.shapes import job_shape
from common import jobs
from common.errors import QueueUnavailable
from common.schema import Job

log = logging.getLogger(__name__)


def submit(
    made: Parts,
    kind: str,
    params: dict[str, Any],
    *,
    dataset_id: str,
    created_by: str,
    after_job_id: str | None = None,
    priority: int = 5,
) -> dict[str, Any]:
    """Create a job and send it; the job as JSON. Raises NotFound or InvalidInput (after_job_id)."""
    with made.sessions() as session:
        job = jobs.create_job(
            session,
            kind,
            dataset_id=dataset_id,
            params=params,
            created_by=created_by,
            after_job_id=after_job_id,
            max_attempts=made.settings.max_attempts,
            priority=priority,
        )
    return dispatch(made, job)


def dispatch(made: Parts, job: Job) -> dict[str, Any]:
    """Send a queued job unless it waits for another, and tell the dashboards; the job as JSON.

    Without Redis the job stays queued: the reaper sends it later.
    """
    with made.readers() as session:
        waits = not jobs.ready(session, job)
    if not waits:
        try:
            made.queue.send_job(job, made.sessions)
        except QueueUnavailable:
            log.warning("job %s will be sent by the reaper", job.id)
    announce(made, job)
    return shown(made, job.id)


def announce(made: Parts, job: Job) -> None:
    """Emit a job's record, and that its dataset's steps have changed."""
    made.events.job(job)
    if job.dataset_id:
        made.events.dataset(job.dataset_id)


def shown(made: Parts, job_id: str) -> dict[str, Any]:
    """The job as JSON, as it stands now. Raises NotFound."""
    with made.readers() as session:
        return job_shape(session, jobs.get_job(session, job_id))
