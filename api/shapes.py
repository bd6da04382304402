"""Rows of the database as the JSON of the contract."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from api.jobs.queue_position import Outlook
from common.captions.heads import Head, heads_by_image
from common.captions.text import MAX_CAPTIONS
from common.db.tables import CaptionRevision, Image, Job, Token, User, now
from common.jobs.kinds import is_resumable

PREFIX = "/api/v1"
SHOWN_UPLOADS = 20


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


def image_shapes(session: Session, images: Sequence[Image]) -> list[dict[str, Any]]:
    """Images as lists and claims show them, with their captions (one query)."""
    heads = heads_by_image(session, [image.id for image in images])
    return [_image_shape(image, heads[image.id]) for image in images]


def _claimer(image: Image) -> str | None:
    """Who holds the image now; a claim that has run out is none."""
    held = image.claim_until is not None and image.claim_until > now()
    return image.claimed_by if held else None


def _image_shape(image: Image, heads: Sequence[Head]) -> dict[str, Any]:
    """An image; heads: its captions by slot, also those that were taken away, the first always."""
    first, *others = heads
    return {
        "id": image.id,
        "dataset_id": image.dataset_id,
        "filename": image.filename,
        "width": image.width,
        "height": image.height,
        "size_bytes": image.size_bytes,
        "caption": first.text,
        "revision": first.revision,
        "captioned_by": first.author,
        "captioned_at": iso(first.saved_at),
        "tokens": first.tokens,
        "captions": [_other_shape(other) for other in others if other.text is not None],
        "next_slot": _next_slot(heads),
        "flagged_by": image.flagged_by,
        "flagged_at": iso(image.flagged_at),
        "flag_note": image.flag_note,
        "reviewed_by": image.reviewed_by,
        "reviewed_at": iso(image.reviewed_at),
        "tag": image.tag,
        "claimed_by": _claimer(image),
        "created_at": iso(image.created_at),
        "url": file_url(image),
        "thumb_url": thumb_url(image),
    }


def _other_shape(other: Head) -> dict[str, Any]:
    return {
        "slot": other.slot,
        "text": other.text,
        "revision": other.revision,
        "by": other.author,
        "at": iso(other.saved_at),
    }


def _next_slot(heads: Sequence[Head]) -> dict[str, int] | None:
    """Where another caption goes, and the revision it is typed over; None when all are taken."""
    taken = {head.slot for head in heads if head.text is not None}
    revisions = {head.slot: head.revision for head in heads}
    for slot in range(MAX_CAPTIONS):
        if slot not in taken:
            return {"slot": slot, "revision": revisions.get(slot, 0)}
    return None


def hit_shape(image: Image, caption: str | None, score: float) -> dict[str, Any]:
    """An image as a search shows it. caption: its first one."""
    return {
        "image_id": image.id,
        "score": score,
        "caption": caption,
        "filename": image.filename,
        "width": image.width,
        "height": image.height,
        "thumb_url": thumb_url(image),
        "url": file_url(image),
    }


def revision_shape(row: CaptionRevision) -> dict[str, Any]:
    """One saved caption, or one taken away (text None)."""
    return {
        "slot": row.slot,
        "revision": row.revision,
        "text": row.text,
        "author": row.author,
        "client_id": row.client_id,
        "created_at": iso(row.created_at),
    }


def job_shape(job: Job, outlook: Outlook) -> dict[str, Any]:
    """A job as the contract has it. outlook: of this request, so that each queue is read once."""
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
        "params": _short_params(job.params),
        "result": job.result,
        "error": job.error,
        "notes": job.notes or [],
        "queue": job.queue,
        **outlook.of_job(job),
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
        "group_id": job.group_id,
        "resumable": is_resumable(job.kind) and job.state in ("stopped", "failed"),
        "links": _links(job),
    }


def _short_params(params: dict[str, Any]) -> dict[str, Any]:
    """Of the files of an upload the first ones: there may be thousands, and jobs are asked for often."""
    uploads = params.get("uploads")
    if not isinstance(uploads, list) or len(uploads) <= SHOWN_UPLOADS:
        return params
    return {**params, "uploads": uploads[:SHOWN_UPLOADS], "uploads_count": len(uploads)}


def _links(job: Job) -> dict[str, str]:
    links = {name: f"{PREFIX}/jobs/{job.id}/{name}" for name in ("log", "metrics")}
    links["self"] = f"{PREFIX}/jobs/{job.id}"
    if job.dataset_id:
        links["dataset"] = f"{PREFIX}/datasets/{job.dataset_id}"
    if job.result and job.result.get("model_id"):
        links["model"] = f"{PREFIX}/models/{job.result['model_id']}"
    return links
