"""What runs: workers, queues, GPUs, versions, disk."""

from __future__ import annotations

import contextlib
import platform
import shutil
from importlib.metadata import PackageNotFoundError, version

from sqlalchemy import func, select

from api.capability import make_blueprint
from api.images.room import open_uploads, stored_bytes
from api.ops.backup_state import backup_state
from api.ops.checks import check_parts
from api.ops.llm_state import llm_state
from api.ops.schemas import (
    BackendState,
    Disk,
    GpuOut,
    Health,
    QueueLoad,
    SystemOut,
    TensorBoard,
)
from api.ops.workers import Look, list_workers, look_at_workers
from api.people.identity import is_asked_by_admin, user
from api.services import Services, app_services
from common.db.tables import Job
from common.errors import QueueUnavailable
from common.gpus import read_gpus
from common.jobs.kinds import JOB_QUEUES
from common.messaging.broker import QUEUES
from common.messaging.live_workers import takes_from
from common.store.disk import SPARE_BYTES
from common.version import VERSION

system = make_blueprint("system", __name__, "ops")
PACKAGES = (
    "torch", "torchvision", "open_clip_torch", "faiss-cpu", "celery", "redis", "flask",
    "flask-socketio", "sqlalchemy", "minio", "pandas", "vllm",
)  # fmt: skip
GB = 1024**3


@system.get("/system", responses={200: SystemOut})
def get_system() -> SystemOut:
    """Workers, queues, GPUs, versions, and the state of what the service stands on."""
    services = app_services()
    parts = check_parts(services)
    look = look_at_workers(services)
    return SystemOut(
        version=VERSION,
        versions=_versions(),
        device=services.settings.device,
        stack=services.settings.stack,
        workers=list_workers(look),
        queues=[_queue(services, name, look) for name in QUEUES],
        gpus=[GpuOut(**gpu) for gpu in read_gpus()],
        store=_kind_of(services.settings.store, parts.store),
        database=_kind_of(services.settings.database, parts.database),
        redis=parts.redis,
        disk=_disk(services),
        tensorboard=TensorBoard(url=services.settings.tensorboard_url or None),
        llm=llm_state(services.settings, look.live),
        backup=backup_state(services) if is_asked_by_admin() else None,
    )


def _kind_of(url: str, state: Health) -> BackendState:
    """With the kind that its URL names: `postgresql+psycopg://...` is a postgresql."""
    return BackendState(kind=url.split(":", 1)[0].split("+")[0], ok=state.ok, detail=state.detail)


def _disk(services: Services) -> Disk:
    usage = shutil.disk_usage(_existing(services))
    settings, uploads, me = services.settings, open_uploads(services), user().name
    used = stored_bytes(services) + uploads.announced_bytes()
    mine = stored_bytes(services, me) + uploads.announced_bytes(me)
    return Disk(
        free_gb=round(usage.free / GB, 1),
        total_gb=round(usage.total / GB, 1),
        reserve_gb=round(SPARE_BYTES / GB, 2),
        promised_gb=round(uploads.missing_bytes() / GB, 2),
        used_gb=round(used / GB, 2),
        my_used_gb=round(mine / GB, 2),
        service_quota_gb=settings.service_quota_gib,
        my_quota_gb=settings.person_quota_gib,
    )


def _versions() -> dict[str, str]:
    found = {name: _version(name) for name in PACKAGES}
    return {"python": platform.python_version(), **{name: v for name, v in found.items() if v}}


def _version(package: str) -> str | None:
    try:
        return str(version(package))
    except PackageNotFoundError:
        return None


def _existing(services: Services) -> str:
    """The data folder, or the nearest folder above it that is there."""
    folder = services.settings.data_dir.resolve()
    while not folder.exists():
        folder = folder.parent
    return str(folder)


def _count_waiting(services: Services, name: str) -> int:
    waiting = select(func.count(Job.id)).where(Job.queue == name, Job.state == "queued")
    with services.readers() as session:
        return int(session.scalar(waiting) or 0)


def _queue(services: Services, name: str, look: Look) -> QueueLoad:
    """depth: the jobs that wait; in queues without jobs, the messages."""
    depth = 0
    if name in JOB_QUEUES:
        depth = _count_waiting(services, name)
    else:
        with contextlib.suppress(QueueUnavailable):
            depth = services.queue.depth(name)
    return QueueLoad(
        name=name,
        depth=depth,
        running=sum(job.queue == name for job in look.running),
        workers=sum(takes_from(one, name) for one in look.live),
    )
