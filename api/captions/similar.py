"""Captions of the images that are most like one, from the dataset's newest index."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from api.captions.schemas import SuggestionOut, SuggestionState
from api.search.indexes import newest_index
from api.search.worker import ask_search_worker, has_search_worker
from api.services import Services
from common.db.tables import Caption, Image
from common.errors import QueueUnavailable

SIMILAR = "similar images"
WAIT_S = 3.0
TURN_S = 0.5  # how long to wait for others who ask
LOOK_AT = 200  # images; many of the nearest may have no caption yet
SHOWN = 5  # images to show with a caption that many have


@dataclass(frozen=True)
class Found:
    """Suggestions, best first; when there are none, `state` and `message` say why."""

    state: SuggestionState
    message: str = ""
    items: list[SuggestionOut] = field(default_factory=list)


def nearest_captions(services: Services, image: Image, without: set[str], limit: int) -> Found:
    """The captions of similar images, each text once. without: texts in small letters, left out.

    Never raises for what is missing: no index, no worker, no answer within WAIT_S.
    """
    with services.readers() as session:
        index = newest_index(session, image.dataset_id)
    if index is None:
        return Found("no_index", "Build an index: then captions of similar images come here.")
    if not has_search_worker(services):
        return Found("no_worker", "No search worker is there to find similar images.")
    request = {
        "dataset_id": image.dataset_id, "model_id": index.model_id, "k": LOOK_AT,
        "like": image.id, "only_indexed": True,
    }  # fmt: skip
    answer = _ask(services, request)
    if answer is None:
        return Found("busy", "The search worker is busy: ask again in a moment.")
    if "error" in answer:
        message = f"{answer['error']['message']} {answer['error']['remedy']}".strip()
        is_new = answer["error"]["code"] == "not_found"
        return Found("not_indexed" if is_new else "failed", message)
    return Found("ready", items=_captions(services, answer["hits"], without, limit))


def _ask(services: Services, request: dict[str, Any]) -> dict[str, Any] | None:
    if not services.suggesting.acquire(timeout=TURN_S):
        return None
    try:
        return ask_search_worker(services, request, WAIT_S)
    except QueueUnavailable:
        return None
    finally:
        services.suggesting.release()


def _captions(
    services: Services, hits: list[dict[str, Any]], without: set[str], limit: int
) -> list[SuggestionOut]:
    texts = _texts(services, [hit["image_id"] for hit in hits])
    found: dict[str, SuggestionOut] = {}
    for hit in hits:  # the nearest first
        for text in texts.get(hit["image_id"], []):
            same = text.casefold()
            if same in found:
                _add(found[same].image_ids, hit["image_id"])
            elif same not in without and len(found) < limit:
                found[same] = SuggestionOut(
                    text=text, source=SIMILAR, score=hit["score"], image_ids=[hit["image_id"]]
                )
    return list(found.values())


def _add(image_ids: list[int], image_id: int) -> None:
    if image_id not in image_ids and len(image_ids) < SHOWN:
        image_ids.append(image_id)


def _texts(services: Services, image_ids: list[int]) -> dict[int, list[str]]:
    """The captions of images, by slot."""
    found: dict[int, list[str]] = {}
    with services.readers() as session:
        rows = session.execute(
            select(Caption.image_id, Caption.text)
            .where(Caption.image_id.in_(image_ids), Caption.text.is_not(None))
            .order_by(Caption.image_id, Caption.slot)
        )
        for image_id, text in rows:
            found.setdefault(image_id, []).append(str(text))
    return found
