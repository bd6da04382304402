"""What runs: workers, queues, GPUs, versions, disk."""

from __future__ import annotations

import contextlib
import platform
import shutil
from collections import Counter
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import psutil
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from sqlalchemy import func, select

from api.ops.health_routes import check_database, check_redis, check_store
from api.ops.llm_state import llm_state
from api.services import Parts, parts
from api.shapes import PREFIX
from common.db.tables import Job
from common.errors import QueueUnavailable
from common.gpus import read_gpus
from common.jobs.kinds import JOB_QUEUES
from common.messaging.broker import QUEUES

system = APIBlueprint("system", __name__, url_prefix=PREFIX, abp_tags=[Tag(name="system")])
PACKAGES = (
    "torch", "torchvision", "open_clip_torch", "faiss-cpu", "celery", "redis", "flask",
    "flask-socketio", "sqlalchemy", "minio", "pandas", "vllm",
)  # fmt: skip
GB = 1024**3


@system.get("/system")
def get_system() -> dict[str, Any]:
    """Workers, queues, GPUs, versions, and the state of what the service stands on."""
    made = parts()
    running = _running(made)
    live = made.live_workers.read()
    disk = shutil.disk_usage(_existing(made))
    return {
        "version": app_version(),
        "versions": _versions(),
        "device": made.settings.device,
        "stack": made.settings.stack,
        "workers": _workers(live, made.live_workers.read_gone(live), running),
        "queues": [_queue(made, name, live, running) for name in QUEUES],
        "gpus": read_gpus(),
        "store": {"kind": made.settings.store.split(":", 1)[0], **check_store(made)},
        "database": {
            "kind": made.settings.database.split(":", 1)[0].split("+")[0],
            **check_database(made),
        },
        "redis": check_redis(made),
        "disk": {"free_gb": round(disk.free / GB, 1), "total_gb": round(disk.total / GB, 1)},
        "tensorboard": {"url": made.settings.tensorboard_url or None},
        "llm": llm_state(made.settings, live),
    }


def app_version() -> str:
    """The version of CLIP Browser itself."""
    return _version("clip-browser") or "unknown"


def _versions() -> dict[str, str]:
    found = {name: _version(name) for name in PACKAGES}
    return {"python": platform.python_version(), **{name: v for name, v in found.items() if v}}


def _version(package: str) -> str | None:
    try:
        return str(version(package))
    except PackageNotFoundError:
        return None


def _existing(made: Parts) -> str:
    """The data folder, or the nearest folder above it that is there."""
    folder = made.settings.data_dir.resolve()
    while not folder.exists():
        folder = folder.parent
    return str(folder)


def _running(made: Parts) -> list[Job]:
    with made.readers() as session:
        return list(session.scalars(select(Job).where(Job.state.in_(("running", "stopping")))))


def _workers(
    live: list[dict[str, Any]], gone: list[dict[str, Any]], running: list[Job]
) -> list[dict[str, Any]]:
    owners = {job.id: worker_of(job, live) for job in running}
    shown = []
    for state, records in (("online", live), ("offline", gone)):
        for record in records:
            mine = [job for job in running if owners[job.id] == record["name"]]
            shown.append(
                {
                    **{name: record.get(name) for name in
                       ("name", "host", "pid", "queues", "concurrency", "started_at", "gpu")},
                    "state": state,
                    "active": [{"job_id": job.id, "kind": job.kind} for job in mine],
                }
            )  # fmt: skip
    return shown


def worker_of(job: Job, live: list[dict[str, Any]]) -> str | None:
    """The name of the worker that runs a job, from the lease's owner `host:pid/...`.

    The pid may be that of a pool process, whose parent is the worker.
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


def _count_waiting(made: Parts, name: str) -> int:
    waiting = select(func.count(Job.id)).where(Job.queue == name, Job.state == "queued")
    with made.readers() as session:
        return int(session.scalar(waiting) or 0)


def _queue(
    made: Parts, name: str, live: list[dict[str, Any]], running: list[Job]
) -> dict[str, Any]:
    """depth: the jobs that wait; in queues without jobs, the messages."""
    depth = 0
    if name in JOB_QUEUES:
        depth = _count_waiting(made, name)
    else:
        with contextlib.suppress(QueueUnavailable):
            depth = made.queue.depth(name)
    return {
        "name": name,
        "depth": depth,
        "running": Counter(job.queue for job in running)[name],
        "workers": sum(name in one["queues"] for one in live),
    }
