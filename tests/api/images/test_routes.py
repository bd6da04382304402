"""Lists and files of images."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from common.db.tables import Image
from common.images.metadata import without_metadata
from common.store import open_store
from tests.api.conftest import Caller, Service
from tests.common.images.test_metadata import FILES


def test_pages_follow_each_other_without_gap_or_repetition(
    any_service: Service, call_any: Caller
) -> None:
    dataset = call_any.dataset()
    ids = any_service.add_images(dataset, 7, captioned=3)
    seen: list[int] = []
    cursor = ""
    while True:
        page = call_any("GET", f"/datasets/{dataset}/images?limit=3{cursor}")
        seen += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == ids


def test_images_are_found_by_status_text_and_id(any_service: Service, call_any: Caller) -> None:
    dataset = call_any.dataset()
    ids = any_service.add_images(dataset, 6, captioned=3)

    def found(query: str) -> list[int]:
        return [
            item["id"] for item in call_any("GET", f"/datasets/{dataset}/images?{query}")["items"]
        ]

    assert found("status=captioned") == ids[:3]
    assert found("status=uncaptioned") == ids[3:]
    assert found("q=CAPTION+1") == [ids[1]]
    assert found("q=picture+005") == [ids[5]]
    assert found("q=%25") == []
    assert found(f"ids={ids[4]},{ids[0]}") == [ids[0], ids[4]]


def test_an_item_has_the_fields_of_the_contract(service: Service, call: Caller) -> None:
    dataset = call.dataset()
    [image_id] = service.add_images(dataset, 1, captioned=1)
    item = call("GET", f"/images/{image_id}")
    assert {
        "id", "filename", "width", "height", "caption", "revision", "captioned_by", "url", "thumb_url",
    } <= set(item)  # fmt: skip
    assert (item["caption"], item["revision"], item["captioned_by"]) == ("caption 0", 1, "ada")


@pytest.mark.parametrize("which", ["local", "s3"])
def test_files_are_kept_by_the_browser_and_sent_once(
    service: Service, call: Caller, which: str, request: pytest.FixtureRequest
) -> None:
    if which == "s3":
        store = open_store(request.getfixturevalue("s3_url"))
        object.__setattr__(service.services, "store", store)
    dataset = call.dataset()
    [image_id] = service.add_images(dataset, 1)
    item = call("GET", f"/images/{image_id}")
    for url, content, kind in (
        (item["url"], f"{dataset} 0".encode(), "image/png"),
        (item["thumb_url"], f"thumb of {dataset} 0".encode(), "image/webp"),
    ):
        first = call.raw("GET", url)
        assert (first.status_code, first.data, first.mimetype) == (200, content, kind)
        assert first.headers["Cache-Control"] == "private, max-age=31536000, immutable"
        assert first.headers["X-Content-Type-Options"] == "nosniff"
        again = call.raw("GET", url, headers={"If-None-Match": first.headers["ETag"]})
        assert (again.status_code, again.data) == (304, b"")
        plain = call.raw("GET", url.partition("?")[0])
        assert plain.headers["Cache-Control"] == "private, no-cache"


def test_a_file_that_is_missing_in_the_store_is_not_found(service: Service, call: Caller) -> None:
    dataset = call.dataset()
    [image_id] = service.add_images(dataset, 1)
    for item in list(service.services.store.list("datasets")):
        Path(str(service.services.store.local_path(item.key))).unlink()
    assert call("GET", f"/images/{image_id}/file", 404)["code"] == "not_found"


def test_a_deleted_image_is_gone_with_its_files(any_service: Service, call_any: Caller) -> None:
    dataset = call_any.dataset()
    ids = any_service.add_images(dataset, 2, captioned=2)
    call_any("DELETE", f"/images/{ids[0]}", 204)
    for path in ("", "/file", "/thumb", "/captions"):
        call_any("GET", f"/images/{ids[0]}{path}", 404)
    [trashed] = call_any("GET", "/trash")["items"]
    call_any("DELETE", f"/trash/images/{trashed['key']}", 204)
    any_service.work_off()
    assert len(list(any_service.services.store.list("datasets"))) == 2
    assert call_any("GET", f"/datasets/{dataset}")["counts"]["images"] == 1


@pytest.mark.parametrize("which", ["local", "s3"])
def test_what_came_in_with_place_and_owner_is_served_and_exported_without(
    service: Service, call: Caller, which: str, request: pytest.FixtureRequest
) -> None:
    if which == "s3":
        store = open_store(request.getfixturevalue("s3_url"))
        object.__setattr__(service.services, "store", store)
    dataset = call.dataset()
    [image_id] = service.add_images(dataset, 1)
    with service.services.readers() as session:
        key = session.get_one(Image, image_id).key
    data, plain = FILES["PNG"], without_metadata(FILES["PNG"])
    service.services.store.put_bytes(key, data)  # as an earlier version has stored it
    url = call("GET", f"/images/{image_id}")["url"]
    for _ in range(2):
        first = call.raw("GET", url)
        assert (first.data, first.mimetype) == (plain, "image/png")
        again = call.raw("GET", url, headers={"If-None-Match": first.headers["ETag"]})
        assert (again.status_code, again.data) == (304, b"")
    part = call.raw("GET", url, headers={"Range": "bytes=0-9"})
    assert b"Lovelace" not in part.data
    exported = zipfile.ZipFile(io.BytesIO(call("GET", f"/datasets/{dataset}/export.zip")))
    assert exported.read("images/picture 000.png") == plain
    kept = service.settings.model_copy(update={"keep_image_metadata": True})
    object.__setattr__(service.services, "settings", kept)
    assert call("GET", url) == data
    exported = zipfile.ZipFile(io.BytesIO(call("GET", f"/datasets/{dataset}/export.zip")))
    assert exported.read("images/picture 000.png") == data
