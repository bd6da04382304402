"""Flags and reviews, one by one and many at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import func, select

from common.db.tables import Review
from tests.api.conftest import Caller, Service


@pytest.fixture
def eve(any_service: Service) -> Caller:
    return any_service.person("eve")


def review(call: Caller, image_id: int, expect: int = 200, **body: Any) -> Any:
    sent = {"reviewed": True, "revision": 1, **body}
    return call("PUT", f"/images/{image_id}/review", expect, json=sent)


def flag(call: Caller, image_id: int, expect: int = 200, **body: Any) -> Any:
    return call("PUT", f"/images/{image_id}/flag", expect, json={"flagged": True, **body})


def reviews_of(service: Service, image_id: int) -> int:
    with service.services.readers() as session:
        return session.scalar(select(func.count()).where(Review.image_id == image_id)) or 0


# -- flags


def test_a_flag_has_a_note_and_goes_away_with_it(
    any_service: Service, call_any: Caller, eve: Caller
) -> None:
    [image_id] = any_service.add_images(call_any.dataset(), 1)
    item = flag(call_any, image_id, note=" is this a 👩‍🚀 cat? قطة ")
    assert (item["flagged_by"], item["flag_note"]) == ("admin", "is this a 👩‍🚀 cat? قطة")
    assert item["flagged_at"] is not None
    assert flag(eve, image_id) == item  # without a note nothing is changed
    assert flag(eve, image_id, note="yes")["flagged_by"] == "eve"
    assert flag(eve, image_id, note="")["flag_note"] == ""
    item = flag(call_any, image_id, flagged=False)
    assert (item["flagged_by"], item["flagged_at"], item["flag_note"]) == (None, None, "")
    assert call_any("GET", f"/images/{image_id}") == item


@pytest.mark.parametrize(
    "body",
    [{}, {"flagged": None}, {"flagged": "yes"}, {"flagged": 1}, {"flagged": True, "note": "x" * 501},
     {"flagged": True, "note": "a\nb"}, {"flagged": True, "note": "\x00"}, {"flagged": True, "note": 5},
     {"flagged": True, "note": "\x1b[31m"}, {"flagged": True, "colour": "red"},
     {"flagged": True, "note": "\ud800"}],
)  # fmt: skip
def test_a_flag_that_is_none_is_refused(
    service: Service, call: Caller, body: dict[str, Any]
) -> None:
    [image_id] = service.add_images(call.dataset(), 1)
    refused = call("PUT", f"/images/{image_id}/flag", 400, json=body)
    assert refused["code"] == "invalid_input"
    assert call("GET", f"/images/{image_id}")["flagged_by"] is None


def test_a_note_may_be_as_long_as_the_limit_in_any_script(
    any_service: Service, call_any: Caller
) -> None:
    [image_id] = any_service.add_images(call_any.dataset(), 1)
    assert flag(call_any, image_id, note="😀" * 500)["flag_note"] == "😀" * 500


# -- reviews


def test_another_person_reviews_and_a_new_caption_needs_a_new_look(
    any_service: Service, call_any: Caller, eve: Caller
) -> None:
    [image_id] = any_service.add_images(call_any.dataset(), 1)
    any_service.save(image_id, "a cat", author="ada")
    item = review(eve, image_id)
    assert item["reviewed_by"] == "eve"
    assert item["reviewed_at"] is not None
    assert review(call_any, image_id) == item  # it is reviewed: by the first
    any_service.save(image_id, "a red cat", author="eve", base=1)
    assert call_any("GET", f"/images/{image_id}")["reviewed_by"] is None
    assert review(call_any, image_id, revision=2)["reviewed_by"] == "admin"
    any_service.save(image_id, "one more", slot=1)
    assert call_any("GET", f"/images/{image_id}")["reviewed_by"] is None
    assert reviews_of(any_service, image_id) == 2


def test_nobody_reviews_a_caption_of_their_own_in_any_slot(
    any_service: Service, call_any: Caller, eve: Caller
) -> None:
    [image_id] = any_service.add_images(call_any.dataset(), 1)
    any_service.save(image_id, "a cat", author="admin")
    any_service.save(image_id, "another", slot=1, author="eve")
    for person in (call_any, eve):
        refused = review(person, image_id, 403)
        assert refused["code"] == "forbidden"
        assert "your own" in refused["message"]
    any_service.save(image_id, None, slot=1, author="ada", base=1)
    assert review(eve, image_id)["reviewed_by"] == "eve"


def test_a_review_of_a_caption_that_moved_on_is_a_conflict_that_shows_it(
    any_service: Service, call_any: Caller, eve: Caller
) -> None:
    [image_id] = any_service.add_images(call_any.dataset(), 1)
    any_service.save(image_id, "a cat")
    any_service.save(image_id, "a dog", base=1)
    for stale in (0, 1, 3):
        conflict = review(eve, image_id, 409, revision=stale)
        assert conflict["code"] == "caption_conflict"
        assert conflict["current"] == {
            "image_id": image_id, "slot": 0, "revision": 2, "text": "a dog", "by": "ada",
        }  # fmt: skip
    assert reviews_of(any_service, image_id) == 0


def test_the_other_captions_must_stand_as_they_were_shown_too(
    any_service: Service, call_any: Caller, eve: Caller
) -> None:
    [image_id] = any_service.add_images(call_any.dataset(), 1)
    any_service.save(image_id, "a cat")
    any_service.save(image_id, "second", slot=1)
    any_service.save(image_id, "third", slot=2)
    any_service.save(image_id, "third, changed", slot=2, base=1)
    for shown in ([], [[1, 1]], [[1, 1], [2, 1]], [[1, 1], [2, 2], [3, 1]]):
        review(eve, image_id, 409, extras=shown)
    assert review(eve, image_id, extras=[[2, 2], [1, 1]])["reviewed_by"] == "eve"


def test_a_review_is_taken_back_whatever_the_revision(
    any_service: Service, call_any: Caller, eve: Caller
) -> None:
    [image_id] = any_service.add_images(call_any.dataset(), 1, captioned=1)
    review(eve, image_id)
    item = review(call_any, image_id, reviewed=False, revision=0)
    assert (item["reviewed_by"], item["reviewed_at"]) == (None, None)
    assert review(eve, image_id, reviewed=False)["reviewed_by"] is None


def test_what_has_no_caption_is_not_reviewed(
    any_service: Service, call_any: Caller, eve: Caller
) -> None:
    [image_id] = any_service.add_images(call_any.dataset(), 1)
    assert review(eve, image_id, 409, revision=0)["code"] == "conflict"
    any_service.save(image_id, "a cat")
    any_service.save(image_id, None, base=1)
    assert review(eve, image_id, 409, revision=2)["code"] == "conflict"


@pytest.mark.parametrize(
    "body",
    [{}, {"reviewed": True}, {"revision": 1}, {"reviewed": 1, "revision": 1},
     {"reviewed": True, "revision": "1"}, {"reviewed": True, "revision": -1},
     {"reviewed": True, "revision": 2**31}, {"reviewed": True, "revision": 1, "extras": [[1]]},
     {"reviewed": True, "revision": 1, "extras": [[1, 1]] * 11},
     {"reviewed": True, "revision": 1, "by": "ada"}],
)  # fmt: skip
def test_a_review_that_is_none_is_refused(
    service: Service, call: Caller, body: dict[str, Any]
) -> None:
    [image_id] = service.add_images(call.dataset(), 1, captioned=1)
    assert call("PUT", f"/images/{image_id}/review", 400, json=body)["code"] == "invalid_input"


def test_a_deleted_image_is_neither_flagged_nor_reviewed(
    any_service: Service, call_any: Caller, eve: Caller
) -> None:
    [image_id] = any_service.add_images(call_any.dataset(), 1, captioned=1)
    review(eve, image_id)
    call_any("DELETE", f"/images/{image_id}", 204)
    assert flag(eve, image_id, 404)["code"] == "not_found"
    assert review(eve, image_id, 404)["code"] == "not_found"
    assert reviews_of(any_service, image_id) == 0


def test_two_reviewers_at_once_count_once(
    any_service: Service, call_any: Caller, eve: Caller
) -> None:
    [image_id] = any_service.add_images(call_any.dataset(), 1, captioned=1)
    people = [eve, call_any, *(any_service.person(f"p{number}") for number in range(6))]
    with ThreadPoolExecutor(8) as pool:
        items = list(pool.map(lambda each: review(each, image_id), people))
    assert len({item["reviewed_by"] for item in items}) == 1
    assert reviews_of(any_service, image_id) == 1


# -- many


def test_many_are_marked_and_each_that_is_left_out_says_why(
    any_service: Service, call_any: Caller, eve: Caller
) -> None:
    dataset = call_any.dataset()
    ids = any_service.add_images(dataset, 5, captioned=2)
    any_service.save(ids[2], "my own", author="eve")
    [other] = any_service.add_images(call_any.dataset("Dogs"), 1, captioned=1)
    review(call_any, ids[1])
    body = {"image_ids": [*ids, other, 4711, ids[0]], "reviewed": True}
    marked = eve("POST", f"/datasets/{dataset}/marks", json=body)
    assert marked["changed"] == 1
    reasons = {each["image_id"]: each["reason"] for each in marked["skipped"]}
    assert set(reasons) == {ids[2], ids[3], ids[4], other, 4711}
    assert "your own" in reasons[ids[2]]
    assert "no caption" in reasons[ids[3]]
    assert "in this dataset" in reasons[other]
    reviewed = call_any("GET", f"/datasets/{dataset}/images?reviewed=true")["items"]
    assert [(item["id"], item["reviewed_by"]) for item in reviewed] == [
        (ids[0], "eve"),
        (ids[1], "admin"),
    ]
    assert call_any("GET", f"/images/{other}")["reviewed_by"] is None


def test_many_are_flagged_with_one_note_and_unflagged(
    any_service: Service, call_any: Caller
) -> None:
    dataset = call_any.dataset()
    ids = any_service.add_images(dataset, 3)
    path = f"/datasets/{dataset}/marks"
    body = {"image_ids": ids, "flagged": True, "note": "crop it"}
    assert call_any("POST", path, json=body) == {"changed": 3, "skipped": []}
    assert call_any("POST", path, json=body) == {"changed": 0, "skipped": []}
    assert call_any("GET", f"/images/{ids[2]}")["flag_note"] == "crop it"
    body = {"image_ids": ids[:2], "flagged": False}
    assert call_any("POST", path, json=body)["changed"] == 2
    assert call_any("GET", f"/datasets/{dataset}/images?flagged=true")["total"] == 1


def test_many_are_reviewed_as_they_were_shown(
    any_service: Service, call_any: Caller, eve: Caller
) -> None:
    dataset = call_any.dataset()
    ids = any_service.add_images(dataset, 2, captioned=2)
    any_service.save(ids[1], "changed meanwhile", base=1)
    body = {"image_ids": ids, "revisions": [1, 1], "reviewed": True, "flagged": True}
    marked = eve("POST", f"/datasets/{dataset}/marks", json=body)
    assert (marked["changed"], [each["image_id"] for each in marked["skipped"]]) == (1, [ids[1]])
    assert call_any("GET", f"/images/{ids[1]}")["flagged_by"] is None


@pytest.mark.parametrize(
    "body",
    [{}, {"image_ids": [1]}, {"image_ids": [], "flagged": True}, {"image_ids": [0], "flagged": True},
     {"image_ids": ["1"], "flagged": True}, {"image_ids": [2**63], "flagged": True},
     {"image_ids": list(range(1, 1002)), "flagged": True}, {"image_ids": [1], "note": "x"},
     {"image_ids": [1], "flagged": False, "note": "x"},
     {"image_ids": [1], "flagged": True, "note": "a\tb"},
     {"image_ids": [1, 2], "revisions": [1], "reviewed": True}],
)  # fmt: skip
def test_marks_that_are_none_are_refused(call: Caller, body: dict[str, Any]) -> None:
    dataset = call.dataset()
    refused = call("POST", f"/datasets/{dataset}/marks", 400, json=body)
    assert refused["code"] == "invalid_input"


def test_marks_in_no_dataset_are_not_found(call: Caller) -> None:
    body = {"image_ids": [1], "flagged": True}
    assert call("POST", "/datasets/nobody/marks", 404, json=body)["code"] == "not_found"
