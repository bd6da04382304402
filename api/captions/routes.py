"""Captions: who captions which image, saving, the history, importing."""

from __future__ import annotations

import re
from typing import Any

from flask import request
from sqlalchemy import select

from api.answer import Problem
from api.capability import make_blueprint
from api.captions.claims import release, serve_next, serve_this
from api.captions.schemas import (
    CaptionRevisionOut,
    ClaimedImage,
    ClaimedImages,
    ClaimQuery,
    ClaimsQuery,
    HolderQuery,
    NewCaption,
    QueuedCaption,
    RevisionList,
    SavedCaption,
)
from api.datasets.facts import require_dataset
from api.datasets.schemas import DatasetPath
from api.images.answers import own_values
from api.images.facts import find_image, require_image
from api.images.multipart import store_uploads
from api.images.room import require_room_for_captions
from api.images.schemas import ImagePath
from api.jobs.schemas import JobAnswer
from api.jobs.submission import submit
from api.people.identity import token, user
from api.request import Upload
from api.services import app_services
from common.captions.claims import Claimed, Claimer, NextImages, ThisImage
from common.captions.text import normalise_caption
from common.db.tables import CaptionRevision
from common.errors import InvalidInput, error_from_dict

captions = make_blueprint("captions", __name__, "captions")
MAX_WAIT_S = 30.0


@captions.post(
    "/datasets/<dataset_id>/claim", responses={200: ClaimedImage, 204: None, 404: Problem}
)
def claim(path: DatasetPath, query: ClaimQuery) -> tuple[Any, int]:
    """Claim the next uncaptioned image for me; 204 when none is left."""
    wish = NextImages(path.dataset_id, _claimer(query.holder), query.after)
    claimed = serve_next(app_services(), wish)
    return (_shown(claimed[0]), 200) if claimed else ("", 204)


@captions.post("/datasets/<dataset_id>/claims", responses={200: ClaimedImages, 404: Problem})
def claim_several(path: DatasetPath, query: ClaimsQuery) -> ClaimedImages:
    """Claim the next uncaptioned images for me, in order; fewer than `count` when no more are left."""
    wish = NextImages(path.dataset_id, _claimer(query.holder), query.after, query.count)
    return ClaimedImages(items=[_shown(one) for one in serve_next(app_services(), wish)])


@captions.post(
    "/images/<int:image_id>/claim", responses={200: ClaimedImage, 404: Problem, 409: Problem}
)
def claim_this(path: ImagePath, query: HolderQuery) -> ClaimedImage:
    """Claim this image for me, or renew my claim: it is extended when less than half of it is left."""
    wish = ThisImage(path.image_id, _claimer(query.holder))
    return _shown(serve_this(app_services(), wish))


@captions.post("/images/<int:image_id>/release", responses={204: None})
def release_this(path: ImagePath, query: HolderQuery) -> tuple[str, int]:
    """Give my claim back."""
    release(app_services(), path.image_id, _claimer(query.holder))
    return "", 204


@captions.put(
    "/images/<int:image_id>/caption",
    responses={
        200: SavedCaption,
        202: QueuedCaption,
        400: Problem,
        404: Problem,
        409: Problem,
        507: Problem,
    },
)
def put_caption(path: ImagePath, body: NewCaption) -> tuple[SavedCaption | QueuedCaption, int]:
    """Save a caption: queued, or written when the header `Prefer: wait=N` (seconds) is there."""
    text = None if body.text is None else normalise_caption(body.text)
    wait_s = wait_preference(request.headers.get("Prefer", ""))
    if wait_s == 0:  # who waits is told by the worker
        require_image(path.image_id)
    require_room_for_captions(app_services())
    save = {**body.model_dump(), "text": text, "image_id": path.image_id, "author": user().name}
    answer = app_services().group_commit.save(save, wait_s)
    if answer is None:
        return QueuedCaption(client_id=body.client_id), 202
    if "error" in answer:
        raise error_from_dict(answer["error"])
    return SavedCaption(**{name: answer[name] for name in SavedCaption.model_fields}), 200


@captions.get("/images/<int:image_id>/captions", responses={200: RevisionList, 404: Problem})
def list_revisions(path: ImagePath) -> RevisionList:
    """The captions this image has had, in all slots, newest first."""
    with app_services().readers() as session:
        find_image(session, path.image_id)
        found = session.scalars(
            select(CaptionRevision)
            .where(CaptionRevision.image_id == path.image_id)
            .order_by(CaptionRevision.id.desc())
        )
        return RevisionList(items=[CaptionRevisionOut.of(row) for row in found])


@captions.post(
    "/datasets/<dataset_id>/captions",
    responses={202: JobAnswer, 400: Problem, 413: Problem, 507: Problem},
)
def upload_captions(path: DatasetPath, raw: Upload) -> tuple[JobAnswer, int]:
    """Import captions: multipart `file`, a CSV, JSON lines or a zip of .txt files."""
    require_dataset(app_services(), path.dataset_id)
    uploads = store_uploads(app_services(), raw, "file")
    if len(uploads) > 1:
        app_services().store.delete_prefix(uploads[0]["key"].rsplit("/", 2)[0])
        raise InvalidInput(
            f"{len(uploads)} caption files were sent.", remedy="Send one, or put them into a zip."
        )
    job = submit(
        app_services(), "import_captions", {"upload": uploads[0]},
        dataset_id=path.dataset_id, created_by=user().name,
    )  # fmt: skip
    return JobAnswer(job=job), 202


def wait_preference(header: str) -> float:
    """Seconds of `Prefer: wait=N` (RFC 7240), at most 30; 0 when it is not asked for."""
    found = re.search(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,6})", header)
    return min(float(found[1]), MAX_WAIT_S) if found else 0.0


def _claimer(holder: str | None) -> Claimer:
    """Who claims; without a browser tab's name the token or session of this request holds it."""
    minutes = app_services().settings.claim_minutes
    return Claimer(user().name, holder or f"token:{token().id}", minutes)


def _shown(claimed: Claimed) -> ClaimedImage:
    image, heads = claimed
    return ClaimedImage.of(image, lease_expires_at=image.claim_until, **own_values(image, heads))
