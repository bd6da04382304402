"""Uploads in portions, uploads that join a job, and what a dataset has already."""

from __future__ import annotations

import hashlib
import io
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from api.images.resumable import ResumableUploads
from common.db.tables import Image, ImageSource
from common.errors import Conflict
from common.jobs import leases
from common.store import open_store
from tests.api.conftest import Caller, Service

DATA = os.urandom(300_000)


def begin(call: Caller, size_bytes: int = len(DATA), expect: int = 201, **more: Any) -> Any:
    body = {"name": "set.zip", "size_bytes": size_bytes, **more}
    return call("POST", "/uploads", expect, json=body)


def put(call: Caller, upload: str, at: Any, data: bytes, expect: int = 200) -> Any:
    headers = {"Upload-Offset": str(at)}
    return call("PUT", f"/uploads/{upload}", expect, data=data, headers=headers,
                content_type="application/octet-stream")  # fmt: skip


def files(*named: tuple[str, bytes]) -> dict[str, Any]:
    return {
        "data": {"files": [(io.BytesIO(data), name) for name, data in named]},
        "content_type": "multipart/form-data",
    }


@pytest.mark.parametrize("which", ["local", "s3"])
def test_an_upload_in_portions_becomes_one_file_of_a_job(
    service: Service, call: Caller, which: str, request: pytest.FixtureRequest
) -> None:
    if which == "s3":
        object.__setattr__(service.services, "store", open_store(request.getfixturevalue("s3_url")))
    dataset = call.dataset()
    upload = begin(call)["id"]
    assert put(call, upload, 0, DATA[:100_000])["offset"] == 100_000
    assert call("GET", f"/uploads/{upload}")["offset"] == 100_000
    assert put(call, upload, 100_000, DATA[100_000:])["offset"] == len(DATA)
    body = {"uploads": [upload]}
    job = call("POST", f"/datasets/{dataset}/images", 202, json=body)["job"]
    (stored,) = job["params"]["uploads"]
    assert (job["kind"], stored["name"]) == ("ingest", "set.zip")
    assert service.services.store.get_bytes(stored["key"]) == DATA
    again = call("POST", f"/datasets/{dataset}/images", 202, json=body)["job"]
    assert again["id"] == job["id"]
    told = call("GET", f"/uploads/{upload}")
    assert (told["job_id"], told["offset"]) == (job["id"], len(DATA))
    assert not list((service.settings.work_dir / "incoming").glob("*.part"))


def test_an_upload_goes_on_where_it_was_also_after_the_client_forgot_its_id(call: Caller) -> None:
    upload = begin(call, fingerprint="abc")
    put(call, upload["id"], 0, DATA[:1000])
    again = begin(call, fingerprint="abc", expect=200)
    assert (again["id"], again["offset"]) == (upload["id"], 1000)
    for other in ({"fingerprint": "abd"}, {"fingerprint": "abc", "name": "other.zip"}, {}):
        assert begin(call, **other)["id"] != upload["id"]
    assert begin(call)["id"] != begin(call)["id"]


def test_a_portion_for_another_place_is_a_conflict_that_tells_the_offset(call: Caller) -> None:
    upload = begin(call)["id"]
    put(call, upload, 0, DATA[:1000])
    for at in (0, 999, 1001):
        answer = put(call, upload, at, b"x", expect=409)
        assert (answer["code"], answer["details"]["offset"]) == ("conflict", 1000)
    for at in ("", "-1", "one", "1" * 30, "٣"):
        headers = {"Upload-Offset": at}
        call("PUT", f"/uploads/{upload}", 400, data=b"x", headers=headers)
    assert call("GET", f"/uploads/{upload}")["offset"] == 1000


def test_more_than_was_announced_and_more_than_is_allowed_are_refused(
    service: Service, call: Caller
) -> None:
    upload = begin(call, size_bytes=10)["id"]
    assert put(call, upload, 0, b"x" * 11, expect=400)["code"] == "invalid_input"
    assert put(call, upload, 0, b"x" * 10)["offset"] == 10
    limit = service.settings.max_upload_mib * 2**20
    assert begin(call, size_bytes=limit + 1, expect=413)["code"] == "too_large"
    for size in (0, -1, 2**63):
        begin(call, size_bytes=size, expect=400)


def test_an_upload_that_is_not_whole_is_not_taken(service: Service, call: Caller) -> None:
    dataset = call.dataset()
    upload = begin(call)["id"]
    put(call, upload, 0, DATA[:7])
    answer = call("POST", f"/datasets/{dataset}/images", 409, json={"uploads": [upload]})
    assert "7 of 300,000 bytes" in answer["message"]
    assert list(service.services.store.list("uploads")) == []
    call("POST", f"/datasets/{dataset}/images", 400, json={"uploads": []})
    call("POST", "/datasets/nowhere/images", 404, json={"uploads": [upload]})


def test_an_upload_is_its_senders_alone(service: Service, call: Caller) -> None:
    upload = begin(call, fingerprint="abc")["id"]
    bert = service.person("bert")
    dataset = bert.dataset()
    put(bert, upload, 0, b"x", expect=404)
    for method in ("GET", "DELETE"):
        bert(method, f"/uploads/{upload}", 404)
    bert("POST", f"/datasets/{dataset}/images", 404, json={"uploads": [upload]})
    assert begin(bert, fingerprint="abc")["id"] != upload
    call("DELETE", f"/uploads/{upload}", 204)
    call("GET", f"/uploads/{upload}", 404)


@pytest.mark.parametrize("upload", ["..%2f..%2fsecret", "a" * 32, "A" * 32, "x", "0" * 31 + "."])
def test_an_id_that_was_never_given_leads_nowhere(
    service: Service, call: Caller, upload: str
) -> None:
    service.settings.work_dir.mkdir(parents=True, exist_ok=True)
    (service.settings.work_dir / "secret.json").write_text("{}")
    call("GET", f"/uploads/{upload}", 404)
    assert call.raw("PUT", f"/uploads/{upload}", headers={"Upload-Offset": "0"}).status_code == 404


def test_a_name_with_a_path_cannot_leave_the_folder_of_uploads(
    service: Service, call: Caller
) -> None:
    dataset = call.dataset()
    upload = begin(call, size_bytes=1, name="../../../etc/passwd.zip")["id"]
    put(call, upload, 0, b"x")
    job = call("POST", f"/datasets/{dataset}/images", 202, json={"uploads": [upload]})["job"]
    assert job["params"]["uploads"][0]["key"].endswith("/0/passwd.zip")
    begin(call, name="a\nb.zip", expect=400)


def test_uploads_outlive_the_process_and_are_swept_when_nobody_goes_on(tmp_path: Path) -> None:
    first = ResumableUploads(tmp_path / "incoming")
    upload = first.begin("ada", "a.zip", 10, "")
    first.append(upload, 0, io.BytesIO(b"12345").read)
    (tmp_path / "incoming" / f"{'0' * 32}.json").write_text("{cut sho")
    later = ResumableUploads(tmp_path / "incoming")
    assert later.offset(later.find("ada", upload.id)) == 5
    assert later.sweep(older_than_s=60) == 0
    old = time.time() - 100
    for path in (tmp_path / "incoming").iterdir():
        os.utime(path, (old, old))
    os.utime(later.path(upload))  # something came just now
    assert later.sweep(older_than_s=60) == 1
    os.utime(later.path(upload), (old, old))
    assert later.sweep(older_than_s=60) == 2
    assert list((tmp_path / "incoming").iterdir()) == []


def test_a_connection_that_was_thought_dead_cannot_write_between_the_new_ones_bytes(
    tmp_path: Path,
) -> None:
    resumable = ResumableUploads(tmp_path)
    upload = resumable.begin("ada", "a.zip", 100, "")
    pieces = [b"old-1", b"", b"old-2"]

    def slow_then_back(_: int) -> bytes:
        if len(pieces) == 2:
            pieces.pop(0)
            resumable.append(upload, 5, io.BytesIO(b"new").read)
        return pieces.pop(0)

    with pytest.raises(Conflict):
        resumable.append(upload, 0, slow_then_back)
    assert resumable.path(upload).read_bytes() == b"old-1new"


def test_two_requests_that_hand_an_upload_over_make_one_job(service: Service, call: Caller) -> None:
    dataset = call.dataset()
    upload = begin(call, size_bytes=3)["id"]
    put(call, upload, 0, b"abc")
    callers = [Caller(service.app.test_client(), call.token) for _ in range(4)]
    body = {"uploads": [upload]}
    with ThreadPoolExecutor(4) as pool:
        made = pool.map(
            lambda one: one("POST", f"/datasets/{dataset}/images", 202, json=body), callers
        )
        assert len({answer["job"]["id"] for answer in made}) == 1


def test_portions_of_a_folder_join_the_job_that_has_not_begun(
    any_service: Service, call_any: Caller
) -> None:
    dataset = call_any.dataset("one", everyone="manager")
    other = call_any.dataset("other", everyone="manager")
    address = f"/datasets/{dataset}/images"
    first = call_any("POST", address, 202, **files(("a.png", b"1")))["job"]
    join = f"{address}?join={first['id']}"
    joined = call_any("POST", join, 202, **files(("b.png", b"2"), ("c.png", b"3")))["job"]
    assert joined["id"] == first["id"]
    names = [upload["name"] for upload in joined["params"]["uploads"]]
    assert names == ["a.png", "b.png", "c.png"]
    bert = any_service.person("bert")
    assert bert("POST", join, 202, **files(("d.png", b"4")))["job"]["id"] != first["id"]
    elsewhere = f"/datasets/{other}/images?join={first['id']}"
    kept = call_any("POST", elsewhere, 202, **files(("e.png", b"5")))["job"]["id"]
    assert kept != first["id"]
    with any_service.services.sessions() as session:
        assert leases.take(session, first["id"], "worker", 30) is not None
    later = call_any("POST", join, 202, **files(("f.png", b"6")))["job"]
    assert later["id"] != first["id"]
    call_any("POST", f"/jobs/{kept}/stop", 202)
    call_any("DELETE", f"/datasets/{dataset}", 204)
    any_service.work_off()
    assert [item.key.rsplit("/", 1)[1] for item in any_service.services.store.list("uploads")] == [
        "e.png"
    ]


def test_a_job_of_many_files_is_told_by_the_first_ones(call: Caller) -> None:
    dataset = call.dataset()
    many = files(*[(f"{number}.png", b"x") for number in range(50)])
    params = call("POST", f"/datasets/{dataset}/images", 202, **many)["job"]["params"]
    assert (len(params["uploads"]), params["uploads_count"]) == (20, 50)


def test_known_files_are_told_by_their_hash_also_those_that_were_changed(
    any_service: Service, call_any: Caller
) -> None:
    dataset, other = call_any.dataset("one"), call_any.dataset("other")
    ids = any_service.add_images(dataset, 2)
    any_service.add_images(other, 1)
    turned = hashlib.sha256(b"a lying picture").hexdigest()
    with any_service.services.sessions() as session:
        session.add(ImageSource(sha256=turned, image_id=ids[1]))
        stored = session.get_one(Image, ids[0]).sha256
        foreign = session.query(Image).filter_by(dataset_id=other).one().sha256
    asked = {"sha256": ["0" * 64, turned, foreign, stored]}
    answer = call_any("POST", f"/datasets/{dataset}/images/known", json=asked)
    assert answer == {"known": [turned, stored]}
    call_any("POST", f"/datasets/{dataset}/images/known", 400, json={"sha256": ["X" * 64]})
    call_any("POST", "/datasets/nowhere/images/known", 404, json=asked)
