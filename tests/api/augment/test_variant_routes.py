"""Reviewing variants: lists, single decisions, many at once; and tags of images."""

from __future__ import annotations

from typing import Any

import pytest

from common.db.tables import Dataset, Image, Variant
from tests.api.conftest import Caller, Service

RUN = "run2"


@pytest.fixture
def birds(any_service: Service, call_any: Caller) -> str:
    """A dataset with three captioned images and two variants of each: scores 0.1, 0.2 ... 0.6."""
    dataset = call_any.dataset("Birds")
    ids = any_service.add_images(dataset, 3, captioned=3)
    with any_service.services.sessions() as session:
        session.get_one(Dataset, dataset).variants_job_id = RUN
        for number in range(6):
            method = "llm" if number % 2 else "synonyms"
            session.add(variant(dataset, ids[number // 2], number, method=method))
        session.add(variant(dataset, ids[0], 9, job_id="run1"))
    return dataset


def variant(dataset: str, image_id: int, number: int, **more: Any) -> Variant:
    text = f"Caption {number} in other words, ÄPFEL" if number == 3 else f"other words {number}"
    columns = {
        "job_id": RUN, "slot": 0, "source_revision": 1, "source_text": f"caption {number // 2}",
        "proposed": text, "text": text, "method": "llm", "seed": 0,
        "score": (number + 1) / 10, "reasons": ["far"] if number == 0 else [],
        "is_doubted": number == 0, **more,
    }  # fmt: skip
    return Variant(dataset_id=dataset, image_id=image_id, **columns)


def listed(call: Caller, dataset: str, query: str = "") -> Any:
    return call("GET", f"/datasets/{dataset}/variants{query}")


def ids_of(answer: Any) -> list[int]:
    return [item["id"] for item in answer["items"]]


def seq_of(service: Service, dataset: str) -> int:
    with service.services.readers() as session:
        return session.get_one(Dataset, dataset).variants_seq


def decide(call: Caller, dataset: str, expect: int = 200, **body: Any) -> Any:
    return call("POST", f"/datasets/{dataset}/variants/decide", expect, json=body)


def test_variants_are_listed_beside_their_caption_a_page_at_a_time(
    call_any: Caller, birds: str
) -> None:
    first = listed(call_any, birds, "?limit=4")
    assert (len(first["items"]), first["total"], first["scores"]) == (4, 6, [0.1, 0.6])
    assert first["counts"] == {"proposed": 6, "accepted": 0, "edited": 0, "rejected": 0}
    item = first["items"][0]
    assert (item["source_text"], item["text"]) == ("caption 0", "other words 0")
    assert (item["reasons"], item["is_stale"], item["decided_by"]) == (["far"], False, None)
    rest = listed(call_any, birds, f"?limit=4&cursor={first['next_cursor']}")
    assert len(rest["items"]) == 2
    assert rest["next_cursor"] is None
    assert sorted(ids_of(first) + ids_of(rest)) == ids_of(first) + ids_of(rest)


@pytest.mark.parametrize(
    ("query", "found"),
    [("?method=llm", 3), ("?min_score=0.5", 2), ("?max_score=0.5", 4), ("?min_score=0.2&max_score=0.4", 2),
     ("?q=caption 1", 2), ("?q=äpfel", 1), ("?q=OTHER", 6), ("?doubted=true", 1), ("?doubted=false", 5),
     ("?state=rejected", 0), ("?q=100%25", 0)],
)  # fmt: skip
def test_a_filter_finds_what_fits(call_any: Caller, birds: str, query: str, found: int) -> None:
    answer = listed(call_any, birds, query)
    assert (answer["total"], len(answer["items"])) == (found, found)


def test_one_is_accepted_edited_rejected_and_taken_back(
    any_service: Service, call_any: Caller, birds: str
) -> None:
    eve = any_service.person("eve")
    first = ids_of(listed(call_any, birds))[0]
    path = f"/variants/{first}"
    item = eve("PATCH", path, json={"state": "accepted"})
    assert (item["state"], item["decided_by"]) == ("accepted", "eve")
    item = call_any("PATCH", path, json={"text": " a small\tbird "})
    assert (item["state"], item["text"], item["proposed"]) == (
        "edited", "a small bird", "other words 0",
    )  # fmt: skip
    item = call_any("PATCH", path, json={"state": "rejected"})
    assert (item["state"], item["text"]) == ("rejected", "a small bird")
    assert call_any("PATCH", path, json={"state": "accepted"})["state"] == "edited"
    item = call_any("PATCH", path, json={"text": "other words 0"})
    assert item["state"] == "accepted"
    item = call_any("PATCH", path, json={"state": "proposed"})
    assert (item["state"], item["decided_by"], item["text"]) == ("proposed", None, "other words 0")
    assert seq_of(any_service, birds) == 6


@pytest.mark.parametrize(
    "body",
    [{}, {"state": "edited"}, {"state": "lost"}, {"text": ""}, {"text": "caption 0"}, {"text": 5},
     {"text": "x" * 2001}, {"text": "\x00"}, {"state": "accepted", "text": "both"}, {"score": 1}],
)  # fmt: skip
def test_a_change_that_is_none_is_refused(
    any_service: Service, call_any: Caller, birds: str, body: dict[str, Any]
) -> None:
    first = ids_of(listed(call_any, birds))[0]
    assert call_any("PATCH", f"/variants/{first}", 400, json=body)["code"] == "invalid_input"
    assert seq_of(any_service, birds) == 0


def test_all_below_a_score_are_rejected_and_that_is_taken_back(
    any_service: Service, call_any: Caller, birds: str
) -> None:
    ids = ids_of(listed(call_any, birds))
    call_any("PATCH", f"/variants/{ids[1]}", json={"state": "accepted"})
    below = {"state": "proposed", "max_score": 0.4}
    done = decide(call_any, birds, state="rejected", filter=below)
    assert done == {"changed": 2, "ids": [ids[0], ids[2]]}
    counts = listed(call_any, birds)["counts"]
    assert counts == {"proposed": 3, "accepted": 1, "edited": 0, "rejected": 2}
    assert decide(call_any, birds, state="proposed", ids=done["ids"])["changed"] == 2
    assert decide(call_any, birds, state="proposed", ids=done["ids"])["changed"] == 0
    assert listed(call_any, birds)["counts"]["rejected"] == 0
    assert seq_of(any_service, birds) == 3


def test_an_edited_text_stays_when_all_are_accepted(call_any: Caller, birds: str) -> None:
    ids = ids_of(listed(call_any, birds))
    call_any("PATCH", f"/variants/{ids[0]}", json={"text": "mine"})
    call_any("PATCH", f"/variants/{ids[1]}", json={"text": "mine too"})
    call_any("PATCH", f"/variants/{ids[1]}", json={"state": "rejected"})
    assert decide(call_any, birds, state="accepted", filter={})["changed"] == 5
    found = {item["id"]: item for item in listed(call_any, birds)["items"]}
    assert [(found[each]["state"], found[each]["text"]) for each in ids[:2]] == [
        ("edited", "mine"),
        ("edited", "mine too"),
    ]


def test_only_variants_of_the_dataset_that_stand_are_decided_on(
    any_service: Service, call_any: Caller, birds: str
) -> None:
    other = call_any.dataset("Cats")
    ids = ids_of(listed(call_any, birds))
    assert decide(call_any, other, state="rejected", ids=ids)["changed"] == 0
    assert decide(call_any, birds, state="rejected", ids=[*ids, 4711])["changed"] == 6
    assert listed(call_any, other)["total"] == 0


@pytest.mark.parametrize(
    "body",
    [{"state": "rejected"}, {"state": "rejected", "ids": []}, {"state": "edited", "ids": [1]},
     {"state": "rejected", "ids": [1], "filter": {}}, {"state": "rejected", "filter": {"score": 1}},
     {"state": "rejected", "filter": {"max_score": 7}}, {"state": "rejected", "filter": {"q": "\ud800"}},
     {"state": "rejected", "ids": ["1"]}, {"filter": {}}],
)  # fmt: skip
def test_a_decision_that_is_none_is_refused(
    call_any: Caller, birds: str, body: dict[str, Any]
) -> None:
    assert decide(call_any, birds, 400, **body)["code"] == "invalid_input"


def test_a_variant_whose_caption_has_changed_since_is_shown_as_stale(
    any_service: Service, call_any: Caller, birds: str
) -> None:
    item = listed(call_any, birds)["items"][0]
    any_service.save(item["image_id"], "a new caption", base=1)
    found = listed(call_any, birds)["items"]
    assert [one["is_stale"] for one in found] == [True, True, False, False, False, False]


def test_what_is_not_there_is_not_found(call_any: Caller) -> None:
    assert (
        call_any("PATCH", "/variants/4711", 404, json={"state": "accepted"})["code"] == "not_found"
    )
    assert call_any("GET", "/datasets/nobody/variants", 404)["code"] == "not_found"
    assert decide(call_any, "nobody", 404, state="accepted", filter={})["code"] == "not_found"


def test_many_images_get_a_tag_and_lose_it(any_service: Service, call_any: Caller) -> None:
    dataset = call_any.dataset()
    ids = any_service.add_images(dataset, 3)
    path = f"/datasets/{dataset}/marks"
    assert call_any("POST", path, json={"image_ids": ids, "tag": " owl "})["changed"] == 3
    assert call_any("GET", f"/images/{ids[0]}")["tag"] == "owl"
    assert call_any("POST", path, json={"image_ids": ids[:1], "tag": "owl"})["changed"] == 0
    assert call_any("POST", path, json={"image_ids": ids[:2], "tag": ""})["changed"] == 2
    with any_service.services.readers() as session:
        assert [session.get_one(Image, each).tag for each in ids] == [None, None, "owl"]
    for tag in ("x" * 81, "a\nb", 5):
        body = {"image_ids": ids, "tag": tag}
        assert call_any("POST", path, 400, json=body)["code"] == "invalid_input"
