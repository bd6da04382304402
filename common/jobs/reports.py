"""What a job reports: written under its lease, in one go. Its series are read in `common/jobs/series.py`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from common.db.clock import from_now
from common.db.tables import Job, JobLog, JobMetric
from common.jobs.cleaning import NOTE_CHARS, clean_json, clean_point, clean_text
from common.jobs.counts.tallies import CLEANED_REPORTS, REFUSED_REPORTS, count
from common.jobs.leases import Lease, advance, mine
from common.jobs.states import get_job

LOG_LIMIT_CHARS = 20_000_000
MAX_NOTES = 200


@dataclass
class Reports:
    """What a job has reported since it was last written. progress: None when it has not changed.

    points: `{name, step, value, epoch}`. lines: of the log, each with its end. notes: for the user.
    reached: how far the checkpoint is that is kept by now, see `leases.advance`; 0 for none.
    refused: how many reports the database did not take before.
    """

    progress: dict[str, Any] | None = None
    points: list[dict[str, Any]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    reached: int = 0
    refused: int = 0

    def __bool__(self) -> bool:
        told = self.progress is not None or self.points or self.lines or self.notes
        return bool(told or self.reached)

    def __len__(self) -> int:
        return (self.progress is not None) + len(self.points) + len(self.lines) + len(self.notes)

    def then(self, later: Reports) -> Reports:
        """Both in one."""
        return Reports(
            self.progress if later.progress is None else later.progress,
            self.points + later.points,
            self.lines + later.lines,
            self.notes + later.notes,
            max(self.reached, later.reached),
            self.refused + later.refused,
        )

    def cleaned(self) -> tuple[Reports, int]:
        """As every database keeps it, and how many reports had to be changed for it or left out."""
        progress = None if self.progress is None else clean_json(self.progress)
        points = [clean_point(point) for point in self.points]
        lines = [clean_text(line) for line in self.lines]
        notes = [clean_text(note, NOTE_CHARS) for note in self.notes]
        kept = [point for point in points if point is not None]
        odd = (progress != self.progress) + sum(
            new != old
            for new, old in zip(
                [*points, *lines, *notes], [*self.points, *self.lines, *self.notes], strict=True
            )
        )
        return Reports(progress, kept, lines, notes, self.reached, self.refused), odd


def write_reports(
    session: Session, held: Lease, reports: Reports, lease_s: float | None = None
) -> Job | None:
    """Write what a job that is mine has reported; the job as it is then. None: it no longer is, and
    nothing was written. lease_s: the lease is extended to so many seconds with it.
    """
    clean, odd = reports.cleaned()
    values: dict[str, Any] = {"seq": Job.seq + 1}
    if clean.progress is not None:
        values["progress"] = clean.progress
    if lease_s is not None:
        values["lease_until"] = from_now(session, lease_s)
    # its row is locked from here on
    job: Job | None = session.scalar(
        mine(held).values(**values).returning(Job),
        execution_options={"synchronize_session": False, "populate_existing": True},
    )
    if job is None:
        return None
    if clean.reached:
        advance(session, held, clean.reached)
        job = get_job(session, held.job_id)
    if clean.notes:
        # A later attempt often has the same to say.
        job.notes = list(dict.fromkeys([*(job.notes or []), *clean.notes]))[-MAX_NOTES:]
    session.add_all([JobMetric(job_id=held.job_id, **point) for point in clean.points])
    if clean.lines:
        append_log(session, held.job_id, "".join(clean.lines))
    session.flush()
    count(session, CLEANED_REPORTS, odd)
    count(session, REFUSED_REPORTS, clean.refused)
    return job


def append_log(session: Session, job_id: str, text: str) -> int:
    """Append to a job's log; the offset (in characters) after it. Past the limit it is dropped."""
    end = log_length(session, job_id)
    if text and end < LOG_LIMIT_CHARS:
        session.add(JobLog(job_id=job_id, start=end, text=text))
        session.flush()
        end += len(text)
    return end


def log_length(session: Session, job_id: str) -> int:
    """Characters in a job's log."""
    last = session.execute(
        select(JobLog.start, func.length(JobLog.text))
        .where(JobLog.job_id == job_id)
        .order_by(JobLog.start.desc())
        .limit(1)
    ).first()
    return 0 if last is None else int(last[0]) + int(last[1])


def read_log(session: Session, job_id: str, offset: int, limit: int = 1_000_000) -> tuple[str, int]:
    """(text from `offset` on, next offset), in characters; at most about `limit` of them."""
    chunks = session.execute(
        select(JobLog.start, JobLog.text)
        .where(JobLog.job_id == job_id, JobLog.start + func.length(JobLog.text) > offset)
        .order_by(JobLog.start)
    )
    text = ""
    for start, chunk in chunks:
        text += chunk[max(0, offset - start) :]
        if len(text) >= limit:
            break
    return text[:limit], offset + len(text[:limit])


def progress_record(job: Job) -> dict[str, Any]:
    """What is emitted and what a snapshot holds: `{job_id, kind, state, seq, done, total, ...}`."""
    return {
        "job_id": job.id,
        "kind": job.kind,
        "dataset_id": job.dataset_id,
        "state": job.state,
        "seq": job.seq,
        "done": job.progress.get("done"),
        "total": job.progress.get("total"),
        "unit": job.progress.get("unit"),
        "message": job.progress.get("message"),
        "metrics": job.progress.get("metrics", {}),
        "eta_s": job.progress.get("eta_s"),
        "error": job.error,
    }
