"""Many images at once: which ones fit a filter, and deleting those that were chosen."""

from __future__ import annotations

from sqlalchemy import delete, select

from api.answer import Problem
from api.capability import make_blueprint
from api.datasets.facts import find_dataset
from api.datasets.schemas import DatasetPath
from api.images.filter import count, filtered
from api.images.schemas import ChosenImages, DeletedImages, IdsQuery, ImageIds
from api.jobs.clean_up import plan_clean_up
from api.jobs.submission import dispatch
from api.people.identity import user
from api.services import app_services
from common.datasets.changes import touch_images
from common.db.tables import Image

selections = make_blueprint("selections", __name__, "images")
MAX_LISTED = 200_000


@selections.get("/datasets/<dataset_id>/images/ids", responses={200: ImageIds, 404: Problem})
def list_ids(path: DatasetPath, query: IdsQuery) -> ImageIds:
    """The ids of all images that fit, in order: what a grid needs to lay them out and to choose."""
    with app_services().readers() as session:
        find_dataset(session, path.dataset_id)
        fitting = filtered(path.dataset_id, query)
        ids = session.scalars(fitting.with_only_columns(Image.id).limit(MAX_LISTED)).all()
        total = len(ids) if len(ids) < MAX_LISTED else count(session, fitting)
    return ImageIds(ids=list(ids), total=total)


@selections.post(
    "/datasets/<dataset_id>/images/delete",
    responses={200: DeletedImages, 400: Problem, 404: Problem},
)
def delete_images(path: DatasetPath, body: ChosenImages) -> DeletedImages:
    """Remove images of a dataset with their captions, their files in a job; ids that are not in it are passed over."""
    with app_services().sessions() as session:
        find_dataset(session, path.dataset_id)
        mine = (Image.dataset_id == path.dataset_id, Image.id.in_(body.image_ids))
        gone = session.scalars(select(Image).where(*mine).order_by(Image.id)).all()
        session.execute(delete(Image).where(*mine))
        if gone:
            touch_images(session, path.dataset_id)
            job = plan_clean_up(session, user().name, path.dataset_id, images=gone)
    if gone:
        dispatch(app_services(), job)
        app_services().events.dataset(path.dataset_id)
    return DeletedImages(deleted=len(gone))
