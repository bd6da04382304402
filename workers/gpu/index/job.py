"""The index job: embeddings of every image by one model, and the FAISS index over them."""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import delete, select

from common.db.tables import Image, SearchIndex, now
from common.errors import InvalidInput, NotFound, QueueUnavailable
from common.messaging.broker import SEARCH, SEARCH_QUERY
from common.models.registry import newest_model
from common.trash.removal import remove_folders
from workers.gpu.data.fetching import fetch_images
from workers.gpu.data.skipped import say_skipped
from workers.models.source import model_folder
from workers.runtime.child import run_child
from workers.runtime.job_context import JobContext

CHILD = "workers.gpu.index.child"
BATCH_SIZE = 32


def index_dataset(ctx: JobContext) -> dict[str, Any]:
    """Build `indexes/<dataset>/<model>/<job>/`, then point the dataset's index at it.

    params: model (left out: the newest trained on this dataset). A search that runs meanwhile goes on with the index before; its files are removed
    only after the pointer has moved. Raises InvalidInput without images, NotFound for the model.
    """
    began = time.monotonic()
    dataset_id = str(ctx.job.dataset_id)
    model_id = str(ctx.job.params.get("model") or _newest_model(ctx, dataset_id))
    source = model_folder(ctx.services, model_id)
    with ctx.reader() as session:
        images = session.scalars(
            select(Image).where(Image.dataset_id == dataset_id).order_by(Image.id)
        ).all()
    if not images:
        raise InvalidInput("This dataset has no images.", remedy="Upload images first.")
    names = {image.id: f"images/{image.sha256}.{image.ext}" for image in images}
    files = fetch_images(ctx, dataset_id, names.values())
    folder = ctx.work_dir / "index"
    result = run_child(
        ctx,
        CHILD,
        {
            "model": source.to_dict(),
            "images": [{"image_id": key, "path": str(files[name])} for key, name in names.items()],
            "folder": str(folder),
            "device": ctx.settings.device,
            "batch_size": BATCH_SIZE,
            "meta": {"dataset_id": dataset_id, "model_id": model_id, "job_id": ctx.job.id},
        },
    )
    _name_skipped(ctx, result, {image.id: image.filename for image in images})
    prefix = f"indexes/{dataset_id}/{model_id.replace('/', '_')}/{ctx.job.id}"
    ctx.store.delete_prefix(prefix + "/")
    ctx.store.put_folder(prefix, folder)
    old = _point_at(ctx, dataset_id, model_id, prefix, result)
    if old is not None and old != prefix:
        remove_folders(ctx.session, ctx.store, [old.rstrip("/")], ctx.job.created_by)
    _warm_search(ctx, dataset_id, model_id)
    took_s = round(time.monotonic() - began, 2)
    return {"model_id": model_id, **result, "took_s": took_s}


def _name_skipped(ctx: JobContext, result: dict[str, Any], names: dict[int, str]) -> None:
    """Give what was left out the names that people know, and tell them."""
    skipped = [{**each, "name": names[each["image_id"]]} for each in result["skipped"]]
    result["skipped"] = skipped
    if skipped:
        ctx.note(say_skipped(skipped, result["skipped_count"], "are not in the index"))


def _newest_model(ctx: JobContext, dataset_id: str) -> str:
    """The model of the training that this job followed. Raises NotFound when it is gone."""
    with ctx.reader() as session:
        newest = newest_model(session, dataset_id)
    if newest is None:
        raise NotFound(
            "No model was trained on this dataset.", remedy="Name a model to index with."
        )
    return newest


def _warm_search(ctx: JobContext, dataset_id: str, model_id: str) -> None:
    """Let a search worker load the model and the index now, not with somebody's first query."""
    query = {"dataset_id": dataset_id, "model_id": model_id, "q": "a photo", "k": 1}
    try:
        ctx.services.queue.send(
            SEARCH_QUERY, [{**query, "reply": f"warm:{ctx.job.id}"}], SEARCH, priority=9
        )
    except QueueUnavailable:
        ctx.log("The search workers could not be told to load the model.")


def _point_at(
    ctx: JobContext, dataset_id: str, model_id: str, prefix: str, result: dict[str, Any]
) -> str | None:
    """Swap the pointer in one transaction; the prefix it had before."""
    mine = (SearchIndex.dataset_id == dataset_id, SearchIndex.model_id == model_id)
    with ctx.session() as session:
        ctx.check_stop()
        old = session.scalar(select(SearchIndex.prefix).where(*mine))
        session.execute(delete(SearchIndex).where(*mine))
        if session.scalar(select(Image.id).where(Image.dataset_id == dataset_id).limit(1)) is None:
            raise NotFound(f"The dataset {dataset_id} was deleted meanwhile.")
        session.add(
            SearchIndex(
                dataset_id=dataset_id,
                model_id=model_id,
                prefix=prefix,
                images=result["images"],
                dim=result["dim"],
                job_id=ctx.job.id,
                created_at=now(),
            )
        )
    return old
