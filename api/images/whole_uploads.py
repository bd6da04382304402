"""Uploads all of whose bytes have come: into the store, and to the job that takes them in."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable

from api.images.file_names import safe_file_name
from api.images.resumable import ResumableUpload, ResumableUploads
from api.images.room import open_uploads
from api.jobs.schemas import JobOut
from api.jobs.submission import shown
from api.people.identity import user
from api.services import Services
from common.errors import ClipBrowserError, Conflict

Stored = list[dict[str, str]]


def take_whole(
    services: Services,
    ids: list[str],
    begin: Callable[[Stored], JobOut],
    require_room: Callable[[int], None] = lambda _: None,
) -> JobOut:
    """The job that takes uploads in, made by `begin`; the same when they were handed over before.

    require_room: raises DiskFull for so many bytes. Raises NotFound, or Conflict when one is not whole.
    """
    resumable = open_uploads(services)
    uploads = [resumable.find(user().name, upload_id) for upload_id in ids]
    with resumable.hold(uploads[0]):
        done = {resumable.job_of(upload) for upload in uploads}
        job_id = done.pop() if len(done) == 1 else None
        if job_id:
            return shown(services, job_id)
        for upload in uploads:
            _require_whole(resumable, upload)
        require_room(sum(upload.size_bytes for upload in uploads))
        job = begin(_store(services, resumable, uploads))
        for upload in uploads:
            resumable.hand_over(upload, job.id)
    return job


def _require_whole(resumable: ResumableUploads, upload: ResumableUpload) -> None:
    offset = resumable.offset(upload)
    if resumable.job_of(upload) is not None:
        raise Conflict(f"{upload.name} was taken already.", remedy="Upload it again.")
    if offset < upload.size_bytes:
        raise Conflict(
            f"{upload.name} is not whole: {offset:,} of {upload.size_bytes:,} bytes have come.",
            remedy="Send the rest first.",
            details={"upload": upload.id, "offset": offset},
        )


def _store(
    services: Services, resumable: ResumableUploads, uploads: list[ResumableUpload]
) -> Stored:
    folder = f"uploads/{secrets.token_hex(8)}"
    stored: Stored = []
    try:
        for number, upload in enumerate(uploads):
            key = f"{folder}/{number}/{safe_file_name(upload.name)}"
            services.store.put_file(key, resumable.path(upload))
            stored.append({"key": key, "name": upload.name})
    except ClipBrowserError:
        with contextlib.suppress(ClipBrowserError):
            services.store.delete_prefix(folder)
        raise
    return stored
