"""Captions: who captions which image, saving, the history, importing."""

from __future__ import annotations

import re
from typing import Any

from flask import request
from sqlalchemy import select
from sqlalchemy.orm import Session

from api.answer import Problem
from api.capability import make_blueprint
from api.captions.claims import Claimer, claim_next, claim_one, release
from api.captions.schemas import (
    CaptionRevisionOut,
    ClaimedImage,
    ClaimQuery,
    HolderQuery,
    NewCaption,
    QueuedCaption,
    RevisionList,
    SavedCaption,
)
from api.datasets.facts import find_dataset, require_dataset
from api.datasets.schemas import DatasetPath
from api.images.answers import answer_image
from api.images.facts import find_image, require_image
from api.images.multipart import store_uploads
from api.images.schemas import ImagePath
from api.jobs.schemas import JobAnswer
from api.jobs.submission import submit
from api.people.identity import token, user
from api.request import Upload
from api.services import app_services
from common.captions.text import normalise_caption
from common.db.tables import CaptionRevision, Image
from common.errors import InvalidInput, error_from_dict

captions = make_blueprint("captions", __name__, "captions")
MAX_WAIT_S = 30.0


@captions.post(
    "/datasets/<dataset_id>/claim", responses={200: ClaimedImage, 204: None, 404: Problem}
)
def claim(path: DatasetPath, query: ClaimQuery) -> tuple[Any, int]:
    """Claim the next uncaptioned image for me; 204 when none is left."""
    minutes = app_services().settings.claim_minutes
    with app_services().sessions() as session:
        find_dataset(session, path.dataset_id)
        claimer = Claimer(user().name, query.holder or _own_holder(), minutes)
        image = claim_next(session, path.dataset_id, claimer, query.after)
        return ("", 204) if image is None else (_claimed(session, image), 200)


@captions.post(
    "/images/<int:image_id>/claim", responses={200: ClaimedImage, 404: Problem, 409: Problem}
)
def claim_this(path: ImagePath, query: HolderQuery) -> ClaimedImage:
    """Claim this image for me, or renew my claim."""
    claimer = Claimer(
        user().name, query.holder or _own_holder(), app_services().settings.claim_minutes
    )
    with app_services().sessions() as session:
        return _claimed(session, claim_one(session, path.image_id, claimer))


@captions.post("/images/<int:image_id>/release", responses={204: None})
def release_this(path: ImagePath, query: HolderQuery) -> tuple[str, int]:
    """Give my claim back."""
    with app_services().sessions() as session:
        release(session, path.image_id, user().name, query.holder or _own_holder())
    return "", 204


@captions.put(
    "/images/<int:image_id>/caption",
    responses={200: SavedCaption, 202: QueuedCaption, 400: Problem, 404: Problem, 409: Problem},
)
def put_caption(path: ImagePath, body: NewCaption) -> tuple[SavedCaption | QueuedCaption, int]:
    """Save a caption: queued, or written when the header `Prefer: wait=N` (seconds) is there."""
    text = None if body.text is None else normalise_caption(body.text)
    require_image(path.image_id)
    save = {**body.model_dump(), "text": text, "image_id": path.image_id, "author": user().name}
    wait_s = wait_preference(request.headers.get("Prefer", ""))
    answer = app_services().saves.save(save, wait_s)
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
    "/datasets/<dataset_id>/captions", responses={202: JobAnswer, 400: Problem, 413: Problem}
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


def _own_holder() -> str:
    """Who holds a claim when no browser tab is named: the token or session of this request."""
    return f"token:{token().id}"


def _claimed(session: Session, image: Image) -> ClaimedImage:
    shown = answer_image(session, image)
    return ClaimedImage(**dict(shown), lease_expires_at=image.claim_until)
