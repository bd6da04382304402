"""Suggested captions: stored ones, captions of similar images by a real search worker, dismissing."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import select

from api.captions import similar as nearest
from common.db.tables import Image, SearchIndex, Suggestion
from tests.api.conftest import Caller, Service
from tests.captions import put_caption
from tests.workers import search_data
from workers.runtime.services import open_services

UNTRAINED = "clip-browser-small/untrained"


def suggested(call: Caller, image_id: int, limit: int = 5) -> Any:
    return call("GET", f"/images/{image_id}/suggestions?limit={limit}")


def texts(call: Caller, image_id: int) -> list[str]:
    return [item["text"] for item in suggested(call, image_id)["items"]]


def propose(call: Caller, dataset: str, *items: dict[str, Any], expect: int = 201) -> Any:
    full = [{"source": "blip", **item} for item in items]
    return call("POST", f"/datasets/{dataset}/suggestions", expect, json={"items": full})


def dismiss(call: Caller, image_id: int, text: str, expect: int = 204, **more: Any) -> Any:
    body = {"text": text, **more}
    return call("POST", f"/images/{image_id}/suggestions/dismiss", expect, json=body)


# -- stored


def test_stored_suggestions_come_best_first_with_their_source(
    any_service: Service, call_any: Caller
) -> None:
    dataset = call_any.dataset()
    ids = any_service.add_images(dataset, 2)
    answer = propose(
        call_any, dataset,
        {"image_id": ids[0], "text": "without a score"},
        {"image_id": ids[0], "text": " a good\tone ", "score": 0.9, "source": "llava"},
        {"image_id": ids[0], "text": "a poor one", "score": 0},
        {"image_id": ids[1], "text": "elsewhere"},
    )  # fmt: skip
    assert answer == {"stored": 4, "skipped": []}
    found = suggested(call_any, ids[0])
    assert found["items"] == [
        {"text": "a good one", "source": "llava", "score": 0.9, "image_ids": []},
        {"text": "a poor one", "source": "blip", "score": 0.0, "image_ids": []},
        {"text": "without a score", "source": "blip", "score": None, "image_ids": []},
    ]
    assert found["state"] == "no_index"
    assert "index" in found["message"]
    few = suggested(call_any, ids[0], limit=2)
    assert (len(few["items"]), few["state"], few["message"]) == (2, "ready", "")
    listed = call_any("GET", f"/datasets/{dataset}/images?has=suggestion")["items"]
    assert [item["id"] for item in listed] == ids


def test_a_text_proposed_again_is_one_suggestion(any_service: Service, call_any: Caller) -> None:
    dataset = call_any.dataset()
    [image_id] = any_service.add_images(dataset, 1)
    first = {"image_id": image_id, "text": "a cat", "score": 0.1}
    propose(call_any, dataset, first, first)
    propose(call_any, dataset, first | {"score": 0.7, "source": "llava"})
    [item] = suggested(call_any, image_id)["items"]
    assert (item["score"], item["source"]) == (0.7, "llava")


def test_scripts_that_propose_the_same_at_once_do_not_collide(
    any_service: Service, call_any: Caller
) -> None:
    dataset = call_any.dataset()
    ids = any_service.add_images(dataset, 5)
    items = [{"image_id": image_id, "text": "a cat"} for image_id in ids]
    people = [any_service.person(f"p{number}") for number in range(6)]
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda each: propose(each, dataset, *items), people))
    assert {answer["stored"] for answer in answers} == {5}
    assert len(suggested(call_any, ids[0])["items"]) == 1


def test_long_texts_of_any_script_are_stored(any_service: Service, call_any: Caller) -> None:
    dataset = call_any.dataset()
    [image_id] = any_service.add_images(dataset, 1)
    long = "".join(chr(0x4E00 + number * 7 % 20_000) for number in range(2000))
    propose(call_any, dataset, {"image_id": image_id, "text": long})
    assert texts(call_any, image_id) == [long]


def test_a_suggestion_that_was_taken_is_no_longer_shown(
    any_service: Service, call_any: Caller
) -> None:
    dataset = call_any.dataset()
    ids = any_service.add_images(dataset, 2)
    for image_id in ids:
        for text in ("A cat", "a dog"):
            propose(call_any, dataset, {"image_id": image_id, "text": text})
    any_service.save(ids[0], "a cat")
    any_service.save(ids[0], "A dog", slot=1)
    any_service.save(ids[1], "something else")
    assert texts(call_any, ids[0]) == []
    assert len(texts(call_any, ids[1])) == 2
    assert call_any("GET", f"/images/{ids[0]}")["caption"] == "a cat"


def test_images_that_are_elsewhere_or_gone_are_left_out_with_a_reason(
    any_service: Service, call_any: Caller
) -> None:
    dataset = call_any.dataset()
    ids = any_service.add_images(dataset, 2)
    [other] = any_service.add_images(call_any.dataset("Dogs"), 1)
    call_any("DELETE", f"/images/{ids[1]}", 204)
    items = [{"image_id": image_id, "text": "x"} for image_id in (ids[0], ids[1], other)]
    answer = propose(call_any, dataset, *items)
    assert answer["stored"] == 1
    assert [each["image_id"] for each in answer["skipped"]] == [ids[1], other]
    assert "in this dataset" in answer["skipped"][0]["reason"]
    assert suggested(call_any, other)["items"] == []


@pytest.mark.parametrize(
    ("item", "field"),
    [
        ({"text": "x" * 10_000}, "items.0.text"), ({"text": ""}, "items.0.text"),
        ({"text": "\u200b\t"}, "items.0.text"), ({"text": None}, "items.0.text"),
        ({"text": 5}, "items.0.text"), ({"source": ""}, "items.0.source"),
        ({"source": "a\nb"}, "items.0.source"), ({"source": "x" * 81}, "items.0.source"),
        ({"score": "0.5"}, "items.0.score"), ({"score": float("nan")}, "NaN is no number"),
        ({"image_id": 0}, "items.0.image_id"), ({"image_id": "1"}, "items.0.image_id"),
        ({"colour": "red"}, "items.0.colour"),
    ],
)  # fmt: skip
def test_a_suggestion_that_is_none_is_refused_with_its_place(
    service: Service, call: Caller, item: dict[str, Any], field: str
) -> None:
    dataset = call.dataset()
    [image_id] = service.add_images(dataset, 1)
    refused = propose(
        call, dataset, {"image_id": image_id, "text": "ok", **item},
        {"image_id": image_id, "text": "a good one"}, expect=400,
    )  # fmt: skip
    assert refused["code"] == "invalid_input"
    assert field in refused["message"]
    assert suggested(call, image_id)["items"] == []


def test_too_many_suggestions_none_and_no_dataset_are_refused(call: Caller) -> None:
    dataset = call.dataset()
    item = {"image_id": 1, "text": "x"}
    assert propose(call, dataset, *([item] * 1001), expect=400)["code"] == "invalid_input"
    assert propose(call, dataset, expect=400)["code"] == "invalid_input"
    assert propose(call, "nobody", item, expect=404)["code"] == "not_found"


# -- dismissing


def test_what_one_person_dismissed_nobody_is_shown_again(
    any_service: Service, call_any: Caller
) -> None:
    dataset = call_any.dataset()
    [image_id] = any_service.add_images(dataset, 1)
    propose(call_any, dataset, {"image_id": image_id, "text": "a cat"})
    dismiss(any_service.person("eve"), image_id, " a cat ")
    assert texts(call_any, image_id) == []
    again = propose(call_any, dataset, {"image_id": image_id, "text": "a cat", "score": 1})
    assert again["stored"] == 0
    assert "eve has dismissed" in again["skipped"][0]["reason"]
    assert call_any("GET", f"/datasets/{dataset}/images?has=suggestion")["total"] == 0
    dismiss(call_any, image_id, "a cat", dismissed=False)
    assert texts(call_any, image_id) == ["a cat"]


def test_a_text_that_is_not_stored_is_dismissed_and_taken_back(
    any_service: Service, call_any: Caller
) -> None:
    [image_id] = any_service.add_images(call_any.dataset(), 1)
    dismiss(call_any, image_id, "a caption of another image")
    dismiss(call_any, image_id, "a caption of another image")
    with any_service.services.readers() as session:
        [row] = session.scalars(select(Suggestion)).all()
    assert (row.source, row.dismissed_by) == ("similar images", "admin")
    dismiss(call_any, image_id, "a caption of another image", dismissed=False)
    dismiss(call_any, image_id, "never seen", dismissed=False)
    assert texts(call_any, image_id) == []


@pytest.mark.parametrize(
    "body", [{}, {"text": ""}, {"text": "x" * 10_000}, {"text": 1}, {"t": "x"}]
)
def test_a_dismissal_that_is_none_is_refused(
    service: Service, call: Caller, body: dict[str, Any]
) -> None:
    [image_id] = service.add_images(call.dataset(), 1)
    path = f"/images/{image_id}/suggestions/dismiss"
    assert call("POST", path, 400, json=body)["code"] == "invalid_input"


def test_a_deleted_image_has_no_suggestions(any_service: Service, call_any: Caller) -> None:
    dataset = call_any.dataset()
    [image_id] = any_service.add_images(dataset, 1)
    propose(call_any, dataset, {"image_id": image_id, "text": "a cat"})
    call_any("DELETE", f"/images/{image_id}", 204)
    assert call_any("GET", f"/images/{image_id}/suggestions", 404)["code"] == "not_found"
    dismiss(call_any, image_id, "a cat", 404)
    with any_service.services.readers() as session:
        assert session.scalars(select(Suggestion)).all() == []


@pytest.mark.parametrize("limit", ["0", "21", "x", "-1"])
def test_a_limit_out_of_range_is_refused(service: Service, call: Caller, limit: str) -> None:
    [image_id] = service.add_images(call.dataset(), 1)
    bad = call("GET", f"/images/{image_id}/suggestions?limit={limit}", 400)
    assert bad["code"] == "invalid_input"


# -- similar images


def index_without_worker(service: Service, call: Caller) -> int:
    """An image of a dataset with an index that nobody can search."""
    dataset = call.dataset()
    [image_id] = service.add_images(dataset, 1)
    with service.services.sessions() as session:
        session.add(
            SearchIndex(dataset_id=dataset, model_id=UNTRAINED, prefix="x", images=1, dim=4)
        )
    propose(call, dataset, {"image_id": image_id, "text": "stored"})
    return image_id


@pytest.mark.timed
def test_without_a_search_worker_the_stored_ones_come_at_once(
    service: Service, call: Caller
) -> None:
    image_id = index_without_worker(service, call)
    began = time.monotonic()
    found = suggested(call, image_id)
    assert time.monotonic() - began < 2
    assert (found["state"], [item["text"] for item in found["items"]]) == ("no_worker", ["stored"])


@pytest.mark.timed
def test_a_worker_that_does_not_answer_holds_nobody_up_for_long(
    service: Service, call: Caller
) -> None:
    image_id = index_without_worker(service, call)
    record = {"name": "search@here", "host": "here", "pid": 1, "queues": ["search"]}
    service.services.queue.redis.set("clip-browser:worker:search@here", json.dumps(record), ex=30)
    callers = [service.person(f"p{number}") for number in range(16)]
    began = time.monotonic()
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda each: suggested(each, image_id), callers))
    assert time.monotonic() - began < nearest.WAIT_S + 2
    assert {answer["state"] for answer in found} == {"busy"}
    assert all(answer["items"][0]["text"] == "stored" for answer in found)


def test_captions_of_the_most_similar_images_are_suggested(
    service: Service,
    call: Caller,
    start_worker: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(nearest, "WAIT_S", 60.0)  # until the model is loaded, on any machine
    services = open_services(service.settings)
    ids = search_data.add_dataset(services, 12)
    search_data.add_index(services, UNTRAINED, UNTRAINED)
    start_worker("search")
    mine, twin, empty = ids[0], ids[1], ids[2]
    with service.services.sessions() as session:
        for image_id, text in ((mine, None), (empty, None), (ids[3], "A Twin"), (twin, "a twin")):
            put_caption(session, session.get_one(Image, image_id), text)
    service.save(twin, "the twin's second", slot=1)
    propose(call, search_data.DATASET, {"image_id": mine, "text": "by a machine"})

    found = suggested(call, mine, limit=20)
    assert found["state"] == "ready"
    first, *similar = found["items"]
    assert first["text"] == "by a machine"
    assert {item["source"] for item in similar} == {"similar images"}
    scores = [item["score"] for item in similar]
    assert scores == sorted(scores, reverse=True)
    by_text = {item["text"].lower(): item for item in similar}
    assert set(by_text["a twin"]["image_ids"]) == {twin, ids[3]}
    assert by_text["the twin's second"]["image_ids"] == [twin]
    assert all({mine, empty}.isdisjoint(item["image_ids"]) for item in similar)
    hits = call("GET", f"/datasets/{search_data.DATASET}/search?like={mine}&k=12")["hits"]
    nearest_first = dict.fromkeys(hit["caption"].lower() for hit in hits if hit["caption"])
    assert [text for text in by_text if text != "the twin's second"] == list(nearest_first)

    dismiss(call, mine, similar[0]["text"])
    assert similar[0]["text"] not in texts(call, mine)
    service.save(mine, similar[1]["text"], base=1)
    assert similar[1]["text"] not in texts(call, mine)

    [late] = service.add_images(search_data.DATASET, 1)
    found = suggested(call, late)
    assert (found["items"], found["state"]) == ([], "not_indexed")
    assert "Build the index again." in found["message"]
