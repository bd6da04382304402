"""Rows of the database as the JSON of the contract."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from common import jobs
from common.schema import CaptionRevision, Image, Job, Token, User

PREFIX = "/api/v1"


def iso(moment: datetime | None) -> str | None:
    """ISO-8601 in UTC."""
    return None if moment is None else moment.isoformat()


def person(user: User) -> dict[str, Any]:
    """A user without secrets."""
    return {"name": user.name, "role": user.role, "created_at": iso(user.created_at)}


def token_shape(token: Token) -> dict[str, Any]:
    """An API token without its secret."""
    return {"id": token.id, "name": token.name, "created_at": iso(token.created_at)}


def file_url(image: Image) -> str:
    """The original's address. It holds the content's hash, since browsers keep it for ever."""
    return f"{PREFIX}/images/{image.id}/file?v={image.sha256[:12]}"


def thumb_url(image: Image) -> str:
    """The thumbnail's address."""
    return f"{PREFIX}/images/{image.id}/thumb?v={image.sha256[:12]}"


def image_shape(image: Image) -> dict[str, Any]:
    """An image as lists and claims show it."""
    return {
        "id": image.id,
        "dataset_id": image.dataset_id,
        "filename": image.filename,
        "width": image.width,
        "height": image.height,
        "size_bytes": image.size_bytes,
        "caption": image.caption,
        "revision": image.revision,
        "captioned_by": image.captioned_by,
        "captioned_at": iso(image.captioned_at),
        "claimed_by": image.claimed_by,
        "created_at": iso(image.created_at),
        "url": file_url(image),
        "thumb_url": thumb_url(image),
    }


def hit_shape(image: Image, score: float) -> dict[str, Any]:
    """An image as a search shows it."""
    return {
        "image_id": image.id,
        "score": score,
        "caption": image.caption,
        "filename": image.filename,
        "width": image.width,
        "height": image.height,
        "thumb_url": thumb_url(image),
        "url": file_url(image),
    }


def revision_shape(row: CaptionRevision) -> dict[str, Any]:
    """One saved caption."""
    return {
        "revision": row.revision,
        "text": row.text,
        "author": row.author,
        "client_id": row.client_id,
        "created_at": iso(row.created_at),
    }


def job_shape(session: Session, job: Job) -> dict[str, Any]:
    """A job as the contract has it."""
    progress = job.progress or {}
    return {
        "id": job.id,
        "kind": job.kind,
        "state": job.state,
        "seq": job.seq,
        "progress": {
            **{key: progress.get(key) for key in ("done", "total", "unit", "message", "eta_s")},
            "metrics": progress.get("metrics") or {},
        },
        "params": job.params,
        "result": job.result,
        "error": job.error,
        "notes": job.notes or [],
        "queue": job.queue,
        "queue_position": jobs.queue_position(session, job),
        "eta_s": progress.get("eta_s") if job.state in ("running", "stopping") else None,
        "priority": job.priority,
        "attempt": job.attempt,
        "dataset_id": job.dataset_id,
        "created_by": job.created_by,
        "created_at": iso(job.created_at),
        "started_at": iso(job.started_at),
        "finished_at": iso(job.finished_at),
        "stop_requested": job.stop_requested,
        "after_job_id": job.after_job_id,
        "resumable": job.kind in jobs.RESUMABLE and job.state in ("stopped", "failed"),
        "links": _links(job),
    }


def _links(job: Job) -> dict[str, str]:
    links = {name: f"{PREFIX}/jobs/{job.id}/{name}" for name in ("log", "metrics")}
    links["self"] = f"{PREFIX}/jobs/{job.id}"
    if job.dataset_id:
        links["dataset"] = f"{PREFIX}/datasets/{job.dataset_id}"
    if job.result and job.result.get("model_id"):
        links["model"] = f"{PREFIX}/models/{job.result['model_id']}"
    return links
