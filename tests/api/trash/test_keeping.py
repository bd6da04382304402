"""Models in the trash, how long it is kept, and what asks for a name."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import func, select

from api.people.identity import COOKIE
from common.db.tables import (
    Image,
    TrashedImage,
    TrashedModel,
    now,
)
from common.retention import count_rows, find_files
from tests.api.conftest import PASSWORD, Caller, Service
from tests.api.trash.deleting import add_model, delete, keys, later, trash


def test_a_deleted_model_comes_back_with_its_indexes_and_as_the_choice(
    any_service: Service, call_any: Caller
) -> None:
    dataset = call_any.dataset()
    add_model(any_service, dataset)
    before = call_any("GET", "/models/tuned")
    before_keys = keys(any_service)
    call_any("DELETE", "/models/tuned", 409)
    call_any("DELETE", "/models/tuned?force=1", 204)
    call_any("GET", "/models/tuned", 404)
    assert call_any("GET", f"/datasets/{dataset}/indexes")["items"] == []
    [item] = trash(call_any)
    assert (item["kind"], item["key"], item["size_bytes"]) == ("model", "tuned", 5)
    with any_service.services.readers() as session:
        services = any_service.services
        later = now() + timedelta(days=400)
        orphans = find_files(session, services.store, services.settings, later)
        assert not any("tuned" in each.name for each in orphans)
    call_any("POST", "/trash/models/tuned/restore")
    assert call_any("GET", "/models/tuned") == before
    assert call_any("GET", f"/datasets/{dataset}")["model_id"] == "tuned"
    assert keys(any_service) == before_keys
    call_any("DELETE", "/models/tuned?force=1", 204)
    call_any("DELETE", "/trash/models/tuned", 204)
    assert keys(any_service) == set()


def test_a_model_comes_back_without_a_dataset_that_has_gone(
    any_service: Service, call_any: Caller
) -> None:
    dataset = call_any.dataset()
    add_model(any_service, dataset)
    call_any("DELETE", "/models/tuned?force=1", 204)
    call_any("DELETE", f"/datasets/{dataset}", 204)
    call_any("DELETE", f"/trash/datasets/{dataset}", 204)
    call_any("POST", "/trash/models/tuned/restore")
    assert call_any("GET", "/models/tuned")["dataset_id"] is None


def test_what_has_lain_there_for_thirty_days_is_removed_with_its_files(
    any_service: Service, call_any: Caller
) -> None:
    dataset, other = call_any.dataset("one"), call_any.dataset("two")
    ids = any_service.add_images(dataset, 2)
    any_service.add_images(other, 1)
    add_model(any_service, dataset)
    delete(call_any, dataset, ids[:1])
    call_any("DELETE", "/models/tuned?force=1", 204)
    call_any("DELETE", f"/datasets/{other}", 204)
    later(any_service, days=29)
    assert len(trash(call_any)) == 3
    with any_service.services.readers() as session:
        settings, moment = any_service.services.settings, now() + timedelta(days=31)
        shown = [each for each in count_rows(session, settings, moment) if each.what == "trash"]
    assert [(each.name, each.count) for each in shown] == [
        (f"images of {dataset}", 1), ("model tuned", 1), (f"dataset {other}", 1),
    ]  # fmt: skip
    later(any_service)
    any_service.work_off()
    assert trash(call_any) == []
    with any_service.services.readers() as session:
        [image] = session.scalars(select(Image))
        for table in (TrashedImage, TrashedModel):
            assert session.scalar(select(func.count()).select_from(table)) == 0
    assert keys(any_service) == {image.key, image.thumb_key}


def test_large_deletions_ask_people_for_the_name_and_scripts_not(
    service: Service, call: Caller
) -> None:
    dataset = call.dataset()
    ids = service.add_images(dataset, 101)
    add_model(service, dataset)
    client = service.app.test_client()
    login = {"username": "admin", "password": PASSWORD}
    assert client.post("/api/v1/auth/login", json=login).status_code == 200
    assert client.get_cookie(COOKIE) is not None
    body = {"image_ids": ids}
    path = f"/api/v1/datasets/{dataset}/images/delete"
    for refused in (
        client.delete(f"/api/v1/datasets/{dataset}"),
        client.delete(f"/api/v1/datasets/{dataset}?confirm=cats"),
        client.post(path, json=body),
        client.post(path, json={**body, "confirm": "Dogs"}),
        client.delete("/api/v1/models/tuned?force=1"),
    ):
        assert refused.status_code == 400
        assert "asks for its name" in refused.get_json()["message"]
    assert client.post(path, json={**body, "confirm": "Cats"}).get_json()["deleted"] == 101
    assert client.delete("/api/v1/models/tuned?force=1&confirm=tuned").status_code == 204
    assert client.delete(f"/api/v1/datasets/{dataset}?confirm=Cats").status_code == 204
    call("POST", f"/trash/datasets/{dataset}/restore")
    call("DELETE", f"/datasets/{dataset}?confirm=Dogs", 400)
    call("DELETE", f"/datasets/{dataset}", 204)


def test_nothing_is_kept_where_the_setting_says_so(service: Service, call: Caller) -> None:
    settings = service.settings.model_copy(update={"keep_trash_days": 0})
    object.__setattr__(service.services, "settings", settings)
    dataset, other = call.dataset("one"), call.dataset("two")
    ids = service.add_images(dataset, 2)
    add_model(service, dataset)
    body = {"image_ids": ids}
    gone = call("POST", f"/datasets/{dataset}/images/delete", json=body)
    assert gone == {"deleted": 2, "batch": None}
    call("DELETE", "/models/tuned?force=1", 204)
    for each in (dataset, other):
        call("DELETE", f"/datasets/{each}", 204)
    service.work_off()
    assert trash(call) == []
    assert keys(service) == set()
