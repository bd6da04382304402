"""The dataset's own words, and the merges that a browser counts tokens with."""

from __future__ import annotations

import gzip

import pytest

from api import response_cache
from api.captions import words
from common.captions.clip_tokens import merges_file
from tests.api.conftest import Caller, Service


def test_words_and_phrases_of_all_captions_come_with_the_most_frequent_first(
    any_service: Service, call_any: Caller
) -> None:
    dataset = call_any.dataset()
    ids = any_service.add_images(dataset, 4)
    any_service.save(ids[0], "A red cat on a mat")
    any_service.save(ids[1], "a red cat at the Eiffel Tower")
    any_service.save(ids[1], "The Eiffel Tower at night", slot=1)
    any_service.save(ids[2], "taken away")
    any_service.save(ids[2], None, base=1)
    found = call_any("GET", f"/datasets/{dataset}/words")
    assert found["words"][0] == ["a", 3]
    assert ["Eiffel", 2] in found["words"]
    assert "taken" not in dict(found["words"])
    assert ["a red cat", 2] in found["phrases"]
    assert ["the Eiffel Tower", 2] in found["phrases"]


def test_an_empty_dataset_has_no_words_and_no_dataset_none(call: Caller) -> None:
    assert call("GET", f"/datasets/{call.dataset()}/words") == {"words": [], "phrases": []}
    call("GET", "/datasets/nobody/words", 404)


def test_words_of_another_dataset_are_not_mixed_in(service: Service, call: Caller) -> None:
    cats, dogs = call.dataset("Cats"), call.dataset("Dogs")
    service.add_images(cats, 1, captioned=1)
    service.add_images(dogs, 1)
    assert call("GET", f"/datasets/{cats}/words")["words"]
    assert call("GET", f"/datasets/{dogs}/words")["words"] == []


def test_the_words_are_sent_again_only_when_they_have_changed(
    service: Service, call: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(words, "LEAST_S", 0.0)
    monkeypatch.setattr(
        response_cache, "COST_SHARE", float("inf")
    )  # kept for no time, however long it took
    dataset = call.dataset()
    ids = service.add_images(dataset, 2, captioned=1)
    path = f"/datasets/{dataset}/words"
    first = call.raw("GET", path)
    etag = {"If-None-Match": first.headers["ETag"]}
    assert call.raw("GET", path, headers=etag).status_code == 304
    service.save(ids[1], "zebra crossing")
    changed = call("GET", path, headers=etag)
    assert ["zebra", 1] in changed["words"]


def test_the_merges_are_those_that_clip_uses_and_travel_packed(call: Caller) -> None:
    plain = call.raw("GET", "/tokenizer/merges.txt")
    packed = call.raw("GET", "/tokenizer/merges.txt", headers={"Accept-Encoding": "gzip, br"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data) == plain.data
    assert packed.headers["Vary"] == "Accept-Encoding"
    lines = plain.get_data(as_text=True).split("\n")
    own = gzip.decompress(merges_file().read_bytes()).decode().split("\n")
    assert lines[1:48895] == own[1:48895]
    assert len(packed.data) < 300_000
    etag = {"If-None-Match": packed.headers["ETag"], "Accept-Encoding": "gzip"}
    assert call.raw("GET", "/tokenizer/merges.txt", headers=etag).status_code == 304


def test_the_merges_need_a_sign_in_like_everything_else(service: Service) -> None:
    assert service.app.test_client().get("/api/v1/tokenizer/merges.txt").status_code == 401
