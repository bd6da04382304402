"""Rows of jobs as answers."""

from __future__ import annotations

from typing import Any

from api.capability import PREFIX
from api.jobs.queue_position import QueuePositions
from api.jobs.rights import allowed
from api.jobs.schemas import JobOut, Progress
from api.people.access import Access
from common.db.tables import Job
from common.jobs.kinds import is_resumable

SHOWN_UPLOADS = 20


def answer_job(job: Job, positions: QueuePositions, who: Access) -> JobOut:
    """A job as the contract has it. positions: of this request. who: asks for it."""
    progress = job.progress or {}
    return JobOut.of(
        job,
        progress=_progress(progress),
        params=_short_params(job.params),
        notes=job.notes or [],
        eta_s=progress.get("eta_s") if job.state in ("running", "stopping") else None,
        resumable=is_resumable(job.kind) and job.state in ("stopped", "failed"),
        may=allowed(who, job),
        links=_links(job),
        **positions.of_job(job),
    )


def _progress(noted: dict[str, Any]) -> Progress:
    """What a worker has noted so far: a field that it has not is None."""
    known = {name: noted.get(name) for name in Progress.model_fields}
    return Progress(**known | {"metrics": noted.get("metrics") or {}})


def _short_params(params: dict[str, Any]) -> dict[str, Any]:
    """Of the files of an upload the first ones: there may be thousands, and jobs are asked for often."""
    uploads = params.get("uploads")
    if not isinstance(uploads, list) or len(uploads) <= SHOWN_UPLOADS:
        return params
    return {**params, "uploads": uploads[:SHOWN_UPLOADS], "uploads_count": len(uploads)}


def _links(job: Job) -> dict[str, str]:
    links = {name: f"{PREFIX}/jobs/{job.id}/{name}" for name in ("log", "metrics")}
    links["self"] = f"{PREFIX}/jobs/{job.id}"
    if job.dataset_id:
        links["dataset"] = f"{PREFIX}/datasets/{job.dataset_id}"
    if job.result and job.result.get("model_id"):
        links["model"] = f"{PREFIX}/models/{job.result['model_id']}"
    return links
