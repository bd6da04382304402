"""From a request to a queued job: the row first, then the message that wakes a worker."""

from __future__ import annotations

import logging
from typing import Any

from api.jobs.answers import answer_job
from api.jobs.queue_position import QueuePositions
from api.jobs.schemas import JobOut
from api.people.access import access
from api.people.audited import note_details
from api.services import Services
from common.db.tables import Job
from common.errors import QueueUnavailable
from common.jobs import states
from common.jobs.kinds import kind_of
from common.logs import Event, tell

log = logging.getLogger(__name__)
USUAL_PRIORITY = 5


def submit(
    services: Services,
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
    with services.sessions() as session:
        job = states.create_job(
            session,
            kind,
            dataset_id=dataset_id,
            params=params,
            created_by=created_by,
            after_job_id=after_job_id,
            max_attempts=services.settings.max_attempts,
            priority=priority,
        )
    tell(
        log, Event.JOB_QUEUED, f"job {job.id} ({kind}) was queued by {created_by}",
        job=job.id, kind=kind, queue=job.queue,
    )  # fmt: skip
    note_details(kind=kind, job=job.id)
    return dispatch(services, job)


def dispatch(services: Services, job: Job) -> JobOut:
    """Wake a worker for a queued job unless it waits for another, and tell the dashboards; its answer.

    Without Redis the job stays queued: the reaper wakes a worker later.
    """
    with services.readers() as session:
        waits = not states.ready(session, job)
    if not waits:
        try:
            services.queue.send_job(job, services.sessions)
        except QueueUnavailable:
            log.warning("job %s will be sent by the reaper", job.id)
    announce(services, job)
    return shown(services, job.id)


def announce(services: Services, job: Job) -> None:
    """Emit a job's record, that its queue has changed, and that its dataset's steps have."""
    services.events.job(job)
    services.events.queue(job.queue)
    if job.dataset_id:
        services.events.dataset(job.dataset_id)


def shown(services: Services, job_id: str) -> JobOut:
    """The job as it stands now. Raises NotFound."""
    with services.readers() as session:
        return answer_job(
            states.get_job(session, job_id), QueuePositions(services, session), access()
        )
