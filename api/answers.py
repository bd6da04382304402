"""What answers look like: the response half of /openapi.json. Tests hold every answer against it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from api.openapi import KnownSchema


class Answer(KnownSchema):
    """Base of all answers: nothing is sent that does not stand here."""

    model_config = ConfigDict(extra="forbid")


class Problem(Answer):
    """Every error. `current` only with `caption_conflict`."""

    code: str
    message: str
    remedy: str
    details: dict[str, Any] | None = None
    current: dict[str, Any] | None = None


class Person(Answer):
    """Somebody who signs in."""

    name: str
    role: Literal["admin", "member"]
    created_at: str | None = None


class SignedIn(Answer):
    """A session: the token is in the cookie too."""

    token: str
    user: Person


class Me(Answer):
    """Who makes this request."""

    user: Person


class TokenOut(Answer):
    """An API token; `token` only when it is made."""

    id: int
    name: str
    created_at: str
    token: str | None = None


class TokenList(Answer):
    """The caller's API tokens."""

    items: list[TokenOut]
    next_cursor: str | None = None


class UserList(Answer):
    """Everybody."""

    items: list[Person]
    next_cursor: str | None = None


class NewUserOut(Answer):
    """A new person and the one-time sign-in link to hand over."""

    user: Person
    link: str


class Counts(Answer):
    """Images, captioned images, and what the split and the augmentation gave."""

    images: int
    captioned: int
    train: int
    val: int
    train_rows: int


class Step(Answer):
    """One step of a dataset's way."""

    key: Literal["images", "captioned", "split", "augment", "train", "index", "search"]
    state: Literal["empty", "ready", "running", "done", "stale", "failed"]
    figure: str
    reason: str
    job_id: str | None = None


class DatasetOut(Answer):
    """A dataset with its counts, cover pictures and steps."""

    id: str
    name: str
    created_at: str
    created_by: str
    counts: Counts
    cover: list[str]
    steps: list[Step]
    model_id: str | None
    defaults: dict[str, Any]


class DatasetList(Answer):
    """All datasets, newest first."""

    items: list[DatasetOut]
    next_cursor: str | None = None


class ExtraCaptionOut(Answer):
    """An image's second, third ... caption."""

    slot: int
    text: str
    revision: int
    by: str
    at: str


class NextSlot(Answer):
    """Where another caption goes, and the revision it is typed over."""

    slot: int
    revision: int


class ImageOut(Answer):
    """An image, its first caption, the others (`captions`), its flag, its review and its tag."""

    id: int
    dataset_id: str
    filename: str
    width: int
    height: int
    size_bytes: int
    caption: str | None
    revision: int
    captioned_by: str | None
    captioned_at: str | None
    tokens: int | None
    captions: list[ExtraCaptionOut]
    next_slot: NextSlot | None
    flagged_by: str | None
    flagged_at: str | None
    flag_note: str
    reviewed_by: str | None
    reviewed_at: str | None
    tag: str | None
    claimed_by: str | None
    created_at: str
    url: str
    thumb_url: str
    lease_expires_at: str | None = None


class ImageList(Answer):
    """A page of the images that fit, by id; total: of all pages."""

    items: list[ImageOut]
    next_cursor: str | None
    total: int


class Neighbours(Answer):
    """Images around one; position: how many fitting images have its id or a smaller one."""

    items: list[ImageOut]
    position: int
    total: int


class Revision(Answer):
    """One saved caption, or one taken away (text null)."""

    slot: int
    revision: int
    text: str | None
    author: str
    client_id: str
    created_at: str


class RevisionList(Answer):
    """An image's captions, newest first."""

    items: list[Revision]
    next_cursor: str | None = None


class SavedCaption(Answer):
    """With `Prefer: wait=N`: the revision that was written."""

    image_id: int
    slot: int
    revision: int
    text: str | None
    by: str
    client_id: str


class QueuedCaption(Answer):
    """The caption is on its way; the event `caption` says when it is saved."""

    client_id: str
    state: Literal["queued"]


class Progress(Answer):
    """How far a job is."""

    done: int | None
    total: int | None
    unit: str | None
    message: str | None
    metrics: dict[str, float | None]
    eta_s: float | None


class JobOut(Answer):
    """A job."""

    id: str
    kind: str
    state: Literal["queued", "running", "stopping", "succeeded", "failed", "stopped"]
    seq: int
    progress: Progress
    params: dict[str, Any]
    result: dict[str, Any] | None
    error: Problem | None
    notes: list[str]
    queue: str
    queue_position: int | None
    queue_reason: str | None
    estimated_start: str | None
    estimated_end: str | None
    eta_s: float | None
    priority: int
    attempt: int
    dataset_id: str | None
    created_by: str
    created_at: str
    started_at: str | None
    finished_at: str | None
    stop_requested: str | None
    after_job_id: str | None
    group_id: str | None
    resumable: bool
    links: dict[str, str]


class UploadOut(Answer):
    """A large upload: offset is the byte to go on at; job_id, once it was handed to a job."""

    id: str
    name: str
    size_bytes: int
    offset: int
    job_id: str | None


class KnownFilesOut(Answer):
    """Those of the files asked for that the dataset has, by their SHA-256."""

    known: list[str]


class JobAnswer(Answer):
    """The job that does the work."""

    job: JobOut


class DatasetJob(Answer):
    """A new dataset and the job that fills it."""

    dataset: DatasetOut
    job: JobOut


class JobList(Answer):
    """Jobs, newest first."""

    items: list[JobOut]
    next_cursor: str | None = None


class Hit(Answer):
    """An image that was found."""

    image_id: int
    score: float
    caption: str | None
    filename: str
    width: int
    height: int
    thumb_url: str
    url: str


class SearchAnswer(Answer):
    """The images nearest to what was asked for, best first."""

    hits: list[Hit]
    model: str
    index: dict[str, Any]
    took_ms: float


class MapAnswer(KnownSchema):
    """Every image as a point: `[x, y, cluster, image_id]`."""

    points: list[tuple[float, float, int, int]]
    clusters: list[dict[str, Any]]


class Health(Answer):
    """One part of the service."""

    ok: bool
    detail: str


class Ready(Answer):
    """Whether requests can be served, part by part."""

    ok: bool
    database: Health
    redis: Health
    store: Health


ERRORS: dict[int | str, type[BaseModel]] = {400: Problem, 401: Problem, 404: Problem, 409: Problem}
