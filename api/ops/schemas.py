"""What runs, and whether it is well: what answers hold."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from api.answer import Answer, Moment, Number
from api.request import Body, Key, Request
from common.jobs.workers import MAX_CONCURRENCY

WorkerState = Literal["online", "offline"]
BackupOutcome = Literal["running", "succeeded", "failed"]
WorkerStatus = Literal[
    "starting", "waiting", "loading", "ready", "busy", "draining", "drained", "paused", "stopping", "stuck", "silent",
    "lost", "left",
]  # fmt: skip


class Alive(Answer):
    """This process lives."""

    ok: bool


class Health(Answer):
    """One part of the service. detail: where it is, or what is wrong."""

    ok: bool
    detail: str


class Readiness(Answer):
    """Whether requests can be served, part by part."""

    ok: bool
    database: Health
    redis: Health
    store: Health


class BackendState(Health):
    """The artifact store or the database. kind: such as "s3" or "sqlite"."""

    kind: str


class RedisState(Health):
    """server: its name and version, "" when it is away."""

    server: str


class ActiveJob(Answer):
    """A job that a worker does now, or did when it was last seen. job_id: null for one that the person who asks
    does not see. since: when it took it. message: what the job says of itself, such as "waiting for 1 more GPU".
    """

    job_id: str | None
    kind: str
    since: Moment | None
    message: str | None


class WorkerOut(Answer):
    """A worker. gpu: the one that it holds. status: what it does; waiting: for a GPU that others use; stuck: its loop has not been round since
    last_loop_at; silent: it has not told Redis for a while; lost: nor the database; left: it ended in order.

    loading: the model that it loads. asked: what somebody wants of it. wanted_concurrency: null for as many as
    it was started with.
    """

    name: str
    host: str
    pid: int | None
    queues: list[str]
    concurrency: int | None
    started_at: str | None
    gpu: str | None
    state: WorkerState
    status: WorkerStatus
    loading: str | None
    active: list[ActiveJob]
    pool: str | None
    asked: Literal["run", "drain", "pause", "stop"]
    asked_by: str | None
    asked_at: Moment | None
    wanted_concurrency: int | None
    last_seen: Moment | None
    last_loop_at: str | None


class WorkersOut(Answer):
    """The workers by name. may_steer: whether the person who asks may drain, pause, stop and forget them."""

    items: list[WorkerOut]
    may_steer: bool


class WorkerPath(Request):
    """A worker by its name."""

    name: Key


class Resize(Body):
    """How many jobs it is to run at once."""

    concurrency: int = Field(ge=1, le=MAX_CONCURRENCY)


class WorkerLog(Answer):
    """lines: the oldest first."""

    name: str
    lines: list[str]


class QueueLoad(Answer):
    """depth: the jobs that wait; in queues without jobs, the messages."""

    name: str
    depth: int
    running: int
    workers: int


class GpuOut(Answer):
    """A GPU of the API's machine. utilisation: percent."""

    index: int
    name: str
    memory_gb: Number
    used_gb: Number | None
    utilisation: Number | None


class Disk(Answer):
    """The disk that the data folder is on, in GiB, and what uploads may take of it.

    reserve: stays free of uploads; promised: announced uploads whose bytes have not come yet. used: images
    and announced uploads, of all together and of the person who asks; quotas: null where there is none.
    """

    free_gb: Number
    total_gb: Number
    reserve_gb: Number
    promised_gb: Number
    used_gb: Number
    my_used_gb: Number
    service_quota_gb: Number | None
    my_quota_gb: Number | None


class TensorBoard(Answer):
    """Where it is, if it runs."""

    url: str | None


class LlmState(Answer):
    """Whether paraphrases by a language model can be asked for, and what is missing if not.

    here: whether the model needs no download any more.
    """

    available: bool
    how: Literal["endpoint", "vllm"] | None
    model: str
    here: bool
    message: str
    remedy: str


class BackupRun(Answer):
    """A backup that was begun. message, remedy: what went wrong, and what to do; "" where nothing did."""

    state: BackupOutcome
    started_at: Moment
    finished_at: Moment | None
    is_scheduled: bool
    message: str
    remedy: str


class WholeBackup(Answer):
    """A backup that is whole. missing, damaged: files that the store had lost, or kept with another content.

    verified_at: when it was read over last, None where nobody did; wrong: how many files its place had wrong then.
    """

    name: str
    place: str
    finished_at: Moment
    rows: int
    files: int
    size_bytes: int
    missing: int
    damaged: int
    verified_at: Moment | None
    wrong: int


class BackupState(Answer):
    """The backup that was begun last, the one that began by itself last, and the one that was whole last.

    next_at: when one begins by itself; None where none is scheduled, or the worker that makes them is away.
    """

    last: BackupRun | None
    scheduled: BackupRun | None
    whole: WholeBackup | None
    next_at: Moment | None


class SystemOut(Answer):
    """Workers, queues, GPUs, versions, and the state of what the service stands on.

    backup: for administrators; None for others.
    """

    version: str
    versions: dict[str, str]
    device: str
    stack: str
    workers: list[WorkerOut]
    queues: list[QueueLoad]
    gpus: list[GpuOut]
    store: BackendState
    database: BackendState
    redis: RedisState
    disk: Disk
    tensorboard: TensorBoard
    llm: LlmState
    backup: BackupState | None
