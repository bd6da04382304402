"""The workers one by one: what each does, asking it to do otherwise, its last log lines."""

from __future__ import annotations

import contextlib
from typing import Any

from api.answer import Problem
from api.capability import PREFIX, make_blueprint
from api.ops.schemas import Resize, WorkerLog, WorkerOut, WorkerPath, WorkersOut
from api.ops.workers import list_workers, look_at_workers
from api.people.access import access
from api.people.audited import note_details
from api.people.identity import user
from api.people.rights import right_of
from api.services import Services, app_services
from common.db.engine import hold
from common.errors import NotFound, QueueUnavailable
from common.jobs import workers
from common.jobs.kinds import JOB_QUEUES
from common.jobs.turns import turn_of
from common.messaging.live_workers import forget_log, read_log

worker_routes = make_blueprint("workers", __name__, "ops", f"{PREFIX}/workers")
STEERED: dict[Any, Any] = {200: WorkerOut, 403: Problem, 404: Problem, 409: Problem}


@worker_routes.get("", responses={200: WorkersOut})
def get_workers() -> WorkersOut:
    """The workers by name, those that were lost among them; those that left, for an hour."""
    return WorkersOut(
        items=list_workers(look_at_workers(app_services())),
        may_steer=access().may(right_of("POST", f"{PREFIX}/workers/<name>/drain"), None),
    )


@worker_routes.post("/<name>/drain", responses=STEERED)
def drain(path: WorkerPath) -> WorkerOut:
    """Let a worker end what it runs and take nothing more (administrators only), until it ends or may run again."""
    return _ask(path.name, workers.DRAIN)


@worker_routes.post("/<name>/pause", responses=STEERED)
def pause(path: WorkerPath) -> WorkerOut:
    """Let a worker take nothing more (administrators only), also when it is started anew; what runs goes on."""
    return _ask(path.name, workers.PAUSE)


@worker_routes.post("/<name>/resume", responses=STEERED)
def resume(path: WorkerPath) -> WorkerOut:
    """Let a worker take work again (administrators only)."""
    return _ask(path.name, workers.RUN)


@worker_routes.post("/<name>/stop", responses=STEERED)
def stop(path: WorkerPath) -> WorkerOut:
    """End a worker (administrators only): what it runs is saved and goes back to its queue.

    What started it may start it again, as `clip-browser up` and compose do.
    """
    return _ask(path.name, workers.STOP)


@worker_routes.put("/<name>/concurrency", responses={**STEERED, 400: Problem})
def resize(path: WorkerPath, body: Resize) -> WorkerOut:
    """Let a CPU worker run so many jobs at once (administrators only), also when it is started anew."""
    with app_services().sessions() as session:
        workers.ask_size(session, path.name, body.concurrency)
    note_details(concurrency=body.concurrency)
    return _one(app_services(), path.name)


@worker_routes.delete("/<name>", responses={204: None, 403: Problem, 404: Problem, 409: Problem})
def forget(path: WorkerPath) -> tuple[str, int]:
    """Take a worker that has gone off the list (administrators only)."""
    services = app_services()
    with services.sessions() as session:
        workers.forget(session, path.name)
    with contextlib.suppress(QueueUnavailable):
        forget_log(services.queue.redis, path.name)
    return "", 204


@worker_routes.get("/<name>/log", responses={200: WorkerLog, 403: Problem, 503: Problem})
def get_log(path: WorkerPath) -> WorkerLog:
    """The last log lines of a worker and its processes (administrators only), the oldest first."""
    services = app_services()
    services.queue.ping()
    return WorkerLog(name=path.name, lines=read_log(services.queue.redis, path.name))


def _ask(name: str, order: str) -> WorkerOut:
    services = app_services()
    with services.sessions() as session:
        queues = workers.get_worker(session, name).row.queues
        for queue in sorted(set(queues) & set(JOB_QUEUES)):
            hold(session, turn_of(queue))  # whoever takes a job just now is waited for
        workers.ask(session, name, order, user().name)
    for queue in queues:
        services.events.queue(queue)
        if order == workers.RUN and queue in JOB_QUEUES:
            with contextlib.suppress(QueueUnavailable):
                services.queue.wake(queue)
    return _one(services, name)


def _one(services: Services, name: str) -> WorkerOut:
    shown = list_workers(look_at_workers(services))
    found = next((each for each in shown if each.name == name), None)
    if found is None:
        raise NotFound(
            f"There is no worker called {name!r}.", remedy="Look at the list of workers."
        )
    return found
