"""Claims and saved captions."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from api.captions.routes import wait_preference
from common.db.tables import Image, now
from tests.api.conftest import Caller, Service, wait_until


def test_twenty_captioners_at_once_get_twenty_images(
    any_service: Service, call_any: Caller
) -> None:
    dataset = call_any.dataset()
    ids = any_service.add_images(dataset, 25, captioned=2)
    people = [any_service.person(f"p{number}") for number in range(20)]
    with ThreadPoolExecutor(20) as pool:
        served = list(
            pool.map(lambda each: each("POST", f"/datasets/{dataset}/claim")["id"], people)
        )
    assert len(set(served)) == 20
    assert set(served) <= set(ids[2:])


def test_a_claim_of_mine_is_served_again(any_service: Service, call_any: Caller) -> None:
    dataset = call_any.dataset()
    any_service.add_images(dataset, 3)
    first = call_any("POST", f"/datasets/{dataset}/claim")
    again = call_any("POST", f"/datasets/{dataset}/claim")
    assert first["id"] == again["id"]
    assert first["claimed_by"] == "admin"
    assert first["lease_expires_at"] < again["lease_expires_at"]


def test_after_an_image_comes_the_next_one_and_at_the_end_the_first(
    any_service: Service, call_any: Caller
) -> None:
    dataset = call_any.dataset()
    ids = any_service.add_images(dataset, 3)
    ada = any_service.person("ada")
    assert ada("POST", f"/datasets/{dataset}/claim")["id"] == ids[0]
    assert ada("POST", f"/datasets/{dataset}/claim?after={ids[0]}")["id"] == ids[1]
    assert ada("POST", f"/datasets/{dataset}/claim?after={ids[1]}")["id"] == ids[2]
    # what ada holds before it may be on its way to be saved: it is not served twice
    ada("POST", f"/datasets/{dataset}/claim?after={ids[2]}", 204)
    ada("POST", f"/images/{ids[1]}/release", 204)
    assert ada("POST", f"/datasets/{dataset}/claim?after={ids[2]}")["id"] == ids[1]


def test_several_images_are_claimed_at_once_and_fewer_at_the_end(
    any_service: Service, call_any: Caller
) -> None:
    dataset = call_any.dataset()
    ids = any_service.add_images(dataset, 5)
    claims, eve = f"/datasets/{dataset}/claims", any_service.person("eve")
    mine = call_any("POST", f"{claims}?count=3")["items"]
    assert [image["id"] for image in mine] == ids[:3]
    assert {image["claimed_by"] for image in mine} == {"admin"}
    assert [image["id"] for image in eve("POST", f"{claims}?count=3")["items"]] == ids[3:]
    assert call_any("POST", f"{claims}?after={ids[2]}&count=3") == {"items": []}
    call_any("POST", f"{claims}?count=0", 400)
    call_any("POST", "/datasets/none/claims", 404)


def test_nothing_is_left_when_all_are_captioned_or_claimed(
    any_service: Service, call_any: Caller
) -> None:
    dataset = call_any.dataset()
    ids = any_service.add_images(dataset, 2, captioned=1)
    eve = any_service.person("eve")
    assert eve("POST", f"/datasets/{dataset}/claim")["id"] == ids[1]
    call_any("POST", f"/datasets/{dataset}/claim", 204)
    eve("POST", f"/images/{ids[1]}/release", 204)
    assert call_any("POST", f"/datasets/{dataset}/claim")["id"] == ids[1]


def test_a_claim_that_ran_out_is_free(any_service: Service, call_any: Caller) -> None:
    dataset = call_any.dataset()
    [image_id] = any_service.add_images(dataset, 1)
    any_service.person("eve")("POST", f"/datasets/{dataset}/claim")
    with any_service.services.sessions() as session:
        session.execute(update(Image).values(claim_until=now() - timedelta(seconds=1)))
    assert call_any("POST", f"/datasets/{dataset}/claim")["id"] == image_id


def test_one_image_can_be_claimed_and_says_who_holds_it(
    any_service: Service, call_any: Caller
) -> None:
    dataset = call_any.dataset()
    [image_id] = any_service.add_images(dataset, 1, captioned=1)
    eve = any_service.person("eve")
    eve("POST", f"/images/{image_id}/claim")
    eve("POST", f"/images/{image_id}/claim")
    refused = call_any("POST", f"/images/{image_id}/claim", 409)
    assert refused["details"]["claimed_by"] == "eve"
    call_any("POST", f"/images/{image_id}/release", 204)
    call_any("POST", f"/images/{image_id}/claim", 409)
    call_any("POST", "/images/424242/claim", 404)


@pytest.mark.parametrize(
    ("header", "wait_s"),
    [("", 0), ("wait=10", 10), ("respond-async, wait=5", 5), ("wait=999999", 30), ("wait=x", 0),
     ("await=3", 0), ("wait = 2", 2), ("wait=-1", 0)],
)  # fmt: skip
def test_the_wait_preference_is_read(header: str, wait_s: float) -> None:
    assert wait_preference(header) == wait_s


def test_a_caption_is_queued_with_its_author(service: Service, call: Caller) -> None:
    dataset = call.dataset()
    [image_id] = service.add_images(dataset, 1)
    save = {"text": " a\tcat \n", "base_revision": 0, "client_id": "tab-1"}
    answer = call("PUT", f"/images/{image_id}/caption", 202, json=save)
    assert answer == {"client_id": "tab-1", "state": "queued"}
    assert queued_saves(service) == [
        {
            "text": "a cat", "base_revision": 0, "client_id": "tab-1", "image_id": image_id,
            "author": "admin", "slot": 0,
        }
    ]  # fmt: skip


def queued_saves(service: Service) -> list[dict[str, object]]:
    """What waits in the queue, of all messages."""
    messages: Any = service.services.queue.redis.lrange("captions\x06\x165", 0, -1)
    bodies = [json.loads(base64.b64decode(json.loads(each)["body"])) for each in messages]
    return [save for [saves, _reply], *_ in bodies for save in saves]


@pytest.mark.parametrize("text", ["", "   ", "\t\n", "\u200b", "x" * 2001])
def test_a_caption_that_is_none_is_refused_at_once(
    service: Service, call: Caller, text: str
) -> None:
    dataset = call.dataset()
    [image_id] = service.add_images(dataset, 1)
    save = {"text": text, "base_revision": 0, "client_id": "c"}
    assert call("PUT", f"/images/{image_id}/caption", 400, json=save)["code"] == "invalid_input"
    assert service.services.queue.depth("captions") == 0


def test_a_caption_for_a_deleted_image_is_not_found(call: Caller) -> None:
    save = {"text": "x", "base_revision": 0, "client_id": "c"}
    call("PUT", "/images/4711/caption", 404, json=save)


def test_a_waiting_save_gets_its_revision_or_the_conflict(
    service: Service, call: Caller, start_worker: Callable[[str], None]
) -> None:
    start_worker("captions")
    dataset = call.dataset()
    [image_id] = service.add_images(dataset, 1)
    path, wait = f"/images/{image_id}/caption", {"Prefer": "wait=20"}
    save = {"text": "a red cat", "base_revision": 0, "client_id": "one"}
    saved = call("PUT", path, json=save, headers=wait)
    assert saved == {
        "image_id": image_id, "slot": 0, "revision": 1, "text": "a red cat", "by": "admin",
        "client_id": "one",
    }  # fmt: skip
    assert call("PUT", path, json=save, headers=wait) == saved
    late = {"text": "a blue cat", "base_revision": 0, "client_id": "two"}
    conflict = service.person("eve")("PUT", path, 409, json=late, headers=wait)
    assert conflict["code"] == "caption_conflict"
    assert conflict["current"]["text"] == "a red cat"
    next_one = {"text": "a blue cat", "base_revision": 1, "client_id": "three"}
    call("PUT", path, 202, json=next_one)
    wait_until(lambda: call("GET", f"/images/{image_id}")["revision"] == 2)
    history = call("GET", f"/images/{image_id}/captions")["items"]
    assert [(row["revision"], row["text"]) for row in history] == [
        (2, "a blue cat"),
        (1, "a red cat"),
    ]
    assert b"a blue cat" in call("GET", f"/datasets/{dataset}/files/index.csv")


def test_a_wait_that_nobody_answers_ends_as_queued(service: Service, call: Caller) -> None:
    dataset = call.dataset()
    [image_id] = service.add_images(dataset, 1)
    save = {"text": "x", "base_revision": 0, "client_id": "c"}
    call("PUT", f"/images/{image_id}/caption", 202, json=save, headers={"Prefer": "wait=1"})


def test_two_tabs_of_one_person_are_served_different_images(
    any_service: Service, call_any: Caller
) -> None:
    dataset = call_any.dataset()
    ids = any_service.add_images(dataset, 3)
    claim = f"/datasets/{dataset}/claim"
    first = call_any("POST", f"{claim}?holder=tab-1")["id"]
    second = call_any("POST", f"{claim}?holder=tab-2")["id"]
    assert [first, second] == ids[:2]
    assert call_any("POST", f"{claim}?holder=tab-1")["id"] == first
    call_any("POST", f"/images/{first}/release?holder=tab-2", 204)  # not that tab's to give back
    assert call_any("POST", claim)["id"] == ids[2]
    call_any("POST", f"/images/{first}/release?holder=tab-1", 204)
    assert call_any("POST", f"{claim}?holder=tab-3")["id"] == first


def test_another_tab_of_the_same_person_may_take_an_image_over(
    any_service: Service, call_any: Caller
) -> None:
    dataset = call_any.dataset()
    [image_id] = any_service.add_images(dataset, 1)
    call_any("POST", f"/images/{image_id}/claim?holder=tab-1")
    assert call_any("POST", f"/images/{image_id}/claim?holder=tab-2")["claimed_by"] == "admin"
    any_service.person("eve")("POST", f"/images/{image_id}/claim?holder=tab-2", 409)


def test_many_captions_at_once_go_in_few_messages_and_each_gets_its_own_answer(
    service: Service, call: Caller, start_worker: Callable[[str], None]
) -> None:
    dataset = call.dataset()
    ids = service.add_images(dataset, 40)
    people = [service.person(f"p{number}") for number in range(40)]

    def save(number: int) -> dict[str, object]:
        text = {"text": f"caption {number}", "base_revision": 0, "client_id": f"c{number}"}
        path = f"/images/{ids[number]}/caption"
        answer: dict[str, object] = people[number](
            "PUT", path, json=text, headers={"Prefer": "wait=30"}
        )
        return answer

    with ThreadPoolExecutor(40) as pool:
        answers = [pool.submit(save, number) for number in range(40)]
        wait_until(lambda: len(queued_saves(service)) == 40)
        assert service.services.queue.depth("captions") < 40
        start_worker("captions")
        got = [answer.result() for answer in answers]
    assert [(one["image_id"], one["text"], one["by"]) for one in got] == [
        (ids[number], f"caption {number}", f"p{number}") for number in range(40)
    ]


def test_a_caption_is_taken_away_by_null_and_only_by_null(
    service: Service, call: Caller, start_worker: Callable[[str], None]
) -> None:
    start_worker("captions")
    dataset = call.dataset()
    [image_id] = service.add_images(dataset, 1, captioned=1)
    path, wait = f"/images/{image_id}/caption", {"Prefer": "wait=20"}
    body: dict[str, object] = {"base_revision": 1, "client_id": "undo"}
    call("PUT", path, 400, json=body)
    call("PUT", path, 400, json={**body, "text": ""})
    gone = call("PUT", path, json={**body, "text": None}, headers=wait)
    assert (gone["text"], gone["revision"]) == (None, 2)
    assert (
        call("GET", f"/datasets/{dataset}/images?status=uncaptioned")["items"][0]["revision"] == 2
    )
    assert call("POST", f"/datasets/{dataset}/claim")["id"] == image_id
    history = call("GET", f"/images/{image_id}/captions")["items"]
    assert [row["text"] for row in history] == [None, "caption 0"]


@pytest.mark.parametrize(
    "change",
    [
        {"base_revision": None}, {"base_revision": "1"}, {"base_revision": -1}, {"text": 5},
        {"client_id": ""}, {"client_id": "x" * 81}, {"client_id": "a\x00b"}, {"slot": 10},
        {"slot": -1}, {"colour": "red"},
    ],
)  # fmt: skip
def test_a_save_with_a_wrong_field_is_refused_and_names_it(
    service: Service, call: Caller, change: dict[str, object]
) -> None:
    dataset = call.dataset()
    [image_id] = service.add_images(dataset, 1)
    body = {"text": "a cat", "base_revision": 0, "client_id": "c", **change}
    problem = call("PUT", f"/images/{image_id}/caption", 400, json=body)
    assert problem["code"] == "invalid_input"
    assert next(iter(change)) in problem["message"]
    assert service.services.queue.depth("captions") == 0


def test_a_missing_base_revision_is_refused(service: Service, call: Caller) -> None:
    dataset = call.dataset()
    [image_id] = service.add_images(dataset, 1)
    body = {"text": "a cat", "client_id": "c"}
    problem = call("PUT", f"/images/{image_id}/caption", 400, json=body)
    assert "base_revision" in problem["message"]
