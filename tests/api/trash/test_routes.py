"""Datasets, images and models that are deleted, brought back, and removed for good."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from common.db.tables import (
    AuditEvent,
    Image,
    Job,
)
from common.trash.images import AT_ONCE
from tests.api.conftest import Caller, Service
from tests.api.trash.deleting import add_model, delete, keys, make, trash


def test_a_deleted_dataset_is_nowhere_and_comes_back_as_it_was(
    any_service: Service, call_any: Caller
) -> None:
    dataset = call_any.dataset("Birds")
    image = any_service.add_images(dataset, 3, captioned=2)[0]
    running = any_service.finished(dataset, "train", {}, state="running")
    add_model(any_service, dataset)
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
    [item] = trash(call_any)
    assert (item["kind"], item["name"], item["count"]) == ("dataset", "Birds", 3)
    assert item["deleted_by"] == "admin"
    assert call_any("POST", "/datasets", 201, json={"name": "Birds"})["id"] != dataset
    call_any("POST", f"/trash/datasets/{dataset}/restore")
    after = call_any("GET", f"/datasets/{dataset}")
    assert {**after, "steps": None} == {**before, "steps": None}
    assert call_any("GET", f"/images/{image}")["caption"] == "caption 0"
    assert call_any("GET", "/models/tuned")["dataset_id"] == dataset
    assert trash(call_any) == []
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
    batch = delete(call_any, dataset, ids[:4])
    assert call_any("GET", f"/datasets/{dataset}")["counts"]["images"] == 1
    call_any("GET", f"/images/{ids[0]}", 404)
    any_service.work_off()
    [item] = trash(call_any)
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
    [item] = trash(call_any)
    back = call_any("POST", f"/trash/images/{item['key']}/restore")
    assert (back["images"], back["left"]) == (0, 1)
    assert back["taken"] == [{"image_id": ids[0], "filename": "picture 000.png"}]
    call_any("DELETE", f"/trash/images/{item['key']}", 204)
    any_service.work_off()
    call_any("GET", f"/images/{again}/file")  # whose file is the same
    call_any("DELETE", f"/images/{again}", 204)
    [item] = trash(call_any)
    call_any("DELETE", f"/trash/images/{item['key']}", 204)
    any_service.work_off()
    with any_service.services.readers() as session:
        [left] = session.scalars(select(Image.sha256))
    assert {key.split("/")[-1].partition(".")[0] for key in keys(any_service)} == {left}


def test_parts_of_a_deletion_are_one_thing_in_the_trash(service: Service, call: Caller) -> None:
    dataset = call.dataset()
    ids = service.add_images(dataset, 4)
    batch = delete(call, dataset, ids[:2])
    path = f"/datasets/{dataset}/images/delete"
    more = call("POST", path, json={"image_ids": ids[2:], "batch": batch, "confirm": "Cats"})
    assert more["batch"] == batch
    [item] = trash(call)
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


def test_who_may_bring_back_and_who_may_remove(service: Service, call: Caller) -> None:
    owner, manager, maker = service.person("ada"), service.person("bob"), service.person("eve")
    dataset = make(service, "birds", "ada")
    ids = service.add_images(dataset, 2)
    add_model(service, dataset)
    batch = delete(manager, dataset, ids[:1])
    manager("DELETE", "/models/tuned?force=1", 204)
    assert {(item["kind"], item["may_remove"]) for item in trash(manager)} == {
        ("images", False), ("model", False),
    }  # fmt: skip
    manager("DELETE", f"/trash/images/{batch}", 403)
    manager("DELETE", "/trash/models/tuned", 403)
    manager("POST", f"/trash/images/{batch}/restore")
    manager("POST", "/trash/models/tuned/restore")
    owner("PUT", f"/datasets/{dataset}/everyone", json={"role": "captioner"})
    batch = delete(owner, dataset, ids[:1])
    assert trash(maker) == []
    maker("POST", f"/trash/images/{batch}/restore", 403)
    owner("PUT", f"/datasets/{dataset}/everyone", json={"role": None})
    maker("POST", f"/trash/images/{batch}/restore", 404)
    owner("DELETE", f"/datasets/{dataset}", 204)
    assert trash(manager) == trash(maker) == []
    for path in (f"/trash/datasets/{dataset}/restore", f"/trash/images/{batch}/restore"):
        manager("POST", path, 404)
    manager("DELETE", f"/trash/datasets/{dataset}", 404)
    assert [item["kind"] for item in trash(owner)] == ["dataset"]
    assert [item["kind"] for item in trash(call)] == ["dataset"]
    owner("POST", f"/trash/datasets/{dataset}/restore")
    owner("DELETE", f"/datasets/{dataset}", 204)
    owner("DELETE", f"/trash/datasets/{dataset}", 204)


def test_emptying_removes_what_one_may_and_nothing_else(service: Service, call: Caller) -> None:
    ada, bob = service.person("ada"), service.person("bob")
    mine, other = make(service, "birds", "ada"), make(service, "fish", "bob")
    for dataset in (mine, other):
        delete(ada, dataset, service.add_images(dataset, 1))
    assert len(trash(ada)) == 2
    assert ada("DELETE", "/trash") == {"removed": 1}
    assert [item["dataset_id"] for item in trash(ada)] == [other]
    bob("DELETE", f"/datasets/{other}", 204)
    assert call("DELETE", "/trash") == {"removed": 1}
    assert trash(call) == []


def test_the_trash_comes_in_pages(service: Service, call: Caller) -> None:
    dataset = call.dataset()
    for image in service.add_images(dataset, 5):
        delete(call, dataset, [image])
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
    batch = delete(call, dataset, ids)
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
