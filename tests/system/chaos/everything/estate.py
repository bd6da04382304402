"""What the service holds when all is calm again: every job ended, every file whole, named and there once."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import psutil
import redis
from sqlalchemy import select
from sqlalchemy.orm import Session

from common.db.engine import SessionFactory, open_engine, reader_factory
from common.db.tables import (
    Dataset,
    Image,
    Job,
    Model,
    SearchIndex,
    TrashedImage,
    TrashedModel,
    now,
)
from common.db.tables.images import image_key, thumb_key
from common.errors import NotFound
from common.jobs.states import FINISHED
from common.messaging.broker import QUEUES
from common.retention import find_files
from common.settings import load_settings
from common.store import open_store
from common.store.keys import TEMPORARY_PREFIX
from tests.system.chaos.everything.works import Deeds
from tests.system.chaos.planner import FAIR_ENDS

SETTLED_S = 150.0
QUIET_S = 30.0
FAIR = FAIR_ENDS | {"disk_full", "queue_unavailable", "database_unavailable", "unavailable"}
NAMED_ROOMS = ("datasets", "indexes", "maps", "runs", "checkpoints", "models_finetuned", "uploads")


class Estate:
    """Everything of a stack: its database, its store, its broker."""

    def __init__(self, database_url: str, store_url: str, redis_url: str) -> None:
        self._readers: SessionFactory = reader_factory(open_engine(database_url))
        self._store = open_store(store_url)
        self._redis_url = redis_url
        self.ends: Counter[str] = Counter()

    def settle(self) -> list[str]:
        """Wait until no job is under way; those that stay so, and those that failed unfairly."""
        until = time.monotonic() + SETTLED_S
        while (under_way := self._under_way()) and time.monotonic() < until:
            time.sleep(0.5)
        return [f"job {each} is stuck" for each in under_way] + list(self._unfair())

    def _under_way(self) -> list[str]:
        """Jobs that have not ended and do not wait for a stopped or failed one."""
        with self._readers() as session:
            jobs = {job.id: job for job in session.scalars(select(Job))}
            return [
                f"{job.id} ({job.kind}, {job.state}, attempt {job.attempt})"
                for job in jobs.values()
                if job.state not in FINISHED and not _waits(job, jobs)
            ]

    def _unfair(self) -> Iterator[str]:
        with self._readers() as session:
            for job in session.scalars(select(Job)):
                code = (job.error or {}).get("code", "")
                self.ends[f"{job.kind} {job.state} {code}".strip()] += 1
                if job.state == "failed" and code not in FAIR:
                    yield f"job {job.id} ({job.kind}) failed: {job.error}"
                if job.state in FINISHED and (job.lease_owner or job.finished_at is None):
                    yield f"job {job.id} ({job.kind}) has ended and is still held"

    def look(self, deeds: Deeds, dataset_id: str) -> list[str]:
        """All that is wrong, in words."""
        return [
            *self._promises(deeds, dataset_id),
            *self._pictures(),
            *self._models(),
            *self._unnamed(),
            *self._unfinished(),
            *self._messages(),
        ]

    def _promises(self, deeds: Deeds, dataset_id: str) -> Iterator[str]:
        """What was confirmed to somebody is so."""
        with self._readers() as session:
            here = Counter(
                session.scalars(select(Image.filename).where(Image.dataset_id == dataset_id))
            )
            trashed = set(
                session.scalars(
                    select(TrashedImage.filename).where(TrashedImage.dataset_id == dataset_id)
                )
            )
            states = {job.id: job.state for job in session.scalars(select(Job))}
        yield from (f"{name} is there {count} times" for name, count in here.items() if count > 1)
        in_trash = {name for names in deeds.deleted.values() for name in names}
        gone = in_trash | deeds.removed | deeds.doubtful
        for job, names in deeds.uploads.items():
            if states.get(job) == "succeeded":
                lost = [name for name in names if name not in gone and not here[name]]
                yield from (f"{name} was taken in by {job} and is not there" for name in lost)
        yield from (f"{name} was deleted and is there" for name in in_trash if here[name])
        yield from (f"{name} was deleted and is not in the trash" for name in in_trash - trashed)
        yield from (f"{name} was removed and is there" for name in deeds.removed if here[name])
        back = deeds.restored - gone
        yield from (f"{name} was brought back and is not there" for name in back if not here[name])

    def _pictures(self) -> Iterator[str]:
        """Each has its file, whole, and its small picture, also in the trash."""
        with self._readers() as session:
            rows = _files(session)
        for dataset_id, sha256, ext in rows:
            key = image_key(dataset_id, sha256, ext)
            try:
                found = hashlib.sha256(self._store.get_bytes(key)).hexdigest()
            except NotFound:
                yield f"the file {key} is missing"
                continue
            if found != sha256:
                yield f"the file {key} holds something else: {found}"
            if not self._store.exists(thumb_key(dataset_id, sha256)):
                yield f"{key} has no small picture"

    def _models(self) -> Iterator[str]:
        """The files of each model and index are there and not empty."""
        with self._readers() as session:
            wanted = [
                (row.folder, "open_clip_model.safetensors")
                for row in session.scalars(select(Model))
            ]
            wanted += [(row.prefix, "") for row in session.scalars(select(SearchIndex))]
            known = set(session.scalars(select(TrashedModel.folder)))
        for folder, name in wanted:
            items = {item.key: item.size_bytes for item in self._store.list(folder)}
            if folder in known or not any(key.endswith(name) for key in items):
                yield f"{folder} has no {name or 'file'}"
            yield from (f"{key} is empty" for key, size in items.items() if not size)

    def _unnamed(self) -> Iterator[str]:
        """Files that no row names are found by the sweep, once they are old enough."""
        settings, later = load_settings(), now() + timedelta(days=400)
        with self._readers() as session:
            swept = [each.name for each in find_files(session, self._store, settings, later)]
            datasets = set(session.scalars(select(Dataset.id)))
            jobs = set(session.scalars(select(Job.id)))
            named = {f"{dataset_id}/{sha256}" for dataset_id, sha256, _ in _files(session)}
        for room in NAMED_ROOMS:
            for item in self._store.list(room):
                parts = item.key.split("/")
                owned = parts[1] in datasets or parts[1] in jobs or room == "models_finetuned"
                if room == "datasets" and parts[2] == "images":
                    owned = f"{parts[1]}/{parts[3].partition('.')[0]}" in named
                if not owned and not any(item.key.startswith(name) for name in swept):
                    yield f"nothing names {item.key}, and no sweep would find it"

    def _unfinished(self) -> Iterator[str]:
        """No half-written file has its final name; here, none has another one either."""
        for item in self._store.list():
            if TEMPORARY_PREFIX in item.key:
                yield f"{item.key} was left unfinished"

    def _messages(self) -> Iterator[str]:
        """The queues run empty: nothing is sent for ever."""
        until = time.monotonic() + QUIET_S
        with redis.Redis.from_url(self._redis_url, socket_timeout=5) as client:
            while left := self._left(client):
                if time.monotonic() > until:
                    yield from (f"{count} messages are left in {name}" for name, count in left)
                    return
                time.sleep(0.5)

    @staticmethod
    def _left(client: redis.Redis) -> list[tuple[str, int]]:
        """Queues with messages; those of maintenance come every second."""
        names = [name for name in QUEUES if name != "maintenance"]
        counted = ((name, int(client.llen(name))) for name in names)
        return [(name, count) for name, count in counted if count]


def _files(session: Session) -> list[tuple[str, str, str]]:
    """(dataset, sha256, ext) of each picture, also of those in the trash."""
    found: list[tuple[str, str, str]] = []
    for table in (Image, TrashedImage):
        rows = session.execute(select(table.dataset_id, table.sha256, table.ext))
        found += [(dataset_id, sha256, ext) for dataset_id, sha256, ext in rows]
    return found


def orphans(data_dir: Path) -> list[str]:
    """Processes of a stack that has ended."""
    found = []
    for process in psutil.process_iter(["pid", "cmdline", "status"]):
        line = " ".join(process.info["cmdline"] or [])
        if str(data_dir) in line and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(f"process {process.info['pid']} is left: {line[:120]}")
    return found


def _waits(job: Job, jobs: dict[str, Job]) -> bool:
    """Whether it follows one that was stopped, which may be resumed, or one that follows such a one."""
    before = jobs.get(job.after_job_id or "")
    return before is not None and (before.state == "stopped" or _waits(before, jobs))
