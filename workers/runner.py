"""Runs a job: claims it, keeps its lease, reports, finishes. Every job task goes through here."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from common import job_reports, jobs
from common.errors import ClipBrowserError, Internal, QueueUnavailable, WorkerLost
from common.jobs import Claim
from common.schema import Job, JobMetric
from common.settings import Settings
from common.store import ArtifactStore
from workers import shutdown
from workers.app import app
from workers.services import Services, services

log = logging.getLogger(__name__)
TICK_S = 0.25  # how often progress is written and the stop flag read
JobBody = Callable[["JobContext"], dict[str, Any]]


class JobStopped(Exception):
    """Raised in a job's body when the user stopped it; `result` says how far it came."""

    def __init__(self, result: dict[str, Any] | None = None) -> None:
        super().__init__("stopped")
        self.result = result


class LeaseLost(Exception):
    """Raised in a job's body when another execution owns the job: end, and leave no trace."""


class ChildLost(Exception):
    """Raised when the child process of a job was killed from outside: the job is tried again."""


@dataclass(frozen=True)
class JobFacts:
    """The job as it was when it was claimed."""

    id: str
    kind: str
    dataset_id: str | None
    params: dict[str, Any]
    attempt: int
    created_by: str
    checkpoint: dict[str, Any] | None


class JobContext:
    """What a job's body works with. Reports are buffered and written four times a second."""

    def __init__(self, parts: Services, facts: JobFacts, held: Claim) -> None:
        self.job = facts
        self.services = parts
        self._held = held
        self._lock = threading.Lock()
        self._progress: dict[str, Any] = {}
        self._dirty = False
        self._metrics: list[dict[str, Any]] = []
        self._log: list[str] = []
        self._stop: str | None = None
        self._lost = False
        self.handed_back = False
        self._began = time.monotonic()
        self._done_at_begin: int | None = None

    @property
    def settings(self) -> Settings:
        """The service's settings."""
        return self.services.settings

    @property
    def store(self) -> ArtifactStore:
        """The artifact store."""
        return self.services.store

    def session(self) -> AbstractContextManager[Session]:
        """A database transaction."""
        return self.services.sessions()

    def reader(self) -> AbstractContextManager[Session]:
        """A transaction that only reads."""
        return self.services.readers()

    @property
    def work_dir(self) -> Path:
        """This job's scratch folder on this machine; kept while the job may be resumed."""
        folder = self.settings.work_dir / self.job.id
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def report(
        self,
        done: int | None = None,
        total: int | None = None,
        unit: str | None = None,
        message: str | None = None,
        **metrics: float,
    ) -> None:
        """How far it is. What is left out stays as it was."""
        given = {"done": done, "total": total, "unit": unit, "message": message}
        with self._lock:
            if unit is not None and unit != self._progress.get("unit"):
                self._done_at_begin = None  # another stage: its pace is not known yet
            self._progress.update({key: value for key, value in given.items() if value is not None})
            if metrics:
                self._progress["metrics"] = {**self._progress.get("metrics", {}), **metrics}
            self._progress["eta_s"] = self._eta_s()
            self._dirty = True

    def _eta_s(self) -> float | None:
        done, total = self._progress.get("done"), self._progress.get("total")
        if done is None or total is None:
            return None
        if self._done_at_begin is None:
            self._done_at_begin, self._began = done, time.monotonic()
        gained = done - self._done_at_begin
        if gained <= 0:
            return None
        elapsed_s = time.monotonic() - self._began
        return round(float(elapsed_s / gained * (total - done)), 1)

    def log(self, text: str) -> None:
        """A line of the job's log."""
        with self._lock:
            self._log.append(text.rstrip("\n") + "\n")

    def note(self, text: str) -> None:
        """Something the user should know: kept with the job and written to its log."""
        with self.session() as session:
            job = jobs.get_job(session, self.job.id)
            job.notes = [*(job.notes or []), text]
        self.log(text)

    def metric(self, name: str, step: int, value: float, epoch: float | None = None) -> None:
        """A point of a series of this job."""
        with self._lock:
            self._metrics.append({"name": name, "step": step, "value": value, "epoch": epoch})

    def save_checkpoint(self, checkpoint: dict[str, Any] | None) -> None:
        """Remember where a later attempt or a resume goes on."""
        with self.session() as session:
            jobs.write_checkpoint(session, self._held, checkpoint)

    def keep_checkpoint(self, session: Session, checkpoint: dict[str, Any]) -> None:
        """The same within a transaction: it holds if and only if what else is written does.

        Raises LeaseLost when another execution owns the job now.
        """
        if not jobs.write_checkpoint(session, self._held, checkpoint):
            raise LeaseLost

    @property
    def stop_requested(self) -> str | None:
        """None, "save" or "kill" (also when the lease was lost)."""
        return "kill" if self._lost else self._stop

    @property
    def lost(self) -> bool:
        """Whether another execution owns this job now."""
        return self._lost

    def check_stop(self) -> None:
        """Raises LeaseLost or JobStopped when it is time to end."""
        if self._lost:
            raise LeaseLost
        if self._stop:
            raise JobStopped

    def beat(self, extend: bool) -> None:
        """Read the stop flag, keep the lease if `extend`; called by the heartbeat thread."""
        with self.services.sessions() if extend else self.services.readers() as session:
            if extend:
                mine, wish = jobs.extend_lease(session, self._held, self.settings.lease_s)
            else:
                mine, wish = jobs.read_stop(session, self._held)
        self._lost = self._lost or not mine
        self._stop = wish or self._stop
        if wish is None and self._stop is None and shutdown.announced(self.settings.work_dir):
            self._stop, self.handed_back = "save", True

    def flush(self) -> None:
        """Write what has been reported since the last flush, then emit the progress."""
        with self._lock:
            progress = dict(self._progress) if self._dirty else None
            points, lines = self._metrics, self._log
            self._metrics, self._log, self._dirty = [], [], False
        if not (progress or points or lines) or self._lost:
            return
        try:
            with self.session() as session:
                if progress is not None:
                    jobs.write_progress(session, self._held, progress)
                session.add_all([JobMetric(job_id=self.job.id, **point) for point in points])
                if lines:
                    job_reports.append_log(session, self.job.id, "".join(lines))
                record = jobs.get_job(session, self.job.id)
        except Exception:
            with self._lock:  # nothing reported is lost: the next flush tries again
                self._metrics, self._log = points + self._metrics, lines + self._log
                self._dirty = self._dirty or progress is not None
            raise
        self.services.events.job(record)


class Heartbeat:
    """A thread that keeps a job's lease, reads its stop flag and writes its reports."""

    def __init__(self, context: JobContext) -> None:
        self._context = context
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def __enter__(self) -> Heartbeat:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join(timeout=30)

    def _run(self) -> None:
        every_s = self._context.settings.lease_s / 5
        extended = time.monotonic()
        while not self._end.wait(TICK_S):
            due = time.monotonic() - extended >= every_s
            try:
                self._context.beat(extend=due)
                if due:
                    extended = time.monotonic()
                self._context.flush()
            except Exception:
                log.warning("heartbeat of job %s", self._context.job.id, exc_info=True)


def run_job(parts: Services, job_id: str, body: JobBody) -> None:
    """Run `body` if this process can claim the job; do nothing when somebody else has it."""
    worker = f"{socket.gethostname()}:{os.getpid()}"
    with parts.sessions() as session:
        row = session.get(Job, job_id)
        if row is None or not jobs.ready(session, row):
            return
        held = jobs.claim(session, job_id, worker, parts.settings.lease_s)
        if held is None:
            return
        row = jobs.get_job(session, job_id)
    facts = JobFacts(
        row.id,
        row.kind,
        row.dataset_id,
        dict(row.params),
        row.attempt,
        row.created_by,
        row.checkpoint,
    )
    parts.events.job(row)
    context = JobContext(parts, facts, held)
    with Heartbeat(context):
        outcome = _execute(context, body)
    if outcome is None or context.lost:
        return
    _settle(parts, context, held, *outcome)


Outcome = tuple[str, dict[str, Any] | None, ClipBrowserError | None]


def _execute(context: JobContext, body: JobBody) -> Outcome | None:
    """(state, result, error) of the body; None when the job is no longer ours."""
    try:
        return "succeeded", body(context), None
    except LeaseLost:
        return None
    except JobStopped as stopped:
        return ("handed back" if context.handed_back else "stopped"), stopped.result, None
    except ChildLost as lost:
        context.log(f"Error: {lost}")
        return "lost", None, WorkerLost(str(lost))
    except ClipBrowserError as problem:
        context.log(f"Error: {problem.message} {problem.remedy}")
        return "failed", problem.to_dict().get("details"), problem
    except Exception as problem:
        context.log(traceback.format_exc())
        return "failed", None, Internal(f"The {context.job.kind} job failed: {problem}")


def _settle(
    parts: Services,
    context: JobContext,
    held: Claim,
    state: str,
    result: dict[str, Any] | None,
    error: ClipBrowserError | None,
) -> None:
    """Write the end of the job, tell everybody, and set off what waits for it."""
    context.flush()
    with parts.sessions() as session:
        again = state in ("lost", "handed back") and jobs.release(
            session, held, counts=state == "lost"
        )
        final = {"lost": "failed", "handed back": "stopped"}.get(state, state)
        mine = again or jobs.finish(session, held, final, result=result, error=error)
        job = jobs.get_job(session, held.job_id)
    if not mine:
        return
    parts.events.job(job)
    if again:
        send_quietly(parts, job)
        return
    if job.dataset_id:
        parts.events.dataset(job.dataset_id)
    settle_followers(parts, job)


def settle_followers(parts: Services, job: Job) -> None:
    """Send the jobs that waited for this one, or end them when it did not succeed."""
    with parts.sessions() as session:
        if job.state == "succeeded":
            waiting, ended = jobs.followers(session, job.id), []
        elif job.state == "failed":
            waiting, ended = [], jobs.fail_followers(session, job)
        else:
            return  # stopped: it may be resumed, and what follows it goes on waiting
    for follower in waiting:
        send_quietly(parts, follower)
    for follower in ended:
        parts.events.job(follower)


def send_quietly(parts: Services, job: Job) -> None:
    """Send a job's message; when Redis is away the reaper sends it later."""
    try:
        parts.queue.send_job(job, parts.sessions)
    except QueueUnavailable:
        log.warning("job %s will be sent by the reaper", job.id)


def job_task(kind: str) -> Callable[[JobBody], JobBody]:
    """Register a function as the body of all jobs of this kind; the message carries the id alone."""

    def register(body: JobBody) -> JobBody:
        @app.task(name=f"jobs.{kind}")
        def run(job_id: str) -> None:
            run_job(services(), job_id, body)

        return body

    return register
