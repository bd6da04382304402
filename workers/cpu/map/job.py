"""The map of a dataset: every image as a point in the plane, like ones together, groups named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sqlalchemy import select

from common.captions.heads import first_texts
from common.db.tables import Image, now
from common.errors import InvalidInput
from workers.runtime.child import run_child
from workers.runtime.job_context import JobContext
from workers.search.queries import find_index

CHILD = "workers.cpu.map.child"


def build_map(ctx: JobContext) -> dict[str, Any]:
    """Lay out the embeddings of an index and store the map; `{points, clusters, model}`.

    params: model (left out: the newest index). Raises NoIndex, NotFound.
    """
    dataset_id = ctx.job.dataset_id
    if dataset_id is None:
        raise InvalidInput("A map needs a dataset.")
    row = find_index(ctx.services, dataset_id, ctx.job.params.get("model") or None)
    ctx.report(message="reading the index")
    out = ctx.work_dir / "map.json"
    config = {
        "embeddings": str(_fetched(ctx, f"{row.prefix.rstrip('/')}/embeddings.npy")),
        "ids": str(_fetched(ctx, f"{row.prefix.rstrip('/')}/ids.npy")),
        "captions": str(_write_captions(ctx, dataset_id)),
        "out": str(out),
        "seed": int(ctx.job.params.get("seed") or 0),
    }
    result = run_child(ctx, CHILD, config)
    drawn = json.loads(out.read_text("utf-8"))
    drawn |= {"model": row.model_id, "index_job_id": row.job_id, "created_at": now().isoformat()}
    data = json.dumps(drawn, separators=(",", ":")).encode()
    ctx.store.put_bytes(map_key(dataset_id, row.model_id), data, "application/json")
    return {**result, "model": row.model_id}


def map_key(dataset_id: str, model_id: str) -> str:
    """Where the map of a dataset by a model lies in the store."""
    return f"maps/{dataset_id}/{model_id.replace('/', '_')}.json"


def _fetched(ctx: JobContext, key: str) -> Path:
    here = ctx.store.local_path(key)
    if here is not None:
        return here
    path = ctx.work_dir / key.rsplit("/", 1)[-1]
    ctx.store.get_file(key, path)
    return path


def _write_captions(ctx: JobContext, dataset_id: str) -> Path:
    """The captions of all images still there, `{image id: caption or ""}`, for the child."""
    with ctx.reader() as session:
        wanted = select(Image.id).where(Image.dataset_id == dataset_id)
        texts = dict.fromkeys(session.scalars(wanted), "") | first_texts(session, wanted)
    path = ctx.work_dir / "captions.json"
    path.write_text(json.dumps({str(id_): text for id_, text in texts.items()}), encoding="utf-8")
    return path
