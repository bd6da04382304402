"""Editing many captions at once: previews, jobs with a real worker, undo; many images at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psutil
import pytest

from api.services import MAX_PATTERNS, PATTERNS_OF_ONE
from common.db.tables import Caption, Image
from tests.api.conftest import Caller, Service, wait_until
from tests.captions import save_one
from workers.cpu.captions.saving import Save

Start = Callable[[str], None]


def save(call: Caller, image_id: int, text: str, base: int, slot: int = 0) -> None:
    """A caption, straight into the database as the captions worker would."""
    service = call.client.application.extensions["clip_browser"]
    with service.sessions() as session:
        save_one(session, Save(image_id, text, base, f"t:{image_id}:{slot}:{base}", "bob", slot))


def preview(call: Caller, dataset: str, mode: str, **options: Any) -> Any:
    return call("POST", f"/datasets/{dataset}/edits/preview", json={"mode": mode, **options})


def refused(call: Caller, dataset: str, **options: Any) -> Any:
    return call("POST", f"/datasets/{dataset}/edits/preview", 400, json=options)


def run(call: Caller, path: str, **body: Any) -> Any:
    """The job that a call starts, once it has ended."""
    job = call("POST", path, 202, json=body)["job"]
    return wait_until(lambda: (shown := call("GET", f"/jobs/{job['id']}"))["finished_at"] and shown)


def texts(call: Caller, dataset: str) -> list[str | None]:
    return [item["caption"] for item in call("GET", f"/datasets/{dataset}/images")["items"]]


def test_a_preview_shows_each_caption_before_and_after_and_changes_nothing(
    any_service: Service, call_any: Caller
) -> None:
    dataset = call_any.dataset()
    ids = any_service.add_images(dataset, 4, captioned=3)
    save(call_any, ids[0], "another caption", 0, slot=1)
    seen = preview(call_any, dataset, "replace", find="CAPTION", text="title")
    assert (seen["count"], seen["images"], seen["unchanged"]) == (4, 3, 0)
    assert [
        (row["image_id"], row["slot"], row["before"], row["after"]) for row in seen["items"]
    ] == [
        (ids[0], 0, "caption 0", "title 0"),
        (ids[0], 1, "another caption", "another title"),
        (ids[1], 0, "caption 1", "title 1"),
        (ids[2], 0, "caption 2", "title 2"),
    ]
    assert seen["items"][0]["thumb_url"].startswith(f"/api/v1/images/{ids[0]}/thumb")
    assert texts(call_any, dataset) == ["caption 0", "caption 1", "caption 2", None]


def test_a_preview_keeps_to_its_filter_and_to_the_chosen_images(
    any_service: Service, call_any: Caller
) -> None:
    dataset = call_any.dataset()
    ids = any_service.add_images(dataset, 5, captioned=3)
    other = call_any.dataset("Dogs")
    stranger = any_service.add_images(other, 1, captioned=1)[0]
    with_text = preview(call_any, dataset, "append", text=", photo", filter={"q": "caption 1"})
    assert [row["after"] for row in with_text["items"]] == ["caption 1, photo"]
    chosen = preview(
        call_any, dataset, "set", text="a cat", image_ids=[ids[4], ids[0], stranger, 10**9]
    )
    assert [(row["image_id"], row["before"]) for row in chosen["items"]] == [
        (ids[0], "caption 0"),
        (ids[4], None),
    ]
    both = preview(
        call_any,
        dataset,
        "clear",
        image_ids=ids,
        filter={"status": "captioned", "ids": str(ids[1])},
    )
    assert [(row["image_id"], row["after"]) for row in both["items"]] == [(ids[1], None)]
    nothing = preview(call_any, dataset, "set", text="x", image_ids=[])
    assert nothing["count"] == 0


def test_a_preview_names_what_would_be_refused_and_counts_what_was_reviewed(
    service: Service, call: Caller
) -> None:
    dataset = call.dataset()
    ids = service.add_images(dataset, 2, captioned=2)
    with service.services.sessions() as session:
        session.get_one(Image, ids[1]).reviewed_by = "bob"
    seen = preview(call, dataset, "replace", find="caption 0")
    assert (seen["count"], seen["rejected_count"]) == (0, 1)
    assert seen["rejected"] == [
        {
            "image_id": ids[0],
            "slot": 0,
            "text": "caption 0",
            "reason": "nothing would be left of it",
        }
    ]
    assert preview(call, dataset, "append", text="!")["reviewed"] == 1
    long = preview(call, dataset, "append", text="a" * 1999)
    assert (long["count"], long["rejected_count"]) == (0, 2)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"mode": "replace"}, "find: it is empty"),
        ({"mode": "replace", "find": "(a", "regex": True}, "character 3"),
        ({"mode": "replace", "find": "a" * 501}, "find"),
        ({"mode": "replace", "find": "\ud83d"}, "surrogate"),
        ({"mode": "replace", "find": "a\x00"}, "NUL"),
        ({"mode": "replace", "find": "a", "text": "b" * 2001}, "text"),
        ({"mode": "replace", "find": r"c(\w+)", "regex": True, "text": r"\7"}, "no such group"),
        ({"mode": "set", "text": " \t\n"}, "text: the caption is empty"),
        ({"mode": "prepend"}, "text"),
        ({"mode": "shout"}, "mode"),
        ({"mode": "clear", "filter": {"status": "odd"}}, "filter.status"),
        ({"mode": "clear", "filter": {"colour": "red"}}, "filter.colour"),
        ({"mode": "clear", "image_ids": ["1"]}, "image_ids"),
        ({"mode": "clear", "image_ids": [0]}, "image_ids"),
        ({"mode": "clear", "token": "yesterday"}, "token"),
        ({"mode": "clear", "everything": True}, "everything"),
        ({}, "mode"),
    ],
)
def test_an_edit_that_cannot_be_done_says_what_is_wrong(
    service: Service, call: Caller, body: dict[str, Any], said: str
) -> None:
    dataset = call.dataset()
    service.add_images(dataset, 1, captioned=1)
    problem = refused(call, dataset, **body)
    assert problem["code"] == "invalid_input"
    assert said in problem["message"]
    assert problem["remedy"]


def test_a_pattern_that_takes_for_ever_does_not_hang_the_service(
    service: Service, call: Caller
) -> None:
    dataset = call.dataset()
    ids = service.add_images(dataset, 3)
    for image_id in ids:
        save(call, image_id, "a" * 500 + "!", 0)
    problem = refused(call, dataset, mode="replace", find="(a|aa)+$", regex=True)
    assert "takes too long" in problem["message"]


def test_a_pattern_that_asks_for_gigabytes_is_refused_and_costs_the_api_no_memory(
    service: Service, call: Caller
) -> None:
    dataset = call.dataset()
    before = psutil.Process().memory_info().rss
    for find in ("a{99999999}", "(?:a{1000}){1000}"):
        edit = {"mode": "replace", "find": find, "regex": True}
        refused(call, dataset, **edit)
        problem = call("POST", f"/datasets/{dataset}/edits", 400, json=edit)
        assert "find: " in problem["message"]
    assert psutil.Process().memory_info().rss - before < 32 * 1024**2


def test_edits_by_a_pattern_wait_in_a_short_line(service: Service, call: Caller) -> None:
    dataset = call.dataset()
    edit = {"mode": "replace", "find": "a", "regex": True}
    gone = threading.Event()

    def hold(who: str) -> None:
        with service.services.patterns.place(who, "edits"):
            gone.wait(60)

    with ThreadPoolExecutor(MAX_PATTERNS) as held:
        for number in range(MAX_PATTERNS):
            held.submit(hold, f"person {number // PATTERNS_OF_ONE}")
        wait_until(lambda: service.services.patterns._taken.total() == MAX_PATTERNS)
        full = call.raw("POST", f"/datasets/{dataset}/edits/preview", json=edit)
        assert (full.status_code, full.headers["Retry-After"]) == (503, "3")
        preview(call, dataset, mode="replace", find="a")  # plain text waits for nobody
        gone.set()
    preview(call, dataset, **edit)


def test_edits_of_what_is_not_there_are_not_found(call: Caller) -> None:
    assert call("POST", "/datasets/none/edits", 404, json={"mode": "clear"})["code"] == "not_found"
    call("POST", "/datasets/none/edits/preview", 404, json={"mode": "clear"})
    call("POST", "/jobs/none/undo", 404)
    call("GET", "/datasets/none/images/ids", 404)
    call("POST", "/datasets/none/images/delete", 404, json={"image_ids": [1]})


def test_only_an_edit_or_an_import_that_has_ended_can_be_undone(
    service: Service, call: Caller
) -> None:
    dataset = call.dataset()
    split = service.finished(dataset, "split", {})
    assert "cannot be undone" in call("POST", f"/jobs/{split}/undo", 409)["message"]
    waiting = call("POST", f"/datasets/{dataset}/edits", 202, json={"mode": "clear"})["job"]
    assert "Stop it first" in call("POST", f"/jobs/{waiting['id']}/undo", 409)["remedy"]


def test_an_edit_runs_as_a_job_and_is_undone_but_for_what_was_changed_since(
    service: Service, call: Caller, start_worker: Start
) -> None:
    dataset = call.dataset()
    ids = service.add_images(dataset, 4, captioned=3)
    start_worker("cpu")
    edits = f"/datasets/{dataset}/edits"
    edit = {"mode": "replace", "find": "caption", "text": "picture"}
    token = preview(call, dataset, **edit)["token"]
    save(call, ids[1], "caption of somebody else", 1)
    done = run(call, edits, **edit, token=token)
    assert done["state"] == "succeeded", done["error"]
    assert done["result"] == {
        "changed": 2, "unchanged": 0, "conflicts": 1, "rejected": [], "rejected_count": 0,
    }  # fmt: skip
    assert texts(call, dataset) == ["picture 0", "caption of somebody else", "picture 2", None]
    save(call, ids[2], "a later one", 2)
    undone = run(call, f"/jobs/{done['id']}/undo")
    assert undone["result"] == {"restored": 1, "kept": 1}
    assert texts(call, dataset) == ["caption 0", "caption of somebody else", "a later one", None]
    people = call("GET", f"/datasets/{dataset}/team")["people"]
    assert {person["name"] for person in people} == {"ada", "bob"}  # an edit is no captioning
    again = run(call, f"/jobs/{undone['id']}/undo")
    assert again["result"] == {"restored": 1, "kept": 0}
    assert texts(call, dataset)[0] == "picture 0"


def test_the_ids_of_a_filter_come_in_order_with_their_number(
    any_service: Service, call_any: Caller
) -> None:
    dataset = call_any.dataset()
    ids = any_service.add_images(dataset, 5, captioned=2)
    path = f"/datasets/{dataset}/images/ids"
    assert call_any("GET", path) == {"ids": ids, "total": 5}
    assert call_any("GET", f"{path}?status=uncaptioned")["ids"] == ids[2:]
    call_any("GET", f"{path}?cursor=1", 400)


def test_many_images_are_deleted_at_once_and_only_those_of_the_dataset(
    any_service: Service, call_any: Caller
) -> None:
    dataset, other = call_any.dataset(), call_any.dataset("Dogs")
    ids = any_service.add_images(dataset, 3, captioned=1)
    save(call_any, ids[0], "second", 0, slot=1)
    stranger = any_service.add_images(other, 1)[0]
    path = f"/datasets/{dataset}/images/delete"
    chosen = {"image_ids": [ids[0], ids[1], stranger, 10**12]}
    assert call_any("POST", path, json=chosen)["deleted"] == 2
    assert call_any("GET", f"/datasets/{dataset}/images/ids")["ids"] == ids[2:]
    assert call_any("GET", f"/images/{stranger}")["id"] == stranger
    call_any("GET", f"/images/{ids[0]}/thumb", 404)
    with any_service.services.readers() as session:
        assert session.get(Caption, (ids[0], 1)) is None
    assert call_any("POST", path, json={"image_ids": [ids[0]]})["deleted"] == 0


@pytest.mark.parametrize("chosen", [[], [0], ["1"], list(range(1, 502)), None])
def test_a_bad_choice_of_images_to_delete_is_refused(call: Caller, chosen: Any) -> None:
    dataset = call.dataset()
    call("POST", f"/datasets/{dataset}/images/delete", 400, json={"image_ids": chosen})
