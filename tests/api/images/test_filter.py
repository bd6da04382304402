"""Which images fit a filter, in lists and around an image; what an item holds."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import event, update

from common.db.tables import Image, now
from tests.api.conftest import Caller, Service


def found(call: Caller, dataset: str, query: str) -> list[int]:
    page = call("GET", f"/datasets/{dataset}/images?{query}")
    assert page["total"] == len(page["items"])
    return [item["id"] for item in page["items"]]


def change(service: Service, image_id: int, **values: Any) -> None:
    with service.services.sessions() as session:
        session.execute(update(Image).where(Image.id == image_id).values(**values))


def test_the_total_counts_what_fits_on_all_pages(any_service: Service, call_any: Caller) -> None:
    dataset = call_any.dataset()
    ids = any_service.add_images(dataset, 7, captioned=5)
    page = call_any("GET", f"/datasets/{dataset}/images?status=captioned&limit=2")
    assert page["total"] == 5
    last = call_any("GET", f"/datasets/{dataset}/images?status=captioned&limit=2&cursor={ids[3]}")
    assert ([item["id"] for item in last["items"]], last["total"]) == ([ids[4]], 5)
    assert last["next_cursor"] is None


def test_a_text_is_looked_for_in_every_caption_and_in_the_file_name(
    any_service: Service, call_any: Caller
) -> None:
    dataset = call_any.dataset()
    ids = any_service.add_images(dataset, 4, captioned=3)
    any_service.save(ids[1], "Two ÉTOILES over the Straße", slot=1)
    any_service.save(ids[2], "a star", slot=1)
    any_service.save(ids[2], None, slot=1, base=1)
    assert found(call_any, dataset, "q=TWO") == [ids[1]]
    assert found(call_any, dataset, "q=" + quote("étoiles")) == [ids[1]]
    assert found(call_any, dataset, "q=" + quote("e\u0301toiles")) == [ids[1]]
    assert found(call_any, dataset, "q=" + quote("straße")) == [ids[1]]
    assert found(call_any, dataset, "q=a+star") == []
    assert found(call_any, dataset, "q=picture+003") == [ids[3]]
    assert found(call_any, dataset, "q=_") == []
    assert found(call_any, dataset, "q=" + quote("'; DROP TABLE images; --")) == []


def test_images_are_found_by_who_captioned_them(any_service: Service, call_any: Caller) -> None:
    dataset = call_any.dataset()
    ids = any_service.add_images(dataset, 4, captioned=2)
    any_service.save(ids[2], "a cat", author="eve")
    any_service.save(ids[0], "one more", slot=1, author="eve")
    any_service.save(ids[1], "and another", slot=1, author="eve")
    any_service.save(ids[1], None, slot=1, author="eve", base=1)
    any_service.save(ids[3], "x", author="admin")
    assert found(call_any, dataset, "by=ada") == ids[:2]
    assert found(call_any, dataset, "by=eve") == [ids[0], ids[2]]
    assert found(call_any, dataset, "by=me") == [ids[3]]
    any_service.save(ids[3], None, author="admin", base=1)
    assert found(call_any, dataset, "by=me") == []
    assert found(call_any, dataset, "by=nobody") == []


def test_flagged_reviewed_and_long_ones_are_found(any_service: Service, call_any: Caller) -> None:
    dataset = call_any.dataset()
    ids = any_service.add_images(dataset, 5, captioned=3)
    change(any_service, ids[4], flagged_by="eve", flagged_at=now(), flag_note="blurred")
    change(any_service, ids[1], reviewed_by="eve", reviewed_at=now())
    any_service.save(ids[3], "cat " * 75)
    any_service.save(ids[0], "cat " * 76, slot=1)
    assert found(call_any, dataset, "flagged=true") == [ids[4]]
    assert found(call_any, dataset, "flagged=false") == ids[:4]
    assert found(call_any, dataset, "reviewed=true") == [ids[1]]
    assert found(call_any, dataset, "reviewed=false&status=captioned") == [ids[0], ids[2], ids[3]]
    assert found(call_any, dataset, "longer_than=77") == [ids[0]]
    assert found(call_any, dataset, "longer_than=76") == [ids[0], ids[3]]
    assert found(call_any, dataset, "has=several") == [ids[0]]
    assert found(call_any, dataset, f"has=several&ids={ids[1]},{ids[2]}") == []


def test_filters_of_one_dataset_never_show_another(any_service: Service, call_any: Caller) -> None:
    cats, dogs = call_any.dataset("Cats"), call_any.dataset("Dogs")
    any_service.add_images(cats, 2, captioned=1)
    [dog] = any_service.add_images(dogs, 1, captioned=1)
    any_service.save(dog, "another dog", slot=1)
    assert found(call_any, cats, f"ids={dog}") == []
    assert found(call_any, cats, "has=several") == []
    assert found(call_any, cats, "q=dog") == []


@pytest.mark.parametrize(
    "query",
    ["status=both", "flagged=perhaps", "reviewed=2", "longer_than=-1", "longer_than=10001",
     "longer_than=many", "by=", "by=" + "x" * 81, "by=%00", "q=%00", "q=" + "x" * 201, "has=none",
     "ids=1;2", "ids=,", "ids=-1", "colour=red", "limit=0", "limit=201", "cursor=x"],
)  # fmt: skip
def test_a_filter_that_is_none_is_refused(call: Caller, query: str) -> None:
    dataset = call.dataset()
    refused = call("GET", f"/datasets/{dataset}/images?{query}", 400)
    assert refused["code"] == "invalid_input"
    assert query.split("=")[0] in refused["message"]


def test_neighbours_are_those_that_fit_on_both_sides(
    any_service: Service, call_any: Caller
) -> None:
    dataset = call_any.dataset()
    ids = any_service.add_images(dataset, 9, captioned=9)
    for image_id in (ids[1], ids[4], ids[7]):
        change(any_service, image_id, reviewed_by="eve", reviewed_at=now())
    around = call_any("GET", f"/images/{ids[4]}/neighbours?before=2&after=1&reviewed=false")
    assert [item["id"] for item in around["items"]] == [ids[2], ids[3], ids[5]]
    assert (around["position"], around["total"]) == (3, 6)
    around = call_any("GET", f"/images/{ids[4]}/neighbours?before=1&after=1&reviewed=true")
    assert [item["id"] for item in around["items"]] == [ids[1], ids[4], ids[7]]
    assert (around["position"], around["total"]) == (2, 3)
    around = call_any("GET", f"/images/{ids[0]}/neighbours?before=0&after=0")
    assert ([item["id"] for item in around["items"]], around["position"]) == ([ids[0]], 1)
    assert len(call_any("GET", f"/images/{ids[4]}/neighbours")["items"]) == 9


def test_neighbours_when_nothing_fits(any_service: Service, call_any: Caller) -> None:
    dataset = call_any.dataset()
    [image_id] = any_service.add_images(dataset, 1)
    around = call_any("GET", f"/images/{image_id}/neighbours?status=captioned")
    assert around == {"items": [], "position": 0, "total": 0}


def test_neighbours_of_no_image_and_with_bad_numbers(service: Service, call: Caller) -> None:
    [image_id] = service.add_images(call.dataset(), 1)
    call("GET", "/images/4711/neighbours", 404)
    for query in ("before=-1", "after=101", "before=x", "limit=3", "status=no"):
        bad = call("GET", f"/images/{image_id}/neighbours?{query}", 400)
        assert bad["code"] == "invalid_input"


def test_an_item_shows_all_captions_and_where_the_next_one_goes(
    any_service: Service, call_any: Caller
) -> None:
    dataset = call_any.dataset()
    [image_id] = any_service.add_images(dataset, 1)
    path = f"/images/{image_id}"
    assert call_any("GET", path)["next_slot"] == {"slot": 0, "revision": 0}
    any_service.save(image_id, "a cat")
    for slot in range(1, 10):
        assert call_any("GET", path)["next_slot"] == {"slot": slot, "revision": 0}
        any_service.save(image_id, f"caption in {slot}", slot=slot, author="eve")
    item = call_any("GET", path)
    assert item["next_slot"] is None
    assert (item["caption"], item["tokens"]) == ("a cat", 4)
    assert [each["slot"] for each in item["captions"]] == list(range(1, 10))
    first = item["captions"][0]
    assert (first["text"], first["revision"], first["by"]) == ("caption in 1", 1, "eve")
    any_service.save(image_id, None, slot=4, base=1)
    item = call_any("GET", path)
    assert item["next_slot"] == {"slot": 4, "revision": 2}
    assert 4 not in [each["slot"] for each in item["captions"]]
    assert call_any("GET", f"/datasets/{dataset}/images")["items"] == [item]
    assert call_any("GET", f"{path}/neighbours")["items"] == [item]
    claimed = call_any("POST", f"{path}/claim")
    assert (claimed["captions"], claimed["next_slot"]) == (item["captions"], item["next_slot"])


def test_a_page_takes_the_same_few_queries_however_long_it_is(
    service: Service, call: Caller
) -> None:
    dataset = call.dataset()
    for image_id in service.add_images(dataset, 30, captioned=30):
        service.save(image_id, "and another", slot=1)
    service.remember()
    call("GET", f"/datasets/{dataset}/images")  # whose token it is, is known from now on
    asked: list[str] = []

    def note(*arguments: Any) -> None:
        asked.append(str(arguments[2]))

    event.listen(service.engine, "before_cursor_execute", note)
    numbers = []
    for limit in (3, 30):
        asked.clear()
        call("GET", f"/datasets/{dataset}/images?limit={limit}")
        numbers.append(len(asked))
    event.remove(service.engine, "before_cursor_execute", note)
    assert numbers[0] == numbers[1] <= 10


def test_the_history_shows_every_slot_newest_first(any_service: Service, call_any: Caller) -> None:
    [image_id] = any_service.add_images(call_any.dataset(), 1)
    any_service.save(image_id, "one")
    any_service.save(image_id, "second slot", slot=1, author="eve")
    any_service.save(image_id, "two", base=1)
    any_service.save(image_id, None, slot=1, base=1)
    rows = call_any("GET", f"/images/{image_id}/captions")["items"]
    assert [(row["slot"], row["revision"], row["text"], row["author"]) for row in rows] == [
        (1, 2, None, "ada"), (0, 2, "two", "ada"), (1, 1, "second slot", "eve"), (0, 1, "one", "ada"),
    ]  # fmt: skip
