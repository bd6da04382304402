"""Deleting images: into the trash, or at once where nothing is kept."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete
from sqlalchemy.orm import Session

from api.jobs.submission import dispatch
from api.people.audited import note_details
from api.people.identity import user
from api.services import Services
from common.datasets.changes import touch_images
from common.db.tables import Image, Job
from common.images.files import file_name
from common.trash.images import trash_images
from common.trash.removal import plan_clean_up

NAMED = 20  # file names in the audit log


def delete_chosen(
    services: Services, dataset_id: str, image_ids: Sequence[int], batch: str | None = None
) -> tuple[int, str | None]:
    """Delete those of these images that are in a dataset: (how many, by what they are brought back).

    batch: of an earlier part of the same deletion.
    """
    by = user().name
    if services.settings.keep_trash_days:
        moved = trash_images(services.sessions, dataset_id, image_ids, by, batch)
        count, key, names = moved.images, moved.batch if moved.images else None, moved.names
    else:
        with services.sessions() as session:
            names, job = _remove(session, dataset_id, image_ids, by)
        count, key = len(names), None
        if job is not None:
            dispatch(services, job)
    note_details(images=count, names=names[:NAMED], batch=key)
    if count:
        services.events.dataset(dataset_id)
    return count, key


def _remove(
    session: Session, dataset_id: str, image_ids: Sequence[int], by: str
) -> tuple[list[str], Job | None]:
    mine = (Image.dataset_id == dataset_id, Image.id.in_(image_ids))
    gone = session.execute(
        delete(Image).where(*mine).returning(Image.sha256, Image.ext, Image.filename)
    ).all()
    if not gone:
        return [], None
    touch_images(session, dataset_id)
    files = [file_name(row) for row in gone]
    return [row.filename for row in gone], plan_clean_up(session, by, dataset_id, images=files)
