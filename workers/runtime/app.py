"""The Celery app of the workers, and what happens when a worker process starts."""

from __future__ import annotations

import logging
import os
import sys
from typing import Any

from celery import Celery, Task, signals

from common.logs import (
    Event,
    begin_request,
    configure_logging,
    end_request,
    name_worker,
    tell,
    tell_start,
)
from common.messaging.broker import REQUEST_ID, celery_config
from common.processes import die_with_parent
from common.settings import load_settings
from workers.runtime import shutdown
from workers.runtime.alive import AliveSign
from workers.runtime.fleet.log_tail import LogTail
from workers.runtime.presence import WorkerPresence
from workers.runtime.services import process_services

log = logging.getLogger(__name__)


def create_app() -> Celery:
    """The app with every room's tasks; importing the task modules loads no torch."""
    settings = load_settings()
    made = Celery(
        "clip_browser",
        include=[
            "workers.runtime.job_runs",
            "workers.ops.maintenance",
            "workers.cpu.tasks",
            "workers.gpu.tasks",
            "workers.search.queries",
        ],
    )
    made.conf.update(celery_config(settings))
    made.steps["consumer"].add(WorkerPresence)
    made.steps["consumer"].add(AliveSign)
    return made


app = create_app()


@signals.celeryd_init.connect
def begin_log(sender: str, **_: object) -> None:
    """Before anything is said: what this process and its pool log names this worker, and can be read elsewhere."""
    configure_logging("worker", load_settings())
    name_worker(sender)
    # On it Celery says in words of its own, beside all lines, that it ends.
    vars(sys)["__stdout__"] = None
    logging.getLogger().addHandler(LogTail(load_settings(), sender))


@signals.setup_logging.connect
def tell_begin(**_: object) -> None:
    """Celery sets up no logging of its own where somebody hears this; and the worker's first line."""
    queues = ",".join(sorted(app.amqp.queues.consume_from))
    tell_start(log, load_settings(), queues=queues, gpu=os.environ.get("CLIP_BROWSER_GPU"))


@signals.task_prerun.connect
def name_request(task: Task[Any, Any], **_: object) -> None:
    """The request for which a message was sent."""
    begin_request(task.request.get(REQUEST_ID))


@signals.task_postrun.connect
def forget_request(**_: object) -> None:
    """The message has been dealt with."""
    end_request()


@signals.worker_process_init.connect
def tie_pool_process(**_: object) -> None:
    """A pool process ends with its worker, also when that is killed; its training child as well."""
    die_with_parent(os.getppid())


@signals.worker_process_shutdown.connect
def send_last_events(**_: object) -> None:
    """A pool process ends without Python's own end."""
    process_services().events.close()


@signals.worker_init.connect
def forget_old_shutdown(**_: object) -> None:
    """Another worker may have had this pid."""
    shutdown.withdraw(load_settings().work_dir)


@signals.worker_shutting_down.connect
def announce_shutdown(**_: object) -> None:
    """Running jobs save, and go back to the queue."""
    shutdown.announce(load_settings().work_dir)


@signals.worker_shutdown.connect
def end_shutdown(**_: object) -> None:
    """The worker has ended."""
    shutdown.withdraw(load_settings().work_dir)
    tell(log, Event.PROCESS_ENDED, "worker has ended", pid=os.getpid())
