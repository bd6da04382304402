"""Runs jobs: takes the one whose turn it is, runs it to its end, settles it. Every job goes through here.

A message says only that a queue has work: the worker takes the job whose turn it is, whichever that
is, and when it has ended looks for the next one itself, so that lost messages do not matter.
"""

from __future__ import annotations

import logging
import os
import socket
import time
import traceback
from collections.abc import Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any

from redis import RedisError
from sqlalchemy import select
from sqlalchemy.orm import Session

from common.db.tables import Job
from common.errors import ClipBrowserError, DiskFull, Internal, QueueUnavailable, WorkerLost
from common.jobs import chains, leases, states
from common.jobs.cleaning import clean_text
from common.jobs.counts.tallies import RETRIES, count
from common.jobs.leases import Lease
from common.jobs.order import WaitingJob
from common.jobs.reports import append_log
from common.logs import Event, of_job, tell
from common.messaging.broker import GPU, NEXT_JOB
from common.messaging.live_workers import most_gpus, read_workers
from common.store.disk import is_disk_full
from workers.runtime import retries, shutdown
from workers.runtime.app import app
from workers.runtime.fleet.own_name import own_name
from workers.runtime.gpu_lease import count_host_gpus, use_own_gpu
from workers.runtime.job_bodies import body_of, kinds_on
from workers.runtime.job_context import (
    ChildLost,
    GaveWay,
    Heartbeat,
    JobBody,
    JobContext,
    JobFacts,
    JobStopped,
    LeaseLost,
    Postponed,
)
from workers.runtime.retries import passing
from workers.runtime.services import Services, process_services

log = logging.getLogger(__name__)
WAIT_S = 15.0  # until a job that was postponed is looked at again
SETTLE_PAUSE_S, LONGEST_SETTLE_PAUSE_S = 0.25, 2.0


def work_off(services: Services, queue: str) -> None:
    """Run the jobs of a queue, one after the other, until none may begin or the worker shuts down.

    A worker of several queues runs one and sends itself a message, so that no queue waits for
    another one to be empty.
    """
    others = set(app.amqp.queues.consume_from) - {queue}
    while run_next(services, queue):
        if others and wake_quietly(services, queue):
            return


def run_next(services: Services, queue: str) -> bool:
    """Lease and run the job whose turn it is; whether there was one."""
    with use_own_gpu(services.settings) if queue == GPU else nullcontext(True) as may_begin:
        if not may_begin or shutdown.announced(services.settings.work_dir):
            wake_quietly(services, queue)  # another worker may
            return False
        with services.sessions() as session:
            held = leases.take_next(
                session, queue, kinds_on(queue), _worker_name(), services.settings.lease_s,
                partial(_had_better_leave, services), own_name(),
            )  # fmt: skip
        if held is None:
            return False
        with of_job(held.job_id):
            try:
                run_leased(services, held)
            except Exception:  # of the database, say: the reaper finds it, and this worker goes on
                log.exception("the job could not be run")
        return True


def _had_better_leave(services: Services, session: Session, job: WaitingJob) -> bool:
    """Whether a run asks for more GPUs than this host has, and there is a host that has them.

    Where there is none it is taken, and fails by saying so.
    """
    here = count_host_gpus()
    if here is None or job.kind != "train":
        return False
    params = session.scalar(select(Job.params).where(Job.id == job.id)) or {}
    wanted = int(params.get("gpus") or 1)
    if wanted <= here:
        return False
    try:
        return wanted <= most_gpus(read_workers(services.queue.redis))
    except RedisError:
        return True


def _worker_name() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"


def run_leased(services: Services, held: Lease, body: JobBody | None = None) -> None:
    """Run a job that is ours to its end. body: in place of the one that its kind has."""
    with services.readers() as session:
        row = session.get(Job, held.job_id)
    if row is None:
        return  # its dataset was deleted just now
    context = JobContext(services, JobFacts.of(row), held)
    tell(
        log, Event.JOB_BEGUN, f"{row.kind} begins, attempt {row.attempt}",
        kind=row.kind, queue=row.queue, attempt=row.attempt, user=row.created_by, owner=held.owner,
    )  # fmt: skip
    with Heartbeat(context):
        announce(services, [row])
        outcome = _execute(context, body or body_of(row.kind, row.queue))
        if outcome is None:
            _tell_end(held, "lost", [], None)
        else:
            _settle(services, context, held, *outcome)


Outcome = tuple[str, dict[str, Any] | None, ClipBrowserError | None]


def _execute(context: JobContext, body: JobBody) -> Outcome | None:
    """(state, result, error) of the body; None when the job is no longer ours."""
    try:
        return "succeeded", body(context), None
    except LeaseLost:
        return None
    except GaveWay:
        return "gave way", None, None
    except Postponed as why:
        context.report(message=str(why))
        return "postponed", None, None
    except JobStopped as stopped:
        return ("handed back" if context.handed_back else "stopped"), stopped.result, None
    except ChildLost as lost:
        context.log(f"Error: {lost}")
        return "lost", None, WorkerLost(str(lost))
    except ClipBrowserError as problem:
        context.log(f"Error: {problem.message} {problem.remedy}")
        state = "silence" if passing(problem) else "failed"
        return state, problem.to_dict().get("details"), problem
    except Exception as problem:
        context.log(traceback.format_exc())
        away = passing(problem)
        if away is not None:
            return "silence", None, away
        if is_disk_full(problem):
            return (
                "failed",
                None,
                DiskFull(f"The {context.job.kind} job found no space left: {problem}"),
            )
        return "failed", None, Internal(f"The {context.job.kind} job failed: {problem}")


def _settle(
    services: Services,
    context: JobContext,
    held: Lease,
    state: str,
    result: dict[str, Any] | None,
    error: ClipBrowserError | None,
) -> None:
    """Write the end of the job as soon as the database answers, tell everybody, set off what waits for it.

    However long that takes, the lease decides: nothing is written once another execution has the job.
    """
    context.close_reports()
    if context.lost and state != "succeeded":
        _tell_end(held, state, [], error)
        return  # it may have ended since it was lost; another execution says how it ends
    pause_s = SETTLE_PAUSE_S
    while True:
        try:
            ended, waiting = _write_end(services, context, held, state, result, error)
            break
        except Exception as problem:
            if not passing(problem) or shutdown.announced(services.settings.work_dir):
                raise
            log.warning("the end of the job could not be written yet: %s", problem)
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_SETTLE_PAUSE_S)
    _tell_end(held, state, ended, error)
    announce(services, ended)
    may_begin = [job for job in (*ended, *waiting) if job.state == "queued" and not job.not_before]
    for queue in {job.queue for job in may_begin}:
        services.events.queue(queue)
        wake_quietly(services, queue)


def _tell_end(
    held: Lease, state: str, ended: Sequence[Job], error: ClipBrowserError | None
) -> None:
    """What has become of the job, and of those that ended with it."""
    if not ended:
        tell(
            log, Event.JOB_LOST, "it is another worker's by now", logging.WARNING, owner=held.owner
        )
    for job in ended:
        facts: dict[str, Any] = {
            "job": job.id, "kind": job.kind, "queue": job.queue, "attempt": job.attempt,
            "user": job.created_by, "seconds": round(time.monotonic() - held.taken_at, 1),
        }  # fmt: skip
        if job.state == "queued":
            event = Event.JOB_RETRIED if state in ("lost", "silence") else Event.JOB_REQUEUED
            why = error.message if error else state
            tell(log, event, f"{job.kind} waits again: {why}", logging.WARNING, **facts)
            continue
        code = (job.error or {}).get("code")
        level = logging.WARNING if job.state == "failed" else logging.INFO
        because = f": {job.error['message']}" if job.error else ""
        message = f"{job.kind} has {job.state}{because}"
        tell(log, Event.JOB_ENDED, message, level, state=job.state, code=code, **facts)


def _write_end(
    services: Services,
    context: JobContext,
    held: Lease,
    state: str,
    result: dict[str, Any] | None,
    error: ClipBrowserError | None,
) -> tuple[list[Job], list[Job]]:
    """In one transaction: (the jobs that have ended, or this one queued again; those that may begin)."""
    with services.sessions() as session:
        context.flush_into(session)
        if _give_back(services, session, held, state, error):
            return [states.get_job(session, held.job_id)], []
        if state in ("lost", "silence"):
            state = "stopped" if leases.read_stop(session, held)[1] else "failed"
        final = "stopped" if state in ("handed back", "gave way", "postponed") else state
        ended = leases.finish(session, held, final, result=result, error=error)
        waiting = chains.followers(session, held.job_id) if state == "succeeded" else []
    return ended, waiting


def _give_back(
    services: Services, session: Session, held: Lease, state: str, error: ClipBrowserError | None
) -> bool:
    """Whether the job could be queued again: what was lost or met a silence, and what a worker that ends
    gives back.
    """
    if state == "gave way":
        return leases.give_way(session, held)
    if state == "postponed":
        return leases.release(session, held, counts=False, pause_s=WAIT_S)
    if state in ("lost", "handed back"):
        return leases.release(session, held, counts=state == "lost")
    if state != "silence" or error is None:
        return False
    after_s = retries.pause_s(services.settings, held.attempt)
    if not leases.release(session, held, counts=True, pause_s=after_s):
        return False
    job = states.get_job(session, held.job_id)
    what = clean_text(error.message).rstrip(".")
    attempt = f"(attempt {held.attempt + 1} of {job.max_attempts})"
    text = f"{what}. Tried again in {after_s:g} s {attempt}."
    job.notes, job.progress = [*(job.notes or []), text], {**job.progress, "message": text}
    append_log(session, job.id, text + "\n")
    count(session, RETRIES, 1)
    return True


def announce(services: Services, jobs: Sequence[Job]) -> None:
    """Tell the dashboards that these jobs have changed, and with them their queues and datasets."""
    for job in jobs:
        services.events.job(job)
    for queue in {job.queue for job in jobs}:
        services.events.queue(queue)
    for dataset_id in {job.dataset_id for job in jobs if job.dataset_id}:
        services.events.dataset(dataset_id)


def wake_quietly(services: Services, queue: str) -> bool:
    """Tell a worker that a queue has work; False when Redis is away: then the reaper does so later."""
    try:
        services.queue.wake(queue)
    except QueueUnavailable:
        log.warning("a worker of queue %s will be woken by the reaper", queue)
        return False
    return True


@app.task(name=NEXT_JOB)
def take_next(queue: str) -> None:
    """The message of the job queues: take the job whose turn it is."""
    work_off(process_services(), queue)
