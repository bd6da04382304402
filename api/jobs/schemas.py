"""Jobs and their queues: what requests and answers hold."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, RootModel

from api.answer import Answer, Moment, Number, Page, Problem
from api.jobs.rights import Action
from api.request import MAX_ID, Body, Cursor, Key, Limit, OptionalBody, Request, Text
from common.jobs.kinds import offered_kinds

JobState = Literal["queued", "running", "stopping", "succeeded", "failed", "stopped"]


class JobPath(Request):
    """A job by its id."""

    job_id: Key


class QueuePath(Request):
    """A queue by its name."""

    name: Key


def _offered(kind: str) -> str:
    names = offered_kinds()
    if kind not in names:
        raise ValueError(f"it should be {', '.join(names[:-1])} or {names[-1]}")
    return kind


Kind = Annotated[
    str,
    AfterValidator(_offered),
    Field(json_schema_extra=lambda schema: schema.update(enum=offered_kinds())),
]


class NewJob(Body):
    """A job for a dataset. params: see the schema `params_<kind>`."""

    kind: Kind
    params: dict[str, Any] = Field(default_factory=dict)
    after_job_id: Key | None = None
    priority: int = Field(5, ge=0, le=9)


class JobQuery(Request):
    """Which jobs; newest first. state `active`: queued, running or stopping. group_id: of a sweep."""

    state: Literal["active"] | JobState | None = None
    kind: Key | None = None
    dataset_id: Key | None = None
    group_id: Key | None = None
    cursor: Cursor | None = None
    limit: Limit = 100


class Stop(OptionalBody):
    """save: write a checkpoint first; kill: end at once."""

    mode: Literal["save", "kill"] = "save"


class Move(Body):
    """Where a waiting job goes. priority: 0 first, 9 last. before: a job, or "" for last."""

    priority: int | None = Field(None, ge=0, le=9)
    before: Annotated[Text, Field(max_length=160)] | None = None


class Pause(OptionalBody):
    """Why, for those who wonder."""

    reason: Annotated[Text, Field(max_length=300)] = ""


class LogQuery(Request):
    """offset: characters already read."""

    offset: int = Field(0, ge=0, le=MAX_ID)


class MetricsQuery(Request):
    """points: at most so many of each series. since: only those written after this one."""

    points: int = Field(2000, ge=3, le=100_000)
    since: int = Field(0, ge=0, le=MAX_ID)


class Progress(Answer):
    """How far a job is."""

    done: Number | None
    total: Number | None
    unit: str | None
    message: str | None
    metrics: dict[str, Number | None]
    eta_s: Number | None


class JobOut(Answer):
    """A job. may: what the person who asks may do to it, in whatever state it is."""

    id: str
    kind: str
    state: JobState
    seq: int
    progress: Progress
    params: dict[str, Any]
    result: dict[str, Any] | None
    error: Problem | None
    notes: list[str]
    queue: str
    queue_position: int | None
    queue_reason: str | None
    estimated_start: Moment | None
    estimated_end: Moment | None
    eta_s: Number | None
    priority: int
    attempt: int
    dataset_id: str | None
    created_by: str
    created_at: Moment
    started_at: Moment | None
    finished_at: Moment | None
    stop_requested: Literal["save", "kill"] | None
    after_job_id: str | None
    group_id: str | None
    resumable: bool
    may: list[Action]
    links: dict[str, str]


class JobAnswer(Answer):
    """The job that does the work."""

    job: JobOut


class JobList(Page):
    """Jobs, newest first."""

    items: list[JobOut]


class MetricPoint(Answer):
    """A value that a job has measured."""

    step: int
    epoch: Number | None
    value: Number
    time: Moment


class Metrics(RootModel[dict[str, list[MetricPoint]]]):
    """The series of a job by their names."""


class Paused(Answer):
    """Who paused a queue, when and why."""

    by: str
    at: Moment
    reason: str


class NewLimit(Body):
    """At most so many at once, null: no limit; 0: none. kind: of this kind only, "" for the whole queue."""

    kind: Annotated[Text, Field(max_length=32)] = ""
    most: int | None = Field(ge=0, le=10_000)


class QueueLimit(Answer):
    """At most so many jobs at once; kind: "" for all kinds together."""

    kind: str
    most: int


class HistoryQuery(Request):
    """How far back."""

    hours: int = Field(24, ge=1, le=168)


class QueuePoint(Answer):
    """The most within a stretch of time that begins at `at`. oldest_s: how long the first job had waited of
    those that could begin; workers: how many jobs could run at once.
    """

    at: Moment
    waiting: int
    running: int
    oldest_s: Number
    workers: int


class QueueHistory(Answer):
    """The last hours of a queue, the oldest first; times that were not sampled have no point."""

    name: str
    hours: int
    points: list[QueuePoint]


class QueueOut(Answer):
    """A queue. workers: how many of its jobs can run at once. waiting: in the order they begin.

    others: jobs that run or wait here of datasets that the person does not see.
    """

    name: str
    paused: Paused | None
    limits: list[QueueLimit]
    workers: int
    running: list[JobOut]
    waiting: list[JobOut]
    others: int
    may_pause: bool
