"""Many images at once: which ones fit a filter, and deleting those that were chosen."""

from __future__ import annotations

from typing import Any

from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from sqlalchemy import delete, select

from api.answers import Problem
from api.captions.edit_schemas import ChosenImages, DeletedImages, IdsQuery, ImageIds
from api.datasets.facts import find_dataset
from api.images.filter import count, filtered
from api.schemas import DatasetPath
from api.services import parts
from api.shapes import PREFIX
from common.datasets.changes import touch_dataset
from common.db.tables import Image

selections = APIBlueprint("selections", __name__, url_prefix=PREFIX, abp_tags=[Tag(name="images")])
MAX_LISTED = 200_000


@selections.get("/datasets/<dataset_id>/images/ids", responses={200: ImageIds, 404: Problem})
def list_ids(path: DatasetPath, query: IdsQuery) -> dict[str, Any]:
    """The ids of all images that fit, in order: what a grid needs to lay them out and to choose."""
    with parts().readers() as session:
        find_dataset(session, path.dataset_id)
        fitting = filtered(path.dataset_id, query)
        ids = session.scalars(fitting.with_only_columns(Image.id).limit(MAX_LISTED)).all()
        total = len(ids) if len(ids) < MAX_LISTED else count(session, fitting)
    return {"ids": list(ids), "total": total}


@selections.post(
    "/datasets/<dataset_id>/images/delete",
    responses={200: DeletedImages, 400: Problem, 404: Problem},
)
def delete_images(path: DatasetPath, body: ChosenImages) -> dict[str, Any]:
    """Remove images of a dataset with their captions; ids that are not in it are passed over."""
    with parts().sessions() as session:
        find_dataset(session, path.dataset_id)
        mine = (Image.dataset_id == path.dataset_id, Image.id.in_(body.image_ids))
        gone = session.scalars(select(Image).where(*mine).order_by(Image.id)).all()
        session.execute(delete(Image).where(*mine))
        if gone:
            touch_dataset(session, path.dataset_id)
    for image in gone:
        parts().store.delete(image.key)
        parts().store.delete(image.thumb_key)
    if gone:
        parts().events.dataset(path.dataset_id)
    return {"deleted": len(gone)}
