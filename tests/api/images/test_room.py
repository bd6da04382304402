"""Uploads and a disk with little room: what is announced counts, the reserve stays, and full is 507."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

import api.images.room
import common.store.disk
from api.images.resumable import ResumableUploads
from common.db.tables import Image
from common.errors import DiskFull
from common.store.disk import is_disk_full
from tests.api.conftest import Caller, Service
from tests.api.trash.deleting import delete
from tests.small_disk import mounted

MIB = 2**20


@pytest.fixture
def reserve(monkeypatch: pytest.MonkeyPatch) -> int:
    """A reserve that fits a small disk."""
    monkeypatch.setattr(common.store.disk, "SPARE_BYTES", MIB)
    return MIB


def test_announced_uploads_are_summed_and_what_has_come_counts_once(
    tmp_path: Path, reserve: int
) -> None:
    with mounted(tmp_path / "disk", "8m") as disk:
        uploads = ResumableUploads(disk / "incoming")
        first = uploads.begin("anna", "a.zip", 4 * MIB, "")
        with pytest.raises(DiskFull, match="announced for other uploads") as caught:
            uploads.begin("ben", "b.zip", 4 * MIB, "")
        assert caught.value.status == 507
        assert caught.value.details is not None
        assert caught.value.details["promised_bytes"] == 4 * MIB
        uploads.append(first, 0, io.BytesIO(bytes(2 * MIB)).read)
        assert (uploads.missing_bytes(), uploads.announced_bytes("anna")) == (2 * MIB, 4 * MIB)
        with pytest.raises(DiskFull):
            uploads.begin("ben", "b.zip", 4 * MIB, "")
        uploads.drop(first)
        assert uploads.begin("ben", "b.zip", 4 * MIB, "").size_bytes == 4 * MIB


def test_the_reserve_stays_free_while_portions_come(tmp_path: Path, reserve: int) -> None:
    with mounted(tmp_path / "disk", "8m") as disk:
        uploads = ResumableUploads(disk / "incoming")
        upload = uploads.begin("anna", "a.zip", 6 * MIB, "")
        (disk / "something else").write_bytes(bytes(3 * MIB))
        with pytest.raises(DiskFull, match="stay free for everything else"):
            uploads.append(upload, 0, io.BytesIO(bytes(6 * MIB)).read)
        offset = uploads.offset(upload)
        assert 3 * MIB <= offset <= 4 * MIB
        (disk / "something else").unlink()
        uploads.append(upload, offset, io.BytesIO(bytes(6 * MIB - offset)).read)
        assert uploads.offset(upload) == 6 * MIB


def test_a_full_disk_and_its_databases_are_told_from_other_errors(tmp_path: Path) -> None:
    import sqlite3

    with mounted(tmp_path / "disk", "64k") as disk:
        connection = sqlite3.connect(disk / "a.db")
        connection.execute("CREATE TABLE t (a)")
        with pytest.raises(sqlite3.OperationalError) as caught:
            connection.execute("INSERT INTO t VALUES (zeroblob(200000))")
            connection.commit()
        connection.close()
        assert is_disk_full(caught.value)
        with pytest.raises(OSError, match="No space") as written:
            (disk / "b").write_bytes(bytes(200_000))
        assert is_disk_full(written.value)
    assert not is_disk_full(FileNotFoundError())


def _limited(service: Service, **quotas: float | None) -> None:
    settings = service.services.settings.model_copy(update=quotas)
    object.__setattr__(service.services, "settings", settings)


def _large(service: Service, dataset: str) -> int:
    """An image of 600,000 bytes."""
    image = Image(
        dataset_id=dataset, sha256="a" * 64, ext="png", filename="a.png", width=1, height=1,
        size_bytes=600_000, phash="0" * 40,
    )  # fmt: skip
    with service.services.sessions() as session:
        session.add(image)
    return image.id


def test_quotas_are_said_in_the_refusal_and_on_the_workers_page(
    service: Service, call: Caller
) -> None:
    _limited(service, person_quota_gib=1 / 1024, service_quota_gib=2 / 1024)
    dataset = call.dataset()
    _large(service, dataset)
    body = {"name": "set.zip", "size_bytes": 500_000}
    refused = call("POST", "/uploads", 507, json=body)
    assert refused["code"] == "disk_full"
    assert "CLIP_BROWSER_PERSON_QUOTA_GIB" in refused["remedy"]
    assert refused["details"] == {"used_bytes": 600_000, "quota_bytes": MIB}
    call("POST", "/uploads", 201, json={**body, "size_bytes": 400_000})
    call("POST", "/uploads", 507, json={**body, "size_bytes": 400_000})
    files: Any = {"files": [(io.BytesIO(bytes(100_000)), "a.png")]}
    sent = {"data": files, "content_type": "multipart/form-data"}
    call("POST", f"/datasets/{dataset}/images", 507, **sent)
    disk = call("GET", "/system")["disk"]
    assert (disk["my_quota_gb"], disk["service_quota_gb"]) == (1 / 1024, 2 / 1024)
    assert disk["reserve_gb"] == 0.25


def test_what_lies_in_the_trash_counts_until_it_is_removed_for_good(
    service: Service, call: Caller
) -> None:
    _limited(service, person_quota_gib=1 / 1024, service_quota_gib=1 / 1024)
    dataset = call.dataset()
    batch = delete(call, dataset, [_large(service, dataset)])
    body = {"name": "set.zip", "size_bytes": 500_000}
    assert "trash" in call("POST", "/uploads", 507, json=body)["remedy"]
    assert service.person("ada")("POST", "/uploads", 507, json=body)["message"].startswith(
        "The service uses"
    )
    call("DELETE", f"/trash/images/{batch}", 204)
    call("POST", "/uploads", 201, json=body)


def test_what_is_uploaded_into_somebodys_dataset_counts_for_that_one(
    service: Service, call: Caller
) -> None:
    _limited(service, person_quota_gib=1 / 1024)
    dataset = call.dataset()
    _large(service, dataset)
    ada = service.person("ada")
    call("PUT", f"/datasets/{dataset}/members/ada", json={"role": "manager"})
    files: Any = {"files": [(io.BytesIO(bytes(500_000)), "a.png")]}
    sent = {"data": files, "content_type": "multipart/form-data"}
    refused = ada("POST", f"/datasets/{dataset}/images", 507, **sent)
    assert refused["message"].startswith("admin, who made the dataset, uses")
    upload = ada("POST", "/uploads", 201, json={"name": "set.zip", "size_bytes": 500_000})
    whole = {"data": bytes(500_000), "headers": {"Upload-Offset": "0"}}
    ada("PUT", f"/uploads/{upload['id']}", content_type="application/octet-stream", **whole)
    body = {"uploads": [upload["id"]]}
    ada("POST", f"/datasets/{dataset}/images", 507, json=body)
    _limited(service, person_quota_gib=None)
    ada("POST", f"/datasets/{dataset}/images", 202, json=body)


def test_no_caption_is_told_to_be_queued_on_a_full_disk(
    service: Service, call: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = call.dataset()
    [image_id] = service.add_images(dataset, 1)
    body = {"text": "a dog", "base_revision": 0, "client_id": "c1"}
    call("PUT", f"/images/{image_id}/caption", 202, json=body)
    service.services.settings.data_dir.mkdir(exist_ok=True)
    monkeypatch.setattr(api.images.room, "CAPTIONS_BYTES", 2**60)
    assert call("PUT", f"/images/{image_id}/caption", 507, json=body)["code"] == "disk_full"


def test_a_redis_that_cannot_write_is_no_place_for_a_caption(
    service: Service, call: Caller
) -> None:
    dataset = call.dataset()
    [image_id] = service.add_images(dataset, 1)
    redis = service.services.queue.redis
    redis.config_set("maxmemory-policy", "noeviction")
    redis.config_set("maxmemory", "1")
    try:
        body = {"text": "a dog", "base_revision": 0, "client_id": "c2"}
        refused = call("PUT", f"/images/{image_id}/caption", 503, json=body)
    finally:
        redis.config_set("maxmemory", "0")
    assert refused["code"] == "queue_unavailable"
    assert "keeps no messages" in refused["message"]
