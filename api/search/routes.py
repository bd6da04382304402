"""Search and the map."""

from __future__ import annotations

import base64
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.answer import Problem
from api.capability import make_blueprint
from api.datasets.facts import find_dataset
from api.datasets.schemas import DatasetPath
from api.images.answers import file_url, thumb_url
from api.images.multipart import receive_bytes
from api.models.registry import resolve_model
from api.people.identity import user
from api.request import Upload
from api.search.indexes import newest_index
from api.search.schemas import Hit, ImageSearchQuery, MapAnswer, MapQuery, SearchAnswer, SearchQuery
from api.search.worker import ask_search_worker, has_search_worker, model_loading
from api.services import Services, app_services
from common.captions.heads import first_texts
from common.db.tables import Image, SearchIndex
from common.errors import InvalidInput, NoIndex, NotFound, SearchUnavailable, error_from_dict

search = make_blueprint("search", __name__, "search")
ANSWER_S = 60.0  # the first search with a model loads it
LOADED_IN_S = 10  # when it is worth trying again
MAX_IMAGE_MIB = 20  # it travels inside a message


@search.get(
    "/datasets/<dataset_id>/search",
    responses={200: SearchAnswer, 400: Problem, 404: Problem, 409: Problem, 503: Problem},
)
def search_text(path: DatasetPath, query: SearchQuery) -> SearchAnswer:
    """Images that fit a text (`q`), or that are like one of the dataset (`like`)."""
    if (query.like is None) == (not (query.q or "").strip()):
        raise InvalidInput("q or like: one of them is needed", remedy="Type what to look for.")
    wanted = {"like": query.like} if query.like is not None else {"q": str(query.q).strip()}
    return _search(path.dataset_id, query.model, query.k, wanted)


@search.post(
    "/datasets/<dataset_id>/search",
    responses={200: SearchAnswer, 400: Problem, 404: Problem, 409: Problem, 503: Problem},
)
def search_image(path: DatasetPath, query: ImageSearchQuery, raw: Upload) -> SearchAnswer:
    """Images that are like the one sent (multipart `image`)."""
    data = receive_bytes(app_services(), raw, "image", MAX_IMAGE_MIB)
    wanted = {"image_b64": base64.b64encode(data).decode()}
    return _search(path.dataset_id, query.model, query.k, wanted)


@search.get("/datasets/<dataset_id>/map", responses={200: MapAnswer, 404: Problem})
def get_map(path: DatasetPath, query: MapQuery) -> MapAnswer:
    """Every image as a point, like ones together."""
    with app_services().readers() as session:
        find_dataset(session, path.dataset_id)
        index = newest_index(session, path.dataset_id)
        model_id = resolve_model(session, query.model) if query.model else index and index.model_id
    if not model_id:
        raise NotFound(
            "There is no map, since there is no index.", remedy="Build the index, then the map."
        )
    key = f"maps/{path.dataset_id}/{model_id.replace('/', '_')}.json"
    try:
        return MapAnswer.model_validate_json(app_services().store.get_bytes(key))
    except NotFound as absent:
        raise NotFound(f"There is no map by {model_id} yet.", remedy="Build the map.") from absent


def _search(dataset_id: str, model: str | None, k: int, wanted: dict[str, Any]) -> SearchAnswer:
    """Ask the search worker and wait. Raises NotFound, NoIndex, InvalidInput, SearchUnavailable."""
    model_id = _indexed_model(app_services(), dataset_id, model)
    if not has_search_worker(app_services()):
        app_services().queue.ping()  # raises if it is Redis that is away
        raise SearchUnavailable(
            "No search worker is there.",
            remedy="Start one; the workers page shows which are there.",
        )
    request = {"dataset_id": dataset_id, "model_id": model_id, "k": k, **wanted}
    with app_services().searches.place(user().name, "searches"):
        answer = ask_search_worker(app_services(), request, ANSWER_S)
    if answer is None:
        raise _no_answer(model_loading(app_services()))
    if "error" in answer:
        raise error_from_dict(answer["error"])
    return SearchAnswer(**answer | {"hits": _with_images(app_services(), answer["hits"])})


def _no_answer(loading: str | None) -> SearchUnavailable:
    """Why there was none in time. loading: the model that is being loaded."""
    details = {"retry_after_s": LOADED_IN_S}
    if loading is not None:
        return SearchUnavailable(
            f"The model {loading} is being loaded.",
            remedy="A large model takes long the first time: search again in a moment.",
            details=details,
        )
    return SearchUnavailable(
        f"The search worker did not answer in {ANSWER_S:.0f} s.",
        remedy="Search again in a moment; the workers page shows what it does.",
        details=details,
    )


def _indexed_model(services: Services, dataset_id: str, model: str | None) -> str:
    """The model that was named, else the dataset's own choice, else the one indexed last."""
    with services.readers() as session:
        dataset = find_dataset(session, dataset_id)
        if model is not None:
            model_id = resolve_model(session, model)
            if not _is_indexed(session, dataset_id, model_id):
                raise NoIndex(f"'{dataset.name}' has no index by {model_id}.")
            return model_id
        chosen = dataset.model_id
        if chosen is not None and _is_indexed(session, dataset_id, chosen):
            return chosen
        newest = newest_index(session, dataset_id)
        if newest is None:
            raise NoIndex(
                f"'{dataset.name}' has no index.",
                remedy="Train a model or choose one, then build the index with it.",
            )
        return newest.model_id


def _is_indexed(session: Session, dataset_id: str, model_id: str) -> bool:
    return (
        session.scalar(
            select(SearchIndex.id).where(
                SearchIndex.dataset_id == dataset_id, SearchIndex.model_id == model_id
            )
        )
        is not None
    )


def _with_images(services: Services, hits: list[dict[str, Any]]) -> list[Hit]:
    """The hits with their images; what was deleted meanwhile is left out."""
    ids = [hit["image_id"] for hit in hits]
    with services.readers() as session:
        rows = {
            image.id: image for image in session.scalars(select(Image).where(Image.id.in_(ids)))
        }
        texts = first_texts(session, ids)
    return [
        _hit(rows[hit["image_id"]], texts.get(hit["image_id"]), hit["score"])
        for hit in hits
        if hit["image_id"] in rows
    ]


def _hit(image: Image, caption: str | None, score: float) -> Hit:
    urls = {"thumb_url": thumb_url(image), "url": file_url(image)}
    return Hit.of(image, image_id=image.id, caption=caption, score=score, **urls)
