"""The queues of jobs: what runs, what waits in which order, and their brake."""

from __future__ import annotations

import contextlib
from dataclasses import asdict
from typing import Any

from sqlalchemy import select

from api.answer import Problem
from api.capability import PREFIX, make_blueprint
from api.jobs.answers import answer_job
from api.jobs.queue_position import QueuePositions
from api.jobs.schemas import (
    HistoryQuery,
    NewLimit,
    Pause,
    Paused,
    QueueHistory,
    QueueLimit,
    QueueOut,
    QueuePath,
    QueuePoint,
)
from api.people.access import access
from api.people.audited import note_details
from api.people.identity import user
from api.people.rights import right_of
from api.services import Services, app_services
from common.db.engine import hold
from common.db.tables import Job, PausedQueue
from common.errors import NotFound, QueueUnavailable
from common.jobs.limits import set_limit
from common.jobs.queues import (
    count_startable,
    pause_queue,
    require_job_queue,
    resume_queue,
)
from common.jobs.samples import read_history
from common.jobs.turns import turn_of
from common.messaging.broker import QUEUES

queues = make_blueprint("queues", __name__, "jobs", f"{PREFIX}/queues")
MAX_SHOWN = 200
CHANGED: dict[Any, Any] = {200: QueueOut, 403: Problem, 404: Problem, 409: Problem}


@queues.get("/<name>", responses={200: QueueOut, 404: Problem})
def get_queue(path: QueuePath) -> QueueOut:
    """A queue, `cpu` or `gpu`: its running jobs, and those that wait in the order they will begin."""
    return _shown(app_services(), path.name)


@queues.post("/<name>/pause", responses=CHANGED)
def pause(path: QueuePath, body: Pause) -> QueueOut:
    """Let no further job begin (administrators only); what runs goes on."""
    name = require_job_queue(path.name)
    with app_services().sessions() as session:
        hold(session, turn_of(name))  # a worker that claims just now is waited for
        pause_queue(session, name, user().name, body.reason.strip())
    note_details(reason=body.reason.strip())
    app_services().events.queue(name)
    return _shown(app_services(), name)


@queues.post("/<name>/resume", responses=CHANGED)
def resume(path: QueuePath) -> QueueOut:
    """Let jobs begin again (administrators only), at once where a worker is free."""
    name = require_job_queue(path.name)
    with app_services().sessions() as session:
        hold(session, turn_of(name))
        resume_queue(session, name)
    _wake(app_services(), name)
    app_services().events.queue(name)
    return _shown(app_services(), name)


@queues.put("/<name>/limits", responses={**CHANGED, 400: Problem})
def limit(path: QueuePath, body: NewLimit) -> QueueOut:
    """Let at most so many jobs of a queue, or of one kind in it, run at once (administrators only).

    What runs goes on.
    """
    name = require_job_queue(path.name)
    with app_services().sessions() as session:
        hold(session, turn_of(name))
        before = set_limit(session, name, body.kind, body.most, user().name)
    note_details(kind=body.kind, most=body.most, before=before)
    _wake(app_services(), name)
    app_services().events.queue(name)
    return _shown(app_services(), name)


@queues.get("/<name>/history", responses={200: QueueHistory, 404: Problem})
def get_history(path: QueuePath, query: HistoryQuery) -> QueueHistory:
    """What waited and ran in a queue, and for how long, over the last hours."""
    if path.name not in QUEUES:
        raise NotFound(
            f"There is no queue called {path.name!r}.", remedy=f"One of: {', '.join(QUEUES)}."
        )
    with app_services().readers() as session:
        found = read_history(session, path.name, query.hours)
    points = [QueuePoint(**asdict(point)) for point in found]
    return QueueHistory(name=path.name, hours=query.hours, points=points)


def _wake(services: Services, name: str) -> None:
    """A message for each worker that may begin something; without Redis the reaper does it later."""
    with services.readers() as session:
        positions = QueuePositions(services, session)
        wanted = min(count_startable(session, name), max(positions.places(name), 1))
    with contextlib.suppress(QueueUnavailable):
        for _ in range(wanted):
            services.queue.wake(name)


def _shown(services: Services, name: str) -> QueueOut:
    require_job_queue(name)
    with services.readers() as session:
        positions = QueuePositions(services, session)
        state = positions.state(name)
        ids = state.ids[:MAX_SHOWN]
        rows = session.execute(select(Job, access().sees_job()).where(Job.id.in_(ids)))
        found = {job.id: (job, is_seen) for job, is_seen in rows}
        there = [found[job_id] for job_id in ids if job_id in found]
        answers = [answer_job(job, positions, access()) for job, is_seen in there if is_seen]
    return QueueOut(
        name=name,
        paused=_paused(state.paused),
        limits=[QueueLimit(kind=kind, most=most) for kind, most in state.limits.items()],
        workers=positions.places(name),
        running=[job for job in answers if job.state != "queued"],
        waiting=[job for job in answers if job.state == "queued"],
        may_pause=access().may(right_of("POST", f"{PREFIX}/queues/<name>/pause"), None),
        others=len(there) - len(answers),
    )


def _paused(row: PausedQueue | None) -> Paused | None:
    if row is None:
        return None
    return Paused(by=row.paused_by, at=row.paused_at, reason=row.reason)
