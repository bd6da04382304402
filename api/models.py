"""The registry of models: look, rename, download, delete."""

from __future__ import annotations

from functools import partial
from typing import Any

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from sqlalchemy import delete, func, select

from api.answers import IndexList, ModelList, ModelOut, Problem
from api.dataset_facts import find_dataset
from api.parts import parts
from api.registry import find_own, get_model, list_models
from api.schemas import DatasetPath, ForceQuery, ModelChange, ModelPath
from api.shapes import PREFIX, iso
from api.zipstream import Entry, zip_stream
from common.errors import Conflict, NotFound
from common.schema import Image, Model, SearchIndex

models = APIBlueprint("models", __name__, url_prefix=PREFIX, abp_tags=[Tag(name="models")])
COMPRESSED = (".json", ".jsonl", ".md", ".txt", ".log")


@models.get("/models", responses={200: ModelList})
def list_all() -> dict[str, Any]:
    """Fine-tuned models, newest first, then the catalogue."""
    with parts().readers() as session:
        return {"items": list_models(session, parts().settings.weights_dir), "next_cursor": None}


@models.get("/models/<path:model_id>", responses={200: ModelOut, 404: Problem})
def get_one(path: ModelPath) -> dict[str, Any]:
    """One model, by its id."""
    with parts().readers() as session:
        return get_model(session, path.model_id, parts().settings.weights_dir)


@models.get("/models/<path:model_id>/download", responses={404: Problem})
def download(path: ModelPath) -> Response:
    """A fine-tuned model's folder as a zip; `local-dir:<folder>` loads it with open_clip."""
    with parts().readers() as session:
        folder = _folder(find_own(session, path.model_id))
    store = parts().store
    stored = list(store.list(folder))
    if not stored:
        raise NotFound(f"The files of {path.model_id} are missing in the store.")
    name = folder.rsplit("/", 1)[-1]
    entries = (
        Entry(
            f"{name}/{item.key[len(folder) + 1 :]}",
            partial(store.open, item.key),
            _is_text(item.key),
        )
        for item in stored
    )
    headers = {"Content-Disposition": f'attachment; filename="{name}.zip"'}
    return Response(zip_stream(entries), content_type="application/zip", headers=headers)


@models.patch("/models/<path:model_id>", responses={200: ModelOut, 404: Problem})
def change(path: ModelPath, body: ModelChange) -> dict[str, Any]:
    """Another name or note for a fine-tuned model; its id and folder stay."""
    with parts().sessions() as session:
        model = find_own(session, path.model_id)
        model.name = body.name if body.name is not None else model.name
        model.note = body.note if body.note is not None else model.note
        session.flush()
        return get_model(session, path.model_id, parts().settings.weights_dir)


@models.delete("/models/<path:model_id>", responses={204: None, 404: Problem, 409: Problem})
def remove(path: ModelPath, query: ForceQuery) -> tuple[str, int]:
    """Delete a fine-tuned model, its folder and its indexes. `force=1` when an index uses it."""
    with parts().sessions() as session:
        folder = _folder(find_own(session, path.model_id))
        uses = session.scalars(
            select(SearchIndex).where(SearchIndex.model_id == path.model_id)
        ).all()
        datasets = sorted({index.dataset_id for index in uses})
        if uses and not query.force:
            raise Conflict(
                f"{path.model_id} is what {', '.join(datasets)} is searched with.",
                remedy="Delete it with force=1: its indexes go with it, the images and captions stay.",
                details={"datasets": datasets},
            )
        prefixes = [index.prefix.rstrip("/") for index in uses]
        session.execute(delete(SearchIndex).where(SearchIndex.model_id == path.model_id))
        session.execute(delete(Model).where(Model.id == path.model_id))
    for prefix in [folder, *prefixes]:
        parts().store.delete_prefix(prefix)
    for dataset_id in datasets:
        parts().events.dataset(dataset_id)
    return "", 204


@models.get("/datasets/<dataset_id>/indexes", responses={200: IndexList, 404: Problem})
def list_indexes(path: DatasetPath) -> dict[str, Any]:
    """A dataset's indexes, newest first; stale when images were added since."""
    with parts().readers() as session:
        find_dataset(session, path.dataset_id)
        newest_image = session.scalar(
            select(func.max(Image.created_at)).where(Image.dataset_id == path.dataset_id)
        )
        rows = session.execute(
            select(SearchIndex, Model.name)
            .outerjoin(Model, Model.id == SearchIndex.model_id)
            .where(SearchIndex.dataset_id == path.dataset_id)
            .order_by(SearchIndex.created_at.desc(), SearchIndex.id.desc())
        ).all()
    items = [
        {
            "model_id": index.model_id,
            "model_name": name or index.model_id,
            "images": index.images,
            "dim": index.dim,
            "created_at": iso(index.created_at),
            "stale": newest_image is not None and newest_image > index.created_at,
            "job_id": index.job_id,
        }
        for index, name in rows
    ]
    return {"items": items, "next_cursor": None}


def _folder(model: Model) -> str:
    """The key prefix of a model's files."""
    return f"models_finetuned/{model.folder.rstrip('/').rsplit('/', 1)[-1]}"


def _is_text(key: str) -> bool:
    return key.endswith(COMPRESSED)
