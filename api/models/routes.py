"""The registry of models: look, name and tag, bring in, blend, download, delete."""

from __future__ import annotations

from functools import partial

from flask import Response, request
from sqlalchemy import func, select

from api.answer import Problem
from api.capability import file_of, make_blueprint
from api.datasets.facts import find_dataset
from api.datasets.schemas import DatasetPath
from api.datasets.zipstream import Entry, zip_stream
from api.errors import read_body, read_texts
from api.images.multipart import store_uploads
from api.images.whole_uploads import take_whole
from api.jobs.schemas import JobAnswer, JobOut
from api.jobs.submission import submit
from api.models.deletion import delete_model
from api.models.needs import read_needs, require_base
from api.models.registry import find_own, get_model, list_models
from api.models.schemas import (
    ForceQuery,
    IndexList,
    IndexOut,
    ModelChange,
    ModelList,
    ModelOut,
    ModelPath,
    ModelQuery,
    NewBlend,
    NewModelQuery,
    WholeModel,
)
from api.people.audited import note_details
from api.people.identity import user
from api.request import ImageUpload
from api.services import app_services
from api.trash.confirmation import require_confirmed
from common.db.tables import Dataset, Image, Model, SearchIndex
from common.errors import InvalidInput, NotFound
from common.trash.models import folder_of

models = make_blueprint("models", __name__, "models")
COMPRESSED = (".json", ".jsonl", ".md", ".txt", ".log")


@models.get("/models", responses={200: ModelList})
def list_all(query: ModelQuery) -> ModelList:
    """Models of one's own, newest first, then the catalogue. With `tag` only those that have it."""
    with app_services().readers() as session:
        items = list_models(session, app_services().settings.weights_dir, query.tag, query.q)
    return ModelList(items=items)


@models.get("/models/<path:model_id>", responses={200: ModelOut, 404: Problem})
def get_one(path: ModelPath) -> ModelOut:
    """One model, by its id."""
    with app_services().readers() as session:
        return get_model(session, path.model_id, app_services().settings.weights_dir)


@models.get(
    "/models/<path:model_id>/download",
    responses={200: file_of("application/zip"), 404: Problem},
)
def download(path: ModelPath) -> Response:
    """A fine-tuned model's folder as a zip; `local-dir:<folder>` loads it with open_clip."""
    with app_services().readers() as session:
        folder = folder_of(find_own(session, path.model_id))
    store = app_services().store
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
def change(path: ModelPath, body: ModelChange) -> ModelOut:
    """Another name, note or other tags for a model of one's own; its id and folder stay."""
    with app_services().sessions() as session:
        model = find_own(session, path.model_id)
        note_details(**body.model_dump(exclude_none=True))
        for name, value in body.model_dump(exclude_none=True).items():
            setattr(model, name, value)
        session.flush()
        return get_model(session, path.model_id, app_services().settings.weights_dir)


@models.post("/models", responses={202: JobAnswer, 404: Problem, 409: Problem, 507: Problem})
def bring_in(query: NewModelQuery, raw: ImageUpload) -> tuple[JobAnswer, int]:
    """Bring in a model folder: multipart `file` (a zip) and `name`, or JSON `{"upload": id, "name"}`.

    The job looks whether it loads and registers it.
    """
    if request.is_json:
        body = read_body(WholeModel)
        job = take_whole(app_services(), [body.upload], partial(_import, name=body.name))
        return JobAnswer(job=job), 202
    texts = {"name": ""}
    stored = store_uploads(app_services(), raw, "file", texts)
    try:
        name = query.name or read_texts(NewModelQuery, {"name": texts["name"] or None}).name
        return JobAnswer(job=_import(stored, name)), 202
    except InvalidInput:
        app_services().store.delete_prefix(stored[0]["key"].rsplit("/", 2)[0])
        raise


def _import(stored: list[dict[str, str]], name: str | None) -> JobOut:
    if len(stored) != 1:
        raise InvalidInput(
            f"{len(stored)} files were sent; a model is one zip of its folder.",
            remedy="Send them one after the other.",
        )
    params = {"upload_key": stored[0]["key"], **({"name": name} if name else {})}
    return submit(app_services(), "import_model", params, dataset_id=None, created_by=user().name)


@models.post(
    "/models/<path:model_id>/blend",
    responses={202: JobAnswer, 400: Problem, 404: Problem, 409: Problem},
)
def blend(path: ModelPath, body: NewBlend) -> tuple[JobAnswer, int]:
    """Register the weights between a tuned model (alpha 1) and what it began with (alpha 0)."""
    with app_services().readers() as session:
        model = find_own(session, path.model_id)
        require_base(session, model)
        dataset_id = model.dataset_id
        if dataset_id is not None and session.get(Dataset, dataset_id) is None:
            dataset_id = None
    params = {"model": path.model_id, **body.model_dump(exclude_none=True)}
    job = submit(app_services(), "blend", params, dataset_id=dataset_id, created_by=user().name)
    return JobAnswer(job=job), 202


@models.delete(
    "/models/<path:model_id>", responses={204: None, 400: Problem, 404: Problem, 409: Problem}
)
def remove(path: ModelPath, query: ForceQuery) -> tuple[str, int]:
    """Delete a model of one's own with its indexes; it can be brought back from the trash.

    `force=1` when something uses it; in a browser `confirm` then says its name. Refused while a dataset that one
    does not manage is searched with it.
    """
    with app_services().readers() as session:
        model = find_own(session, path.model_id)
        needs = read_needs(session, path.model_id)
    needs.require_let_go(path.model_id)
    if needs and not query.force:
        raise needs.refusal(path.model_id)
    if needs or query.confirm is not None:
        what = f"Deleting the model '{model.name}', which is in use,"
        require_confirmed(model.name, query.confirm, what)
    delete_model(app_services(), model, needs)
    return "", 204


@models.get("/datasets/<dataset_id>/indexes", responses={200: IndexList, 404: Problem})
def list_indexes(path: DatasetPath) -> IndexList:
    """A dataset's indexes, newest first; stale when images were added since."""
    with app_services().readers() as session:
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
        IndexOut.of(
            index,
            model_name=name or index.model_id,
            stale=newest_image is not None and newest_image > index.created_at,
        )
        for index, name in rows
    ]
    return IndexList(items=items)


def _is_text(key: str) -> bool:
    return key.endswith(COMPRESSED)
