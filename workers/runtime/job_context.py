"""What a job's body works with: its facts, reports, checkpoint, stop flag, and the lease that is kept.

Which job runs when stands in `workers/runtime/job_runs.py`.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from common.db.tables import Job
from common.jobs import leases
from common.jobs.cleaning import clean_json
from common.jobs.leases import GIVE_UP_SHARE, Lease
from common.jobs.queues import others_wait
from common.jobs.reports import Reports, write_reports
from common.logs import with_ids
from common.settings import Settings
from common.store import ArtifactStore
from workers.runtime import shutdown
from workers.runtime.retries import passing
from workers.runtime.services import Services

log = logging.getLogger(__name__)
SLICE_S = 3.0  # of work that a long job does before it gives way
LOOK_EVERY_S = 0.5
TICK_S = 0.25  # how often progress is written, and calls to stop are looked for
# Of the time goes into writing progress: the longer a write takes, the rarer it is, up to a share of the time
# between two extensions of the lease. So a database that has much to do gets less, not more.
WRITING_SHARE, LONGEST_REST_SHARE = 0.05, 0.75
JobBody = Callable[["JobContext"], dict[str, Any]]


class JobStopped(Exception):
    """Raised in a job's body when the user stopped it; `result` says how far it came."""

    def __init__(self, result: dict[str, Any] | None = None) -> None:
        super().__init__("stopped")
        self.result = result


class LeaseLost(Exception):
    """Raised in a job's body when another execution owns the job: end, and leave no trace."""


class GaveWay(Exception):
    """Raised in a job's body when it goes back to the queue, so that somebody else's job has its turn."""


class Postponed(Exception):
    """Raised in a job's body when it cannot begin yet: it goes back to the queue for WAIT_S, uncounted."""


class ChildLost(Exception):
    """Raised when the child process of a job was killed from outside: the job is tried again."""


@dataclass(frozen=True)
class JobFacts:
    """The job as it was when it was taken."""

    id: str
    kind: str
    dataset_id: str | None
    params: dict[str, Any]
    attempt: int
    created_by: str
    checkpoint: dict[str, Any] | None

    @classmethod
    def of(cls, job: Job) -> JobFacts:
        """Of its row."""
        return cls(
            job.id,
            job.kind,
            job.dataset_id,
            dict(job.params),
            job.attempt,
            job.created_by,
            job.checkpoint,
        )


class JobContext:
    """What a job's body works with. Reports are buffered and written four times a second."""

    def __init__(self, services: Services, facts: JobFacts, held: Lease) -> None:
        self.job = facts
        self.services = services
        self._held = held
        self._kept_at = held.taken_at  # when the lease was last known to be kept
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._closed = False
        self._progress: dict[str, Any] = {}
        self._reports = Reports()
        self._stop: str | None = None
        self._lost = False
        self.handed_back = False
        self._began = time.monotonic()
        self._done_at_begin: int | None = None
        self._slice_ends: float | None = None
        self._rests_until = 0.0

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
        given = clean_json({"done": done, "total": total, "unit": unit, "message": message})
        with self._lock:
            if unit is not None and unit != self._progress.get("unit"):
                self._done_at_begin = None  # another stage: its pace is not known yet
            self._progress.update({key: value for key, value in given.items() if value is not None})
            if metrics:
                self._progress["metrics"] = {**self._progress.get("metrics", {}), **metrics}
            self._progress["eta_s"] = self._eta_s()
            self._reports.progress = dict(self._progress)

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
            self._reports.lines.append(text.rstrip("\n") + "\n")

    def note(self, text: str) -> None:
        """Something the user should know: kept with the job and written to its log."""
        with self._lock:
            self._reports.notes.append(text)
        self.log(text)

    def metric(self, name: str, step: int, value: float, epoch: float | None = None) -> None:
        """A point of a series of this job."""
        with self._lock:
            point = {"name": name, "step": step, "value": value, "epoch": epoch}
            self._reports.points.append(point)

    def save_checkpoint(self, checkpoint: dict[str, Any] | None) -> None:
        """Remember where a later attempt or a resume goes on."""
        with self.session() as session:
            leases.write_checkpoint(session, self._held, checkpoint)

    def reach(self, steps: int) -> None:
        """A checkpoint is kept that is so far, in steps of the job's own: attempts count anew from here."""
        with self._lock:
            self._reports.reached = max(self._reports.reached, steps)

    def keep_checkpoint(self, session: Session, checkpoint: dict[str, Any]) -> None:
        """The same within a transaction: it holds if and only if what else is written does.

        Raises LeaseLost when another execution owns the job now.
        """
        if not leases.write_checkpoint(session, self._held, checkpoint):
            raise LeaseLost

    def keep_result(self, session: Session, result: dict[str, Any]) -> None:
        """Keep the job's result within the transaction that writes what it tells of.

        Should the worker be lost before the job is closed, `result_before` has it: nothing is done
        twice. Raises LeaseLost when another execution owns the job now.
        """
        self.keep_checkpoint(session, {"result": result})

    @property
    def result_before(self) -> dict[str, Any] | None:
        """What `keep_result` kept in an execution before; None when there is nothing."""
        return (self.job.checkpoint or {}).get("result")

    @property
    def stop_requested(self) -> str | None:
        """None, "save" or "kill" (also when the lease was lost)."""
        return "kill" if self.lost else self._stop

    @property
    def lost(self) -> bool:
        """Whether another execution owns this job now, or soon may: its lease could not be kept.

        Told by this thread's own look at the clock, since the heartbeat's may hang in the database.
        """
        silent_s = time.monotonic() - self._kept_at
        self._lost = self._lost or silent_s > self.settings.lease_s * GIVE_UP_SHARE
        return self._lost

    def check_stop(self) -> None:
        """Raises LeaseLost or JobStopped when it is time to end."""
        if self.lost:
            raise LeaseLost
        if self._stop:
            raise JobStopped

    def give_way(self, checkpoint: dict[str, Any] | None = None) -> None:
        """Go back to the queue if somebody else's job waits, and SLICE_S have passed since this was first called.

        For long jobs of a queue whose others are short; to be called where what was done is kept, and the
        next execution goes on from there. checkpoint: kept for it, if there is none yet. Raises GaveWay.
        """
        moment = time.monotonic()
        if self._slice_ends is None:
            self._slice_ends = moment + SLICE_S
        if moment < self._slice_ends:
            return
        self._slice_ends = moment + LOOK_EVERY_S
        with self.reader() as session:
            waits = others_wait(session, self.job.id)
        if waits:
            self.report(message="waiting: somebody else's job has its turn")
            if checkpoint is not None:
                self.save_checkpoint(checkpoint)
            raise GaveWay

    def heartbeat(self) -> None:
        """Keep the lease when that is due and read the stop flag with it, or at once when somebody called.

        Called by the heartbeat thread. What writes reports keeps the lease as well, see `flush`.
        """
        began = time.monotonic()
        if began - self._kept_at >= leases.extend_every_s(self.settings):
            with self.services.pulses() as session:
                mine, wish = leases.extend_lease(session, self._held, self.settings.lease_s)
            self._note_lease(began if mine else None, wish)
        elif self.services.stop_calls.heard(self.job.id):
            with self.services.readers() as session:
                mine, wish = leases.read_stop(session, self._held)
            self._note_lease(self._kept_at if mine else None, wish)
        if self._stop is None and shutdown.announced(self.settings.work_dir):
            self._stop, self.handed_back = "save", True

    def _note_lease(self, kept_at: float | None, wish: str | None) -> None:
        """What the row has said; kept_at: None when it is another's."""
        self._lost = self._lost or kept_at is None
        self._kept_at = kept_at or self._kept_at
        self._stop = wish or self._stop

    def flush(self) -> None:
        """Write what has been reported since the last flush, keep the lease with it, then emit the progress."""
        with self._writing:
            began = time.monotonic()
            if self._closed or self.lost or began < self._rests_until:
                return
            given = self._take_reports()
            if not given:
                return
            try:
                with self.services.heartbeats() as session:
                    record = write_reports(session, self._held, given, self.settings.lease_s)
            except Exception as problem:
                self._give_back(given, problem)
                raise
            ended = time.monotonic()
            longest_s = leases.extend_every_s(self.settings) * LONGEST_REST_SHARE
            self._rests_until = ended + min((ended - began) / WRITING_SHARE, longest_s)
            self._note_lease(began if record else None, record.stop_requested if record else None)
        if record is not None:
            self.services.events.job(record)

    def close_reports(self) -> None:
        """From now on `flush_into` writes, and nobody else: what is under way has been written."""
        with self._writing:
            self._closed = True

    def flush_into(self, session: Session) -> None:
        """Write it within the transaction that ends the job; what the database refuses is left out."""
        for _ in range(2):  # the second time, only that some were refused
            given = self._take_reports()
            if not given:
                return
            try:
                with session.begin_nested():
                    write_reports(session, self._held, given)
            except Exception as problem:
                self._give_back(given, problem)
                if passing(problem):
                    raise

    def _take_reports(self) -> Reports:
        with self._lock:
            given, self._reports = self._reports, Reports()
        return given

    def _give_back(self, given: Reports, problem: Exception) -> None:
        """Keep for the next try what only could not be written now; drop what is refused."""
        if passing(problem):
            with self._lock:
                self._reports = given.then(self._reports)
            return
        log.error("%d reports were refused", len(given), exc_info=problem)
        self.log(f"{len(given)} reports could not be kept ({type(problem).__name__}).")
        with self._lock:
            self._reports.refused += len(given)


class Heartbeat:
    """A thread that keeps a job's lease, reads its stop flag and writes its reports."""

    def __init__(self, context: JobContext) -> None:
        self._context = context
        self._end = threading.Event()
        self._thread = threading.Thread(target=with_ids(self._run), name="heartbeat", daemon=True)

    def __enter__(self) -> Heartbeat:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join(timeout=30)

    def _run(self) -> None:
        while not self._end.wait(TICK_S) and not self._context.lost:
            try:
                self._context.heartbeat()
                self._context.flush()
            except Exception:
                log.warning("a heartbeat failed", exc_info=True)
