"""Files of what is deleted are removed by a job: the rows go first, and the request does not wait."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy.orm import Session

from common.datasets.params import CleanUpParams
from common.db.tables import Image, Job
from common.images.files import file_name
from common.jobs import states


def plan_clean_up(
    session: Session,
    by: str,
    dataset_id: str,
    *,
    images: Iterable[Image] = (),
    folders: Sequence[str] = (),
) -> Job:
    """A job in the transaction that deletes the rows, so that no file is forgotten; the caller sends it.

    It belongs to no dataset: it outlives its own.
    """
    names = [file_name(image) for image in images]
    params = CleanUpParams(dataset_id=dataset_id, images=names, folders=list(folders))
    kind = "remove_dataset" if folders else "remove_images"
    return states.create_job(
        session, kind, dataset_id=None, params=params.model_dump(), created_by=by
    )
