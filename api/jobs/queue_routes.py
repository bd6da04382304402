"""The queues of jobs: what runs, what waits in which order, and their brake."""

from __future__ import annotations

import contextlib
from typing import Any

from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from sqlalchemy import select

from api.answers import Problem
from api.jobs.queue_position import Outlook
from api.jobs.queue_schemas import Pause, QueueOut, QueuePath
from api.people.identity import require_admin, user
from api.services import Parts, parts
from api.shapes import PREFIX, iso, job_shape
from common.db.engine import hold
from common.db.tables import Job
from common.errors import QueueUnavailable
from common.jobs.queues import (
    pause_queue,
    read_queue,
    require_job_queue,
    resume_queue,
    turn_of,
)

queues = APIBlueprint(
    "queues", __name__, url_prefix=f"{PREFIX}/queues", abp_tags=[Tag(name="jobs")]
)
MAX_SHOWN = 200
CHANGED: dict[Any, Any] = {200: QueueOut, 403: Problem, 404: Problem, 409: Problem}


@queues.get("/<name>", responses={200: QueueOut, 404: Problem})
def get_queue(path: QueuePath) -> dict[str, Any]:
    """A queue, `cpu` or `gpu`: its running jobs, and those that wait in the order they will begin."""
    return _shown(parts(), path.name)


@queues.post("/<name>/pause", responses=CHANGED)
def pause(path: QueuePath, body: Pause) -> dict[str, Any]:
    """Let no further job begin (administrators only); what runs goes on."""
    who, name = require_admin(), require_job_queue(path.name)
    with parts().sessions() as session:
        hold(session, turn_of(name))  # a worker that claims just now is waited for
        pause_queue(session, name, who.name, body.reason.strip())
    parts().events.queue(name)
    return _shown(parts(), name)


@queues.post("/<name>/resume", responses=CHANGED)
def resume(path: QueuePath) -> dict[str, Any]:
    """Let jobs begin again (administrators only), at once where a worker is free."""
    require_admin()
    name = require_job_queue(path.name)
    with parts().sessions() as session:
        hold(session, turn_of(name))
        resume_queue(session, name)
    _wake(parts(), name)
    parts().events.queue(name)
    return _shown(parts(), name)


def _wake(made: Parts, name: str) -> None:
    """A message for each worker that may begin something; without Redis the reaper does it later."""
    with made.readers() as session:
        outlook = Outlook(made, session)
        wanted = min(read_queue(session, name).startable, max(outlook.places(name), 1))
    with contextlib.suppress(QueueUnavailable):
        for _ in range(wanted):
            made.queue.wake(name)


def _shown(made: Parts, name: str) -> dict[str, Any]:
    require_job_queue(name)
    with made.readers() as session:
        outlook = Outlook(made, session)
        state = outlook.state(name)
        ids = state.ids[:MAX_SHOWN]
        found = {job.id: job for job in session.scalars(select(Job).where(Job.id.in_(ids)))}
        shapes = [job_shape(found[job_id], outlook) for job_id in ids if job_id in found]
    paused = state.paused
    return {
        "name": name,
        "paused": paused
        and {"by": paused.paused_by, "at": iso(paused.paused_at), "reason": paused.reason},
        "workers": outlook.places(name),
        "running": [shape for shape in shapes if shape["state"] != "queued"],
        "waiting": [shape for shape in shapes if shape["state"] == "queued"],
        "may_pause": user().role == "admin",
    }
