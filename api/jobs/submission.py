"""From a request to a queued job: the row first, then the message that wakes a worker."""

from __future__ import annotations

import logging
from typing import Any

from api.jobs.answers import answer_job
from api.jobs.queue_position import Outlook
from api.jobs.schemas import JobOut
from api.services import Parts
from common.db.tables import Job
from common.errors import QueueUnavailable
from common.jobs import states
from common.jobs.kinds import kind_of

log = logging.getLogger(__name__)
USUAL_PRIORITY = 5


def submit(
    made: Parts,
    kind: str,
    params: dict[str, Any],
    *,
    dataset_id: str | None,
    created_by: str,
    after_job_id: str | None = None,
    priority: int = USUAL_PRIORITY,
) -> JobOut:
    """Create a job and send it; its answer. Raises NotFound or InvalidInput (after_job_id).

    params: complete. Raises ValidationError when they do not fit the kind's model.
    """
    kind_of(kind).params_model().model_validate(params)
    with made.sessions() as session:
        job = states.create_job(
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


def dispatch(made: Parts, job: Job) -> JobOut:
    """Wake a worker for a queued job unless it waits for another, and tell the dashboards; its answer.

    Without Redis the job stays queued: the reaper wakes a worker later.
    """
    with made.readers() as session:
        waits = not states.ready(session, job)
    if not waits:
        try:
            made.queue.send_job(job, made.sessions)
        except QueueUnavailable:
            log.warning("job %s will be sent by the reaper", job.id)
    announce(made, job)
    return shown(made, job.id)


def announce(made: Parts, job: Job) -> None:
    """Emit a job's record, that its queue has changed, and that its dataset's steps have."""
    made.events.job(job)
    made.events.queue(job.queue)
    if job.dataset_id:
        made.events.dataset(job.dataset_id)


def shown(made: Parts, job_id: str) -> JobOut:
    """The job as it stands now. Raises NotFound."""
    with made.readers() as session:
        return answer_job(states.get_job(session, job_id), Outlook(made, session))
