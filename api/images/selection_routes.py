"""Many images at once: which ones fit a filter, and deleting those that were chosen."""

from __future__ import annotations

from api.answer import Problem
from api.capability import make_blueprint
from api.datasets.facts import find_dataset
from api.datasets.schemas import DatasetPath
from api.images.deletion import delete_chosen
from api.images.filter import count, filtered
from api.images.schemas import ChosenImages, DeletedImages, IdsQuery, ImageIds
from api.services import app_services
from api.trash.confirmation import MANY_IMAGES, require_confirmed
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
    """Delete images of a dataset with their captions; they can be brought back from the trash.

    Ids that are not in it are passed over. In a browser `confirm` says the dataset's name where there are more
    than a hundred.
    """
    with app_services().readers() as session:
        name = find_dataset(session, path.dataset_id).name
    if len(body.image_ids) > MANY_IMAGES or body.batch is not None or body.confirm is not None:
        what = f"Deleting more than {MANY_IMAGES} images of '{name}'"
        require_confirmed(name, body.confirm, what)
    deleted, batch = delete_chosen(
        app_services(), path.dataset_id, body.image_ids, batch=body.batch
    )
    return DeletedImages(deleted=deleted, batch=batch)
