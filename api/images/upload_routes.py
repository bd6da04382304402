"""Images on their way in: uploads in one request or in portions, and what is there already."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable
from functools import partial

from flask import request

from api.answer import Problem
from api.capability import make_blueprint
from api.datasets.facts import find_dataset, require_dataset
from api.datasets.schemas import DatasetPath
from api.datasets.slugs import safe_file_name
from api.errors import read_body
from api.images.multipart import MIB, store_uploads, too_large
from api.images.resumable import Parcel, Shelf
from api.images.routes import images
from api.images.schemas import (
    JoinQuery,
    KnownFiles,
    KnownFilesOut,
    NewUpload,
    UploadOut,
    UploadPath,
    WholeUploads,
)
from api.jobs.schemas import JobAnswer, JobOut
from api.jobs.submission import announce, shown, submit
from api.people.identity import user
from api.request import Chunk, ImageUpload
from api.services import Parts, parts
from common.errors import ClipBrowserError, Conflict, InvalidInput
from common.images.duplicates import find_known
from common.jobs import states

incoming = make_blueprint("incoming", __name__, "images")
Stored = list[dict[str, str]]


@images.post(  # flask-openapi3 describes an address in one blueprint only: there it is listed by GET
    "/datasets/<dataset_id>/images",
    responses={202: JobAnswer, 400: Problem, 404: Problem, 409: Problem, 413: Problem},
)
def upload_images(path: DatasetPath, query: JoinQuery, raw: ImageUpload) -> tuple[JobAnswer, int]:
    """Add images: multipart `files`, each an image or a zip; or JSON `{"uploads": [id, ...]}`.

    The job lists what was rejected. join: a job of an earlier portion of the same upload, to which
    these files are added if it has not begun; so a folder becomes few jobs.
    """
    require_dataset(parts(), path.dataset_id)
    ingest = partial(_ingest, parts(), path.dataset_id)
    if request.is_json:
        body = read_body(WholeUploads)
        return JobAnswer(job=take_whole(parts(), body.uploads, ingest)), 202
    return JobAnswer(job=ingest(store_uploads(parts(), raw, "files"), query.join)), 202


@incoming.post("/datasets/<dataset_id>/images/known", responses={200: KnownFilesOut, 400: Problem})
def find_known_files(path: DatasetPath, body: KnownFiles) -> KnownFilesOut:
    """Which of these files, by their SHA-256, are images of the dataset and need not be sent."""
    with parts().readers() as session:
        find_dataset(session, path.dataset_id)
        known = find_known(session, path.dataset_id, body.sha256)
    return KnownFilesOut(known=[sha256 for sha256 in body.sha256 if sha256 in known])


@incoming.post("/uploads", responses={200: UploadOut, 201: UploadOut, 400: Problem, 413: Problem})
def begin_upload(body: NewUpload) -> tuple[UploadOut, int]:
    """Announce a large file; its bytes follow by PUT, and POST .../images takes it when it is whole.

    fingerprint: what you know the file by. The same person's unfinished upload of the same name,
    size and fingerprint is given again (200), to go on at its offset.
    """
    made = parts()
    if body.size_bytes > made.settings.max_upload_mib * MIB:
        raise too_large(made.settings.max_upload_mib)
    shelf = _shelf(made)
    shelf.sweep()
    parcel = shelf.begin(user().name, body.name, body.size_bytes, body.fingerprint)
    answer = _answer(shelf, parcel)
    return answer, 200 if answer.offset else 201


@incoming.get("/uploads/<upload_id>", responses={200: UploadOut, 404: Problem})
def get_upload(path: UploadPath) -> UploadOut:
    """How much of an upload has come."""
    shelf = _shelf(parts())
    return _answer(shelf, shelf.find(user().name, path.upload_id))


@incoming.put(
    "/uploads/<upload_id>",
    responses={200: UploadOut, 400: Problem, 404: Problem, 409: Problem},
)
def put_upload(path: UploadPath, raw: Chunk) -> UploadOut:
    """Bytes of an upload, from the one that the header `Upload-Offset` names; as many as you like.

    409 with `details.offset` when the upload is elsewhere: go on there.
    """
    shelf = _shelf(parts())
    parcel = shelf.find(user().name, path.upload_id)
    shelf.append(parcel, _upload_offset(), raw.stream.read)
    return _answer(shelf, parcel)


@incoming.delete("/uploads/<upload_id>", responses={204: None, 404: Problem})
def drop_upload(path: UploadPath) -> tuple[str, int]:
    """Forget an upload."""
    shelf = _shelf(parts())
    shelf.drop(shelf.find(user().name, path.upload_id))
    return "", 204


def _shelf(made: Parts) -> Shelf:
    return Shelf(made.settings.work_dir / "incoming")


def _answer(shelf: Shelf, parcel: Parcel) -> UploadOut:
    return UploadOut.of(parcel, offset=shelf.offset(parcel), job_id=shelf.job_of(parcel))


def _upload_offset() -> int:
    given = request.headers.get("Upload-Offset", "")
    if not (given.isascii() and given.isdigit() and len(given) < 19):
        raise InvalidInput(
            f"The header Upload-Offset is {given[:40]!r}.",
            remedy="Send the byte at which this portion begins, 0 for the first.",
        )
    return int(given)


def take_whole(made: Parts, ids: list[str], begin: Callable[[Stored], JobOut]) -> JobOut:
    """The job that takes uploads in, made by `begin`; the same when they were handed over before.

    Raises NotFound, or Conflict when one is not whole.
    """
    shelf = _shelf(made)
    parcels = [shelf.find(user().name, upload_id) for upload_id in ids]
    with shelf.hold(parcels[0]):
        done = {shelf.job_of(parcel) for parcel in parcels}
        job_id = done.pop() if len(done) == 1 else None
        if job_id:
            return shown(made, job_id)
        for parcel in parcels:
            _require_whole(shelf, parcel)
        job = begin(_store(made, shelf, parcels))
        for parcel in parcels:
            shelf.hand_over(parcel, job.id)
    return job


def _require_whole(shelf: Shelf, parcel: Parcel) -> None:
    offset = shelf.offset(parcel)
    if shelf.job_of(parcel) is not None:
        raise Conflict(f"{parcel.name} was taken already.", remedy="Upload it again.")
    if offset < parcel.size_bytes:
        raise Conflict(
            f"{parcel.name} is not whole: {offset:,} of {parcel.size_bytes:,} bytes have come.",
            remedy="Send the rest first.",
            details={"upload": parcel.id, "offset": offset},
        )


def _store(made: Parts, shelf: Shelf, parcels: list[Parcel]) -> Stored:
    folder = f"uploads/{secrets.token_hex(8)}"
    stored: Stored = []
    try:
        for number, parcel in enumerate(parcels):
            key = f"{folder}/{number}/{safe_file_name(parcel.name)}"
            made.store.put_file(key, shelf.path(parcel))
            stored.append({"key": key, "name": parcel.name})
    except ClipBrowserError:
        with contextlib.suppress(ClipBrowserError):
            made.store.delete_prefix(folder)
        raise
    return stored


def _ingest(made: Parts, dataset_id: str, stored: Stored, join: str | None = None) -> JobOut:
    """A job for these files, or the one they could join."""
    by = user().name
    if join is not None:
        with made.sessions() as session:
            joined = states.add_uploads(session, join, stored, dataset_id=dataset_id, created_by=by)
        if joined is not None:
            announce(made, joined)
            return shown(made, joined.id)
    return submit(made, "ingest", {"uploads": stored}, dataset_id=dataset_id, created_by=by)
