"""The shared synonym map and each dataset's own: reading, saving, conflicts, checks and previews."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from common.augment.synonym_files import SHARED_KEY, merged_map, own_key
from tests.api.conftest import Caller, Service


def put(caller: Caller, path: str, words: Any, base: str, expect: int = 200) -> Any:
    return caller("PUT", path, expect, json={"map": words, "base": base})


def test_the_shared_map_begins_as_the_projects_and_an_edited_copy_takes_its_place(
    any_service: Service, call_any: Caller
) -> None:
    first = call_any("GET", "/synonyms")
    assert len(first["map"]) > 300
    assert first["saved_at"] is None
    saved = put(call_any, "/synonyms", {"big": ["large"], "猫": []}, first["version"])
    assert saved["map"] == {"big": ["large"], "猫": []}
    assert saved["saved_at"]
    assert saved["version"] != first["version"]
    assert call_any("GET", "/synonyms") == saved
    stored = json.loads(any_service.services.store.get_bytes(SHARED_KEY))
    assert stored == saved["map"]


def test_entries_of_a_dataset_win_over_the_shared_ones(
    any_service: Service, call_any: Caller
) -> None:
    dataset = call_any.dataset()
    shared = call_any("GET", "/synonyms")
    put(call_any, "/synonyms", {"big": ["large"], "dog": ["hound"], "cat": ["kitty"]},
        shared["version"])  # fmt: skip
    own = call_any("GET", f"/datasets/{dataset}/synonyms")
    assert own["map"] == {}
    put(call_any, f"/datasets/{dataset}/synonyms", {"Big": ["huge"], "dog": []}, own["version"])
    merged = merged_map(any_service.services.store, dataset)
    assert merged.entries == {"Big": ("huge",), "dog": (), "cat": ("kitty",)}
    assert merged_map(any_service.services.store, "another").entries["dog"] == ("hound",)


def test_managers_change_the_maps_of_datasets_and_only_administrators_the_shared_one(
    any_service: Service, call_any: Caller
) -> None:
    dataset, member = call_any.dataset(everyone="manager"), any_service.person("ben")
    shared = member("GET", "/synonyms")
    assert put(member, "/synonyms", {}, shared["version"], 403)["code"] == "forbidden"
    own = member("GET", f"/datasets/{dataset}/synonyms")
    put(member, f"/datasets/{dataset}/synonyms", {"big": ["large"]}, own["version"])


def test_a_map_based_on_an_older_one_is_refused_with_the_current_one(
    any_service: Service, call_any: Caller
) -> None:
    path = f"/datasets/{call_any.dataset(everyone='manager')}/synonyms"
    first = call_any("GET", path)
    hers = put(call_any, path, {"big": ["large"]}, first["version"])
    refused = put(any_service.person("ben"), path, {"big": ["huge"]}, first["version"], 409)
    assert refused["code"] == "conflict"
    assert refused["details"]["current"] == hers
    his = put(call_any, path, {"big": ["huge"]}, refused["details"]["current"]["version"])
    assert his["map"] == {"big": ["huge"]}


def test_of_many_who_save_at_once_on_the_same_base_one_wins(
    any_service: Service, call_any: Caller
) -> None:
    path = f"/datasets/{call_any.dataset(everyone='manager')}/synonyms"
    base = call_any("GET", path)["version"]
    people = [any_service.person(f"person {n}") for n in range(6)]

    def save(number: int) -> int:
        body = {"map": {"big": [f"large {number}"]}, "base": base}
        return people[number].raw("PUT", path, json=body).status_code

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(save, range(6))) == [200, 409, 409, 409, 409, 409]


def test_a_broken_map_is_refused_with_all_its_problems_and_nothing_is_saved(call: Caller) -> None:
    path = f"/datasets/{call.dataset()}/synonyms"
    base = call("GET", path)["version"]
    broken = {"": ["x"], "big": "large", "red": ["red"], "dog": ["hound", ""]}
    answer = put(call, path, broken, base, 400)
    assert answer["code"] == "invalid_input"
    assert answer["remedy"]
    assert [problem["entry"] for problem in answer["details"]["problems"]] == [
        "", "big", "red", "dog",
    ]  # fmt: skip
    assert call("GET", path)["map"] == {}


@pytest.mark.parametrize("text", ["{", "[]", '{"a": ["b"], "a": ["c"]}', '{"\\ud800": []}'])
def test_a_map_sent_as_text_is_looked_through_as_it_is_written(call: Caller, text: str) -> None:
    path = f"/datasets/{call.dataset()}/synonyms"
    put(call, path, text, call("GET", path)["version"], 400)
    assert call("POST", "/synonyms/check", json={"map": text})["problem_count"] == 1


@pytest.mark.parametrize(
    "body", [{}, {"map": []}, {"map": {}, "base": 5}, {"map": None, "base": ""}, {"base": "x"}]
)
def test_requests_of_another_shape_are_invalid_input(call: Caller, body: Any) -> None:
    answer = call("PUT", f"/datasets/{call.dataset()}/synonyms", 400, json=body)
    assert answer["code"] == "invalid_input"


def test_a_map_of_many_megabytes_is_refused_by_its_size(call: Caller) -> None:
    huge = {f"word{n}": ["x" * 100] * 40 for n in range(1200)}
    assert put(call, "/synonyms", huge, "", 413)["code"] == "too_large"


def test_there_is_no_map_of_no_dataset(call: Caller) -> None:
    call("GET", "/datasets/nobody/synonyms", 404)
    put(call, "/datasets/nobody/synonyms", {}, "", 404)
    body = {"map": {}, "dataset_id": "nobody"}
    call("POST", "/synonyms/check", 404, json=body)
    call("POST", "/synonyms/check", 404, json={**body, "which": "shared"})


def test_a_file_that_was_broken_by_hand_comes_without_its_broken_entries_and_says_so(
    service: Service, call: Caller
) -> None:
    dataset = call.dataset()
    service.services.store.put_bytes(own_key(dataset), b'{"big": ["large"], "red": "crimson"}')
    found = call("GET", f"/datasets/{dataset}/synonyms")
    assert found["map"] == {"big": ["large"]}
    assert found["problems"] == [{"entry": "red", "problem": "needs a list of synonyms"}]
    put(call, f"/datasets/{dataset}/synonyms", found["map"], found["version"])
    assert call("GET", f"/datasets/{dataset}/synonyms")["problems"] == []


def test_a_check_previews_the_datasets_captions_and_names_its_words_without_synonyms(
    any_service: Service, call_any: Caller
) -> None:
    dataset = call_any.dataset()
    ids = any_service.add_images(dataset, 3)
    for image, text in zip(ids, ["a big zebra", "a zebra with an okapi", "two dogs"], strict=True):
        any_service.save(image, text)
    body: dict[str, Any] = {"map": {"zebra": ["striped horse"], "dog": []}, "dataset_id": dataset}
    found = call_any("POST", "/synonyms/check", json=body)
    assert found["problems"] == []
    previews = {one["caption"]: one["variants"] for one in found["previews"]}
    assert "a big striped horse" in previews["a big zebra"]
    assert "a large zebra" in previews["a big zebra"]  # of the shared map
    assert previews["two dogs"] == ["2 dogs"]
    assert found["candidates"] == [["okapi", 1]]
    only = call_any("POST", "/synonyms/check", json={**body, "word": "Okapi", "per_caption": 1})
    assert [len(one["variants"]) for one in only["previews"]] == [1]
    assert only["previews"][0]["caption"] == "a zebra with an okapi"
    assert call_any("GET", f"/datasets/{dataset}/synonyms")["map"] == {}  # nothing was saved


def test_a_check_of_the_shared_map_lets_the_datasets_entries_win(call: Caller) -> None:
    dataset = call.dataset()
    path = f"/datasets/{dataset}/synonyms"
    put(call, path, {"big": ["huge"]}, call("GET", path)["version"])
    body = {"map": {"big": ["large"]}, "which": "shared", "captions": ["big"]}
    alone = call("POST", "/synonyms/check", json=body)
    assert alone["previews"] == [{"caption": "big", "variants": ["large"]}]
    within = call("POST", "/synonyms/check", json={**body, "dataset_id": dataset})
    assert within["previews"] == [{"caption": "big", "variants": ["huge"]}]


def test_the_fine_entries_of_a_broken_map_are_previewed_beside_its_problems(call: Caller) -> None:
    body = {"map": {"big": ["large"], "red": [""]}, "which": "shared", "captions": ["big red"]}
    found = call("POST", "/synonyms/check", json=body)
    assert found["problems"] == [{"entry": "red", "problem": "has an empty synonym"}]
    assert found["previews"] == [{"caption": "big red", "variants": ["large red"]}]


@pytest.mark.parametrize("number", [0, -1, 21, 1000])
def test_a_number_of_variants_out_of_range_is_refused(
    service: Service, call: Caller, number: int
) -> None:
    body = {"map": {}, "per_caption": number}
    assert "per_caption" in call("POST", "/synonyms/check", 400, json=body)["message"]
    dataset = call.dataset()
    service.finished(dataset, "split", {"train_rows": 1})
    job = {"kind": "augment", "params": {"per_caption": number}}
    answer = call("POST", f"/datasets/{dataset}/jobs", 400, json=job)
    assert "per_caption" in answer["message"]
    assert answer["remedy"]


def test_deleting_a_dataset_deletes_its_map(service: Service, call: Caller) -> None:
    dataset = call.dataset()
    path = f"/datasets/{dataset}/synonyms"
    put(call, path, {"big": ["huge"]}, call("GET", path)["version"])
    call("DELETE", f"/datasets/{dataset}", 204)
    call("DELETE", f"/trash/datasets/{dataset}", 204)
    service.work_off()
    assert not list(service.services.store.list(f"datasets/{dataset}"))
    assert call("GET", f"/datasets/{call.dataset()}/synonyms")["map"] == {}
