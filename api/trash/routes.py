"""The trash: what was deleted, who did it and until when it can be brought back."""

from __future__ import annotations

from api.answer import Problem
from api.capability import PREFIX, make_blueprint
from api.people.access import access
from api.people.audited import note_details
from api.services import app_services
from api.trash.listing import read_trash
from api.trash.removal import (
    remove_dataset_now,
    remove_images_now,
    remove_model_now,
    tell_seen,
)
from api.trash.schemas import (
    MAX_SHOWN,
    BatchPath,
    EmptiedOut,
    RestoredOut,
    TakenImage,
    TrashedDatasetPath,
    TrashedModelPath,
    TrashKind,
    TrashOut,
    TrashQuery,
)
from common.trash.datasets import restore_dataset
from common.trash.images import restore_images
from common.trash.models import restore_model

trash = make_blueprint("trash", __name__, "trash", f"{PREFIX}/trash")
MAX_TAKEN = 100


@trash.get("", responses={200: TrashOut})
def list_trash(query: TrashQuery) -> TrashOut:
    """What one may bring back, the newest first, with who deleted it and until when it is kept."""
    services = app_services()
    with services.readers() as session:
        items = read_trash(session, access(), services.settings, query.limit + 1, query.cursor)
    shown = items[: query.limit]
    more = shown[-1].deleted_at.isoformat() if len(items) > query.limit else None
    return TrashOut(items=shown, next_cursor=more, kept_days=services.settings.keep_trash_days)


@trash.post("/datasets/<trashed_dataset_id>/restore", responses={200: RestoredOut, 404: Problem})
def restore_a_dataset(path: TrashedDatasetPath) -> RestoredOut:
    """Bring a dataset back as it was. Its jobs stay stopped; they can be resumed."""
    dataset_id = path.trashed_dataset_id
    with app_services().sessions() as session:
        name = restore_dataset(session, dataset_id).name
    note_details(name=name)
    tell_seen(app_services(), dataset_id)
    return _restored("dataset", dataset_id, dataset_id)


@trash.post("/images/<batch_id>/restore", responses={200: RestoredOut, 404: Problem})
def restore_some_images(path: BatchPath) -> RestoredOut:
    """Bring back images that were deleted at once, with their ids, captions, histories and reviews.

    One whose picture was uploaded again meanwhile stays in the trash, and is told.
    """
    services = app_services()
    restored = restore_images(services.sessions, services.readers, path.batch_id)
    note_details(images=restored.images, left=len(restored.taken))
    services.events.dataset(restored.dataset_id)
    taken = [TakenImage(image_id=each, filename=name) for each, name in restored.taken[:MAX_TAKEN]]
    return RestoredOut(
        kind="images", key=path.batch_id, dataset_id=restored.dataset_id, images=restored.images,
        left=len(restored.taken), taken=taken,
    )  # fmt: skip


@trash.post(
    "/models/<path:trashed_model_id>/restore",
    responses={200: RestoredOut, 404: Problem, 409: Problem},
)
def restore_a_model(path: TrashedModelPath) -> RestoredOut:
    """Bring a model back, with those of its indexes that no newer one stands for."""
    with app_services().sessions() as session:
        indexed = restore_model(session, path.trashed_model_id)
    note_details(datasets=len(indexed))
    for dataset_id in indexed:
        app_services().events.dataset(dataset_id)
    return _restored("model", path.trashed_model_id, None)


@trash.delete("/datasets/<trashed_dataset_id>", responses={204: None, 404: Problem})
def remove_a_dataset(path: TrashedDatasetPath) -> tuple[str, int]:
    """Remove a dataset for good, its files in a job. Models remain."""
    remove_dataset_now(app_services(), path.trashed_dataset_id, from_trash=True)
    return "", 204


@trash.delete("/images/<batch_id>", responses={204: None, 404: Problem})
def remove_some_images(path: BatchPath) -> tuple[str, int]:
    """Remove images that were deleted at once for good, their files in a job."""
    remove_images_now(app_services(), path.batch_id)
    return "", 204


@trash.delete("/models/<path:trashed_model_id>", responses={204: None, 404: Problem})
def remove_a_model(path: TrashedModelPath) -> tuple[str, int]:
    """Remove a model for good, with its folder and the files of its indexes."""
    remove_model_now(app_services(), path.trashed_model_id)
    return "", 204


@trash.delete("", responses={200: EmptiedOut})
def empty_trash() -> EmptiedOut:
    """Remove for good all that one may: of the datasets that one owns; administrators everything."""
    services, removed = app_services(), 0
    remove = {
        "dataset": lambda key: remove_dataset_now(services, key, from_trash=True),
        "images": lambda key: remove_images_now(services, key),
        "model": lambda key: remove_model_now(services, key),
    }
    cursor: str | None = None
    while True:
        with services.readers() as session:
            items = read_trash(session, access(), services.settings, MAX_SHOWN, cursor)
        for item in items:
            if item.may_remove:
                remove[item.kind](item.key)
                removed += 1
        if len(items) < MAX_SHOWN:
            break
        cursor = items[-1].deleted_at.isoformat()
    note_details(removed=removed)
    return EmptiedOut(removed=removed)


def _restored(kind: TrashKind, key: str, dataset_id: str | None) -> RestoredOut:
    return RestoredOut(kind=kind, key=key, dataset_id=dataset_id, images=0, left=0, taken=[])
