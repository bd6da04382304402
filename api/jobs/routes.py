"""Jobs: start, look, stop, resume, retry."""

from __future__ import annotations

import contextlib
from typing import Any

from flask import Response, jsonify
from sqlalchemy import select

from api.answer import Problem
from api.capability import file_of, make_blueprint
from api.datasets.facts import find_dataset
from api.datasets.schemas import DatasetPath
from api.jobs.answers import answer_job
from api.jobs.params import complete_params
from api.jobs.queue_position import QueuePositions
from api.jobs.reorder import move_job, require_priority
from api.jobs.rights import require_settable
from api.jobs.schemas import (
    JobList,
    JobOut,
    JobPath,
    JobQuery,
    LogQuery,
    Metrics,
    MetricsQuery,
    Move,
    NewJob,
    Stop,
)
from api.jobs.submission import announce, dispatch, shown, submit
from api.people.access import access
from api.people.audited import note_details
from api.people.identity import user
from api.services import Services, app_services
from common.db.tables import Job
from common.errors import Conflict, QueueUnavailable
from common.jobs import reports
from common.jobs import states as machine
from common.jobs.kinds import is_resumable
from common.jobs.series import read_series

jobs = make_blueprint("jobs", __name__, "jobs")
CHANGED: dict[Any, Any] = {202: JobOut, 403: Problem, 404: Problem, 409: Problem}


@jobs.post(
    "/datasets/<dataset_id>/jobs",
    responses={202: JobOut, 400: Problem, 403: Problem, 404: Problem, 409: Problem},
)
def start_job(path: DatasetPath, body: NewJob) -> tuple[JobOut, int]:
    """Queue a job of a dataset. With after_job_id it waits for that one."""
    require_priority(access(), body.priority)
    require_settable(access(), body.kind, body.params, {})
    with app_services().readers() as session:
        dataset = find_dataset(session, path.dataset_id)
        params = complete_params(session, dataset, body.kind, body.params, body.after_job_id)
    job = submit(
        app_services(),
        body.kind,
        params,
        dataset_id=path.dataset_id,
        created_by=user().name,
        after_job_id=body.after_job_id,
        priority=body.priority,
    )
    return job, 202


@jobs.get("/jobs", responses={200: JobList})
def list_jobs(query: JobQuery) -> JobList:
    """Jobs, newest first."""
    start = int(query.cursor or 0)
    with app_services().readers() as session:
        wanted = _filtered(query).order_by(Job.created_at.desc(), Job.id).offset(start)
        found = session.scalars(wanted.limit(query.limit + 1)).all()
        positions = QueuePositions(app_services(), session)
        items = [answer_job(job, positions, access()) for job in found[: query.limit]]
    more = len(found) > query.limit
    return JobList(items=items, next_cursor=str(start + query.limit) if more else None)


@jobs.get("/jobs/<job_id>", responses={200: JobOut, 404: Problem})
def get_job(path: JobPath) -> JobOut:
    """One job."""
    return shown(app_services(), path.job_id)


@jobs.post("/jobs/<job_id>/stop", responses=CHANGED)
def stop_job(path: JobPath, body: Stop) -> tuple[JobOut, int]:
    """Stop a job: a queued one at once, a running one after its checkpoint (`save`) or now (`kill`)."""
    with app_services().sessions() as session:
        job = machine.request_stop(session, path.job_id, body.mode)
    note_details(kind=job.kind, mode=body.mode, of=job.created_by)
    _tell_worker(app_services(), job)
    announce(app_services(), job)
    return shown(app_services(), path.job_id), 202


@jobs.post("/jobs/<job_id>/resume", responses=CHANGED)
def resume_job(path: JobPath) -> tuple[JobOut, int]:
    """Go on with a stopped or failed job from its checkpoint."""
    with app_services().sessions() as session:
        job = machine.get_job(session, path.job_id)
        if not is_resumable(job.kind):
            raise Conflict(
                f"A job of kind {job.kind} cannot be resumed.",
                remedy="Retry it: it is done in one go.",
            )
        job = machine.requeue(session, path.job_id, fresh=False)
    note_details(kind=job.kind, of=job.created_by)
    return dispatch(app_services(), job), 202


@jobs.post("/jobs/<job_id>/retry", responses=CHANGED)
def retry_job(path: JobPath) -> tuple[JobOut, int]:
    """Do a stopped or failed job again from the start."""
    with app_services().sessions() as session:
        job = machine.requeue(session, path.job_id, fresh=True)
    note_details(kind=job.kind, of=job.created_by)
    return dispatch(app_services(), job), 202


@jobs.patch(
    "/jobs/<job_id>",
    responses={202: JobOut, 400: Problem, 403: Problem, 404: Problem, 409: Problem},
)
def move(path: JobPath, body: Move) -> tuple[JobOut, int]:
    """Move a queued job: priority 0 goes first, 9 last; before: another waiting job, "" for last.

    Administrators move any; others their own among their own, to a priority of 5 or lower (5..9).
    """
    with app_services().sessions() as session:
        job = move_job(session, path.job_id, access(), body.priority, body.before)
    note_details(kind=job.kind, of=job.created_by, **body.model_dump(exclude_none=True))
    announce(app_services(), job)
    return shown(app_services(), job.id), 202


@jobs.get("/jobs/<job_id>/log", responses={200: file_of("text/plain"), 404: Problem})
def get_log(path: JobPath, query: LogQuery) -> Response:
    """The log from character `offset` on; `X-Next-Offset` says where to go on."""
    with app_services().readers() as session:
        machine.get_job(session, path.job_id)
        text, after = reports.read_log(session, path.job_id, query.offset)
    headers = {"X-Next-Offset": str(after), "Cache-Control": "no-store"}
    return Response(text, content_type="text/plain; charset=utf-8", headers=headers)


@jobs.get("/jobs/<job_id>/metrics", responses={200: Metrics, 404: Problem})
def get_metrics(path: JobPath, query: MetricsQuery) -> Response:
    """The series of a job: `{name: [{step, epoch, value, time}]}`, each of at most `points` points.

    The first, the last and all peaks are among them. `X-Last-Point` is the `since` to go on with.
    """
    with app_services().readers() as session:
        machine.get_job(session, path.job_id)
        series = read_series(session, path.job_id, query.points, query.since)
    response = jsonify(series.points)
    response.headers["X-Last-Point"] = str(series.last)
    response.headers["Cache-Control"] = "no-store"
    return response


def _filtered(query: JobQuery) -> Any:
    wanted = select(Job).where(access().sees_job())
    if query.state == "active":
        wanted = wanted.where(Job.state.in_(machine.ACTIVE))
    elif query.state:
        wanted = wanted.where(Job.state == query.state)
    if query.kind:
        wanted = wanted.where(Job.kind == query.kind)
    if query.dataset_id:
        wanted = wanted.where(Job.dataset_id == query.dataset_id)
    if query.group_id:
        wanted = wanted.where(Job.group_id == query.group_id)
    return wanted


def _tell_worker(services: Services, job: Job) -> None:
    """Only a short cut: the database says that the job is stopped, and a worker reads it in any case."""
    with contextlib.suppress(QueueUnavailable):
        if job.state == "stopping":
            services.queue.call_stop(job.id)
        elif job.task_id:
            services.queue.revoke(job.task_id)
