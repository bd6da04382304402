"""What a job reports: its log and its progress record. Its series are in `common/jobs/series.py`."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from common.db.tables import Job, JobLog

LOG_LIMIT_CHARS = 20_000_000


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
