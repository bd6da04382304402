"""Images on their way in: uploads in one request or in portions, and what is there already."""

from __future__ import annotations

from functools import partial

from flask import request

from api.answer import Problem
from api.capability import make_blueprint
from api.datasets.facts import find_dataset, require_dataset
from api.datasets.schemas import DatasetPath
from api.errors import read_body
from api.images.multipart import MIB, store_uploads, too_large
from api.images.resumable import ResumableUpload, ResumableUploads
from api.images.room import open_uploads, require_quota, require_quota_of_maker
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
from api.images.whole_uploads import Stored, take_whole
from api.jobs.schemas import JobAnswer, JobOut
from api.jobs.submission import announce, shown, submit
from api.people.identity import user
from api.request import Chunk, ImageUpload
from api.services import Services, app_services
from common.errors import InvalidInput
from common.images.duplicates import find_duplicates
from common.jobs import states

incoming = make_blueprint("incoming", __name__, "images")


@images.post(  # flask-openapi3 describes an address in one blueprint only: there it is listed by GET
    "/datasets/<dataset_id>/images",
    responses={
        202: JobAnswer,
        400: Problem,
        404: Problem,
        409: Problem,
        413: Problem,
        507: Problem,
    },
)
def upload_images(path: DatasetPath, query: JoinQuery, raw: ImageUpload) -> tuple[JobAnswer, int]:
    """Add images: multipart `files`, each an image or a zip; or JSON `{"uploads": [id, ...]}`.

    The job lists what was rejected. join: a job of an earlier portion of the same upload, to which
    these files are added if it has not begun; so a folder becomes few jobs.
    """
    require_dataset(app_services(), path.dataset_id)
    ingest = partial(_ingest, app_services(), path.dataset_id)
    require_room = partial(require_quota_of_maker, app_services(), path.dataset_id, user().name)
    if request.is_json:
        body = read_body(WholeUploads)
        job = take_whole(app_services(), body.uploads, ingest, require_room)
        return JobAnswer(job=job), 202
    require_room(request.content_length or 0)
    return JobAnswer(job=ingest(store_uploads(app_services(), raw, "files"), query.join)), 202


@incoming.post("/datasets/<dataset_id>/images/known", responses={200: KnownFilesOut, 400: Problem})
def find_known_files(path: DatasetPath, body: KnownFiles) -> KnownFilesOut:
    """Which of these files, by their SHA-256, are images of the dataset and need not be sent."""
    with app_services().readers() as session:
        find_dataset(session, path.dataset_id)
        known = find_duplicates(session, path.dataset_id, body.sha256)
    return KnownFilesOut(known=[sha256 for sha256 in body.sha256 if sha256 in known])


@incoming.post(
    "/uploads", responses={200: UploadOut, 201: UploadOut, 400: Problem, 413: Problem, 507: Problem}
)
def begin_upload(body: NewUpload) -> tuple[UploadOut, int]:
    """Announce a large file; its bytes follow by PUT, and POST .../images takes it when it is whole.

    fingerprint: what you know the file by. The same person's unfinished upload of the same name,
    size and fingerprint is given again (200), to go on at its offset.
    """
    services = app_services()
    if body.size_bytes > services.settings.max_upload_mib * MIB:
        raise too_large(services.settings.max_upload_mib)
    resumable = open_uploads(services)
    resumable.sweep()
    upload = resumable.begin(
        user().name, body.name, body.size_bytes, body.fingerprint,
        may_begin=lambda: require_quota(services, user().name, body.size_bytes),
    )  # fmt: skip
    answer = _answer(resumable, upload)
    return answer, 200 if answer.offset else 201


@incoming.get("/uploads/<upload_id>", responses={200: UploadOut, 404: Problem})
def get_upload(path: UploadPath) -> UploadOut:
    """How much of an upload has come."""
    resumable = open_uploads(app_services())
    return _answer(resumable, resumable.find(user().name, path.upload_id))


@incoming.put(
    "/uploads/<upload_id>",
    responses={200: UploadOut, 400: Problem, 404: Problem, 409: Problem, 507: Problem},
)
def put_upload(path: UploadPath, raw: Chunk) -> UploadOut:
    """Bytes of an upload, from the one that the header `Upload-Offset` names; as many as you like.

    409 with `details.offset` when the upload is elsewhere: go on there.
    """
    resumable = open_uploads(app_services())
    upload = resumable.find(user().name, path.upload_id)
    resumable.append(upload, _upload_offset(), raw.stream.read)
    return _answer(resumable, upload)


@incoming.delete("/uploads/<upload_id>", responses={204: None, 404: Problem})
def drop_upload(path: UploadPath) -> tuple[str, int]:
    """Forget an upload."""
    resumable = open_uploads(app_services())
    resumable.drop(resumable.find(user().name, path.upload_id))
    return "", 204


def _answer(resumable: ResumableUploads, upload: ResumableUpload) -> UploadOut:
    return UploadOut.of(upload, offset=resumable.offset(upload), job_id=resumable.job_of(upload))


def _upload_offset() -> int:
    given = request.headers.get("Upload-Offset", "")
    if not (given.isascii() and given.isdigit() and len(given) < 19):
        raise InvalidInput(
            f"The header Upload-Offset is {given[:40]!r}.",
            remedy="Send the byte at which this portion begins, 0 for the first.",
        )
    return int(given)


def _ingest(services: Services, dataset_id: str, stored: Stored, join: str | None = None) -> JobOut:
    """A job for these files, or the one they could join."""
    by = user().name
    if join is not None:
        with services.sessions() as session:
            joined = states.add_uploads(session, join, stored, dataset_id=dataset_id, created_by=by)
        if joined is not None:
            announce(services, joined)
            return shown(services, joined.id)
    return submit(services, "ingest", {"uploads": stored}, dataset_id=dataset_id, created_by=by)
