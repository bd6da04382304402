"""The workers as the dashboard shows them: rows of the database, and what each told Redis just now."""

from __future__ import annotations

import contextlib
from typing import Any, NamedTuple

import psutil
from sqlalchemy import select

from api.ops.schemas import ActiveJob, WorkerOut
from api.people.access import access
from api.services import Services
from common.db.tables import Job
from common.jobs.limits import UNDER_WAY
from common.jobs.workers import RUN, Seen, asked_state, read_workers

GONE = ("silent", "lost", "left")
OWN_FACTS = ("name", "host", "pid", "queues", "concurrency", "started_at", "gpu")


class Look(NamedTuple):
    """What there is at a moment. live: what each worker told Redis just now. known: the rows, by name.

    running: all jobs under way. seen: the ids of those, and of what silent workers ran last, that the person who asks sees.
    """

    live: list[dict[str, Any]]
    known: dict[str, Seen]
    running: list[Job]
    seen: set[str]


def look_at_workers(services: Services) -> Look:
    """The workers and what they do, as Redis and the database have it."""
    live = services.live_workers.read()
    talking = {str(record["name"]) for record in live}
    with services.readers() as session:
        known = {seen.row.name: seen for seen in read_workers(session)}
        silent = [seen.row for name, seen in known.items() if name not in talking]
        last = [str(run["job_id"]) for row in silent for run in row.runs]
        is_under_way = Job.state.in_(UNDER_WAY)
        wanted = select(Job, access().sees_job()).where(is_under_way | Job.id.in_(last))
        found = session.execute(wanted).all()
    running = [job for job, _ in found if job.state in UNDER_WAY]
    return Look(live, known, running, {job.id for job, is_seen in found if is_seen})


def list_workers(look: Look) -> list[WorkerOut]:
    """By name: those that are there, those that were lost, and those that left within the hour."""
    records = {str(record["name"]): record for record in look.live}
    owners = {job.id: job.worker or worker_of(job, look.live) for job in look.running}
    shown = []
    for name in sorted(look.known.keys() | records.keys()):
        mine = [job for job in look.running if owners[job.id] == name]
        shown.append(_shown(look.known.get(name), records.get(name), mine, look.seen))
    return shown


def _shown(
    known: Seen | None, record: dict[str, Any] | None, mine: list[Job], seen: set[str]
) -> WorkerOut:
    row = known.row if known else None
    told = record or {}
    status: Any = _status(known, record, bool(mine))
    facts: dict[str, Any] = {name: told.get(name, getattr(row, name, None)) for name in OWN_FACTS}
    asked: Any = row.asked if row else RUN
    if row is not None and not told.get("started_at"):
        facts["started_at"] = row.started_at.isoformat()
    return WorkerOut(
        **facts,
        state="offline" if status in GONE else "online",
        status=status,
        loading=told.get("loading"),
        active=_active(mine, seen) or (_last_runs(row.runs, seen) if row and not record else []),
        pool=told.get("pool") or (row.pool if row else None),
        asked=asked,
        asked_by=row.asked_by if row else None,
        asked_at=row.asked_at if row else None,
        wanted_concurrency=row.wanted_concurrency if row else None,
        last_seen=row.last_seen if row else None,
        last_loop_at=told.get("last_loop_at"),
    )


def _status(known: Seen | None, record: dict[str, Any] | None, is_busy: bool) -> str:
    """What the worker says, what it was asked just now, or that it says nothing any more."""
    if record is None:
        fate = known.fate if known else "left"
        return "silent" if fate == "there" else fate
    told = str(record.get("state") or ("busy" if is_busy else "ready"))
    if known and known.row.asked != RUN and told in ("ready", "busy", "loading"):
        return asked_state(known.row.asked, is_busy or told == "busy")
    return told


def _active(jobs: list[Job], seen: set[str]) -> list[ActiveJob]:
    return [
        ActiveJob(
            job_id=job.id if job.id in seen else None,
            kind=job.kind,
            since=job.leased_at or job.started_at,
            message=job.progress.get("message") if job.id in seen else None,
        )
        for job in jobs
    ]


def _last_runs(runs: list[dict[str, Any]], seen: set[str]) -> list[ActiveJob]:
    """What a worker that says nothing any more ran when it was last seen."""
    return [
        ActiveJob(
            job_id=run["job_id"] if run["job_id"] in seen else None,
            kind=run["kind"],
            since=run["since"],
            message=None,
        )
        for run in runs
    ]


def worker_of(job: Job, live: list[dict[str, Any]]) -> str | None:
    """The name of the worker that runs a job, from the lease's owner `host:pid/...`.

    For jobs that were taken by a worker that did not write its name. The pid may be that of a pool process,
    whose parent is the worker.
    """
    host, _, rest = (job.lease_owner or "").partition(":")
    pid = int(rest.split("/")[0]) if rest.split("/")[0].isdigit() else None
    fitting = [one for one in live if one["host"] == host and job.queue in one["queues"]]
    exact = [one for one in fitting if pid is not None and one["pid"] in (pid, _parent(pid))]
    chosen = exact or fitting
    return str(chosen[0]["name"]) if chosen else None


def _parent(pid: int) -> int | None:
    with contextlib.suppress(psutil.Error):
        return psutil.Process(pid).ppid()
    return None
