"""Datasets, images and models that are deleted, brought back, and removed for good."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update

from api.people.identity import COOKIE
from common.db.tables import (
    AuditEvent,
    Dataset,
    Image,
    Job,
    Member,
    Model,
    SearchIndex,
    TrashedImage,
    TrashedModel,
    User,
    now,
)
from common.retention import count_rows, find_files
from common.trash.expiry import remove_expired
from common.trash.images import AT_ONCE
from tests.api.conftest import PASSWORD, Caller, Service


def _trash(call: Caller) -> list[dict[str, Any]]:
    return list(call("GET", "/trash")["items"])


def _delete(call: Caller, dataset: str, ids: list[int]) -> str:
    body = {"image_ids": ids}
    return str(call("POST", f"/datasets/{dataset}/images/delete", json=body)["batch"])


def _make(service: Service, name: str, owner: str) -> str:
    with service.services.sessions() as session:
        session.add(Dataset(id=name, name=name.title(), created_by=owner, everyone_role="manager"))
        session.flush()
        user_id = session.scalars(select(User.id).where(User.name == owner)).one()
        session.add(Member(dataset_id=name, user_id=user_id, role="owner", added_by=owner))
    return name


def _add_model(service: Service, dataset: str, name: str = "tuned") -> None:
    with service.services.sessions() as session:
        session.add(
            Model(
                id=name, name=name, architecture="ViT-B-32", folder=f"models_finetuned/{name}",
                dataset_id=dataset, created_by="ada", lineage={"a": 1},
            )
        )  # fmt: skip
        session.add(
            SearchIndex(
                dataset_id=dataset,
                model_id=name,
                prefix=f"indexes/{dataset}/{name}/",
                images=3,
                dim=4,
            )
        )
        session.execute(update(Dataset).where(Dataset.id == dataset).values(model_id=name))
    for key in (f"models_finetuned/{name}/training.json", f"indexes/{dataset}/{name}/index.faiss"):
        service.services.store.put_bytes(key, b"12345")


def _keys(service: Service) -> set[str]:
    return {item.key for item in service.services.store.list("")}


def _later(service: Service, days: float = 31) -> None:
    """What the maintenance worker does after that many days."""
    services = service.services
    with services.sessions() as session:
        gone = remove_expired(session, services.settings, now() + timedelta(days=days))
    for folder in gone.folders:
        services.store.delete_prefix(folder)


def test_a_deleted_dataset_is_nowhere_and_comes_back_as_it_was(
    any_service: Service, call_any: Caller
) -> None:
    dataset = call_any.dataset("Birds")
    image = any_service.add_images(dataset, 3, captioned=2)[0]
    running = any_service.finished(dataset, "train", {}, state="running")
    _add_model(any_service, dataset)
    before = call_any("GET", f"/datasets/{dataset}")
    call_any("DELETE", f"/datasets/{dataset}", 204)
    paths = (
        f"/datasets/{dataset}",
        f"/images/{image}",
        f"/images/{image}/file",
        f"/jobs/{running}",
    )
    for path in paths:
        call_any("GET", path, 404)
    call_any("PUT", f"/images/{image}/flag", 404, json={"flagged": True})
    assert call_any("GET", "/datasets")["items"] == []
    assert call_any("GET", "/jobs")["items"] == []
    assert call_any("GET", "/models/tuned")["dataset_id"] is None  # models remain
    with any_service.services.readers() as session:
        assert session.get_one(Job, running).state == "stopping"
    [item] = _trash(call_any)
    assert (item["kind"], item["name"], item["count"]) == ("dataset", "Birds", 3)
    assert item["deleted_by"] == "admin"
    assert call_any("POST", "/datasets", 201, json={"name": "Birds"})["id"] != dataset
    call_any("POST", f"/trash/datasets/{dataset}/restore")
    after = call_any("GET", f"/datasets/{dataset}")
    assert {**after, "steps": None} == {**before, "steps": None}
    assert call_any("GET", f"/images/{image}")["caption"] == "caption 0"
    assert call_any("GET", "/models/tuned")["dataset_id"] == dataset
    assert _trash(call_any) == []
    call_any("POST", f"/trash/datasets/{dataset}/restore", 404)


def test_no_job_is_made_for_a_dataset_in_the_trash(service: Service, call: Caller) -> None:
    from common.errors import NotFound
    from common.jobs.states import create_job

    dataset = call.dataset()
    call("DELETE", f"/datasets/{dataset}", 204)
    with pytest.raises(NotFound), service.services.sessions() as session:
        create_job(session, "split", dataset_id=dataset, params={}, created_by="ada")


def test_deleted_images_come_back_with_their_ids_captions_histories_and_files(
    any_service: Service, call_any: Caller
) -> None:
    dataset = call_any.dataset()
    ids = any_service.add_images(dataset, 5, captioned=3)
    any_service.save(ids[0], "a second one", slot=1)
    call_any("PUT", f"/images/{ids[1]}/flag", json={"flagged": True, "note": "blurred"})
    whole = [call_any("GET", f"/images/{each}") for each in ids]
    history = call_any("GET", f"/images/{ids[0]}/captions")
    batch = _delete(call_any, dataset, ids[:4])
    assert call_any("GET", f"/datasets/{dataset}")["counts"]["images"] == 1
    call_any("GET", f"/images/{ids[0]}", 404)
    any_service.work_off()
    [item] = _trash(call_any)
    assert (item["kind"], item["key"], item["count"]) == ("images", batch, 4)
    assert item["name"] == "picture 000.png"
    back = call_any("POST", f"/trash/images/{batch}/restore")
    assert (back["images"], back["left"]) == (4, 0)
    assert [call_any("GET", f"/images/{each}") for each in ids] == whole
    told = call_any("GET", f"/images/{ids[0]}/captions")
    assert [{**each, "id": 0} for each in told["items"]] == [
        {**each, "id": 0} for each in history["items"]
    ]
    assert call_any("GET", f"/datasets/{dataset}")["counts"] == {
        **call_any("GET", f"/datasets/{dataset}")["counts"], "images": 5, "captioned": 3,
    }  # fmt: skip
    call_any("GET", f"/images/{ids[0]}/file")
    call_any("POST", f"/trash/images/{batch}/restore", 404)


def test_a_picture_that_was_uploaded_again_meanwhile_stays_in_the_trash_and_is_told(
    any_service: Service, call_any: Caller
) -> None:
    dataset = call_any.dataset()
    ids = any_service.add_images(dataset, 2)
    call_any("DELETE", f"/images/{ids[0]}", 204)
    [again] = any_service.add_images(dataset, 1)  # the same file as that of ids[0]
    [item] = _trash(call_any)
    back = call_any("POST", f"/trash/images/{item['key']}/restore")
    assert (back["images"], back["left"]) == (0, 1)
    assert back["taken"] == [{"image_id": ids[0], "filename": "picture 000.png"}]
    call_any("DELETE", f"/trash/images/{item['key']}", 204)
    any_service.work_off()
    call_any("GET", f"/images/{again}/file")  # whose file is the same
    call_any("DELETE", f"/images/{again}", 204)
    [item] = _trash(call_any)
    call_any("DELETE", f"/trash/images/{item['key']}", 204)
    any_service.work_off()
    with any_service.services.readers() as session:
        [left] = session.scalars(select(Image.sha256))
    assert {key.split("/")[-1].partition(".")[0] for key in _keys(any_service)} == {left}


def test_parts_of_a_deletion_are_one_thing_in_the_trash(service: Service, call: Caller) -> None:
    dataset = call.dataset()
    ids = service.add_images(dataset, 4)
    batch = _delete(call, dataset, ids[:2])
    path = f"/datasets/{dataset}/images/delete"
    more = call("POST", path, json={"image_ids": ids[2:], "batch": batch, "confirm": "Cats"})
    assert more["batch"] == batch
    [item] = _trash(call)
    assert item["count"] == 4
    other = call("POST", path, json={"image_ids": ids, "batch": "of nobody", "confirm": "Cats"})
    assert other == {"deleted": 0, "batch": None}


def test_a_late_caption_for_an_image_in_the_trash_says_that_it_was_deleted(
    service: Service, call: Caller
) -> None:
    from common.errors import NotFound

    dataset = call.dataset()
    [image] = service.add_images(dataset, 1)
    call("DELETE", f"/images/{image}", 204)
    with pytest.raises(NotFound):
        service.save(image, "typed meanwhile")


def test_a_caption_typed_while_its_dataset_was_deleted_is_there_when_it_comes_back(
    service: Service, call: Caller
) -> None:
    dataset = call.dataset()
    [image] = service.add_images(dataset, 1)
    call("DELETE", f"/datasets/{dataset}", 204)
    service.save(image, "typed meanwhile")
    call("POST", f"/trash/datasets/{dataset}/restore")
    assert call("GET", f"/images/{image}")["caption"] == "typed meanwhile"


def test_a_deleted_model_comes_back_with_its_indexes_and_as_the_choice(
    any_service: Service, call_any: Caller
) -> None:
    dataset = call_any.dataset()
    _add_model(any_service, dataset)
    before = call_any("GET", "/models/tuned")
    keys = _keys(any_service)
    call_any("DELETE", "/models/tuned", 409)
    call_any("DELETE", "/models/tuned?force=1", 204)
    call_any("GET", "/models/tuned", 404)
    assert call_any("GET", f"/datasets/{dataset}/indexes")["items"] == []
    [item] = _trash(call_any)
    assert (item["kind"], item["key"], item["size_bytes"]) == ("model", "tuned", 5)
    with any_service.services.readers() as session:
        services = any_service.services
        later = now() + timedelta(days=400)
        orphans = find_files(session, services.store, services.settings, later)
        assert not any("tuned" in each.name for each in orphans)
    call_any("POST", "/trash/models/tuned/restore")
    assert call_any("GET", "/models/tuned") == before
    assert call_any("GET", f"/datasets/{dataset}")["model_id"] == "tuned"
    assert _keys(any_service) == keys
    call_any("DELETE", "/models/tuned?force=1", 204)
    call_any("DELETE", "/trash/models/tuned", 204)
    assert _keys(any_service) == set()


def test_a_model_comes_back_without_a_dataset_that_has_gone(
    any_service: Service, call_any: Caller
) -> None:
    dataset = call_any.dataset()
    _add_model(any_service, dataset)
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
    _add_model(any_service, dataset)
    _delete(call_any, dataset, ids[:1])
    call_any("DELETE", "/models/tuned?force=1", 204)
    call_any("DELETE", f"/datasets/{other}", 204)
    _later(any_service, days=29)
    assert len(_trash(call_any)) == 3
    with any_service.services.readers() as session:
        settings, moment = any_service.services.settings, now() + timedelta(days=31)
        shown = [each for each in count_rows(session, settings, moment) if each.what == "trash"]
    assert [(each.name, each.count) for each in shown] == [
        (f"images of {dataset}", 1), ("model tuned", 1), (f"dataset {other}", 1),
    ]  # fmt: skip
    _later(any_service)
    any_service.work_off()
    assert _trash(call_any) == []
    with any_service.services.readers() as session:
        [image] = session.scalars(select(Image))
        for table in (TrashedImage, TrashedModel):
            assert session.scalar(select(func.count()).select_from(table)) == 0
    assert _keys(any_service) == {image.key, image.thumb_key}


def test_who_may_bring_back_and_who_may_remove(service: Service, call: Caller) -> None:
    owner, manager, maker = service.person("ada"), service.person("bob"), service.person("eve")
    dataset = _make(service, "birds", "ada")
    ids = service.add_images(dataset, 2)
    _add_model(service, dataset)
    batch = _delete(manager, dataset, ids[:1])
    manager("DELETE", "/models/tuned?force=1", 204)
    assert {(item["kind"], item["may_remove"]) for item in _trash(manager)} == {
        ("images", False), ("model", False),
    }  # fmt: skip
    manager("DELETE", f"/trash/images/{batch}", 403)
    manager("DELETE", "/trash/models/tuned", 403)
    manager("POST", f"/trash/images/{batch}/restore")
    manager("POST", "/trash/models/tuned/restore")
    owner("PUT", f"/datasets/{dataset}/everyone", json={"role": "captioner"})
    batch = _delete(owner, dataset, ids[:1])
    assert _trash(maker) == []
    maker("POST", f"/trash/images/{batch}/restore", 403)
    owner("PUT", f"/datasets/{dataset}/everyone", json={"role": None})
    maker("POST", f"/trash/images/{batch}/restore", 404)
    owner("DELETE", f"/datasets/{dataset}", 204)
    assert _trash(manager) == _trash(maker) == []
    for path in (f"/trash/datasets/{dataset}/restore", f"/trash/images/{batch}/restore"):
        manager("POST", path, 404)
    manager("DELETE", f"/trash/datasets/{dataset}", 404)
    assert [item["kind"] for item in _trash(owner)] == ["dataset"]
    assert [item["kind"] for item in _trash(call)] == ["dataset"]
    owner("POST", f"/trash/datasets/{dataset}/restore")
    owner("DELETE", f"/datasets/{dataset}", 204)
    owner("DELETE", f"/trash/datasets/{dataset}", 204)


def test_emptying_removes_what_one_may_and_nothing_else(service: Service, call: Caller) -> None:
    ada, bob = service.person("ada"), service.person("bob")
    mine, other = _make(service, "birds", "ada"), _make(service, "fish", "bob")
    for dataset in (mine, other):
        _delete(ada, dataset, service.add_images(dataset, 1))
    assert len(_trash(ada)) == 2
    assert ada("DELETE", "/trash") == {"removed": 1}
    assert [item["dataset_id"] for item in _trash(ada)] == [other]
    bob("DELETE", f"/datasets/{other}", 204)
    assert call("DELETE", "/trash") == {"removed": 1}
    assert _trash(call) == []


def test_the_trash_comes_in_pages(service: Service, call: Caller) -> None:
    dataset = call.dataset()
    for image in service.add_images(dataset, 5):
        _delete(call, dataset, [image])
    seen, cursor = [], ""
    for _ in range(3):
        page = call(
            "GET", "/trash", query_string={"limit": 2, **({"cursor": cursor} if cursor else {})}
        )
        seen += [item["name"] for item in page["items"]]
        cursor = page["next_cursor"]
    assert seen == [f"picture {number:03}.png" for number in (4, 3, 2, 1, 0)]
    assert cursor is None
    call("GET", "/trash?cursor=yesterday", 400)


def test_large_deletions_ask_people_for_the_name_and_scripts_not(
    service: Service, call: Caller
) -> None:
    dataset = call.dataset()
    ids = service.add_images(dataset, 101)
    _add_model(service, dataset)
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
    _add_model(service, dataset)
    body = {"image_ids": ids}
    gone = call("POST", f"/datasets/{dataset}/images/delete", json=body)
    assert gone == {"deleted": 2, "batch": None}
    call("DELETE", "/models/tuned?force=1", 204)
    for each in (dataset, other):
        call("DELETE", f"/datasets/{each}", 204)
    service.work_off()
    assert _trash(call) == []
    assert _keys(service) == set()


def test_a_deletion_in_several_portions_is_whole_and_written_down(
    service: Service, call: Caller
) -> None:
    dataset = call.dataset()
    with service.services.sessions() as session:
        for number in range(AT_ONCE + 20):
            session.add(
                Image(
                    dataset_id=dataset, sha256=f"{number:064x}", ext="png", filename=f"{number}.png",
                    width=1, height=1, size_bytes=1, phash="0",
                )
            )  # fmt: skip
    ids = call("GET", f"/datasets/{dataset}/images/ids")["ids"]
    batch = _delete(call, dataset, ids)
    assert call("GET", f"/datasets/{dataset}")["counts"]["images"] == 0
    assert call("POST", f"/trash/images/{batch}/restore")["images"] == AT_ONCE + 20
    assert call("GET", f"/datasets/{dataset}/images/ids")["ids"] == ids
    with service.services.readers() as session:
        noted = {
            event.act: event
            for event in session.scalars(select(AuditEvent).where(AuditEvent.dataset_id == dataset))
        }
    assert noted["images.delete"].details["images"] == AT_ONCE + 20
    assert noted["images.delete"].details["names"][:2] == ["0.png", "1.png"]
    assert noted["trash.restore"].details == {"images": AT_ONCE + 20, "left": 0}
