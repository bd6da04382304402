"""The registry of models."""

from __future__ import annotations

import io
import zipfile
from typing import Any

from common.db.tables import Job, Model, SearchIndex
from tests.api.conftest import Caller, Service

OWN = "20261123-101010_cats"


def trained(service: Service, dataset: str, indexed: bool = True) -> None:
    """A fine-tuned model with its files, and an index made with it."""
    with service.services.sessions() as session:
        session.add(
            Model(
                id=OWN, name="Cats 1", architecture="ViT-B-32-quickgelu", pretrained="openai",
                folder=f"models_finetuned/{OWN}", dataset_id=dataset, created_by="ada", params={},
                metrics={"recall_after": {"t2i_r1": 0.5}},
            )
        )  # fmt: skip
        if indexed:
            session.add(
                SearchIndex(
                    dataset_id=dataset, model_id=OWN, prefix=f"indexes/{dataset}/{OWN}/1", images=2, dim=512
                )
            )  # fmt: skip
    service.services.store.put_bytes(f"models_finetuned/{OWN}/training.json", b"{}")
    service.services.store.put_bytes(
        f"models_finetuned/{OWN}/open_clip_model.safetensors", b"\x00" * 1000
    )
    if indexed:
        service.services.store.put_bytes(f"indexes/{dataset}/{OWN}/1/index.faiss", b"index")


def test_the_registry_lists_own_models_before_the_catalogue(
    any_service: Service, call_any: Caller
) -> None:
    dataset = call_any.dataset()
    trained(any_service, dataset)
    items = call_any("GET", "/models")["items"]
    assert [item["id"] for item in items] == [
        OWN, "ViT-B-32", "ViT-L-14", "ViT-H-14", "clip-browser-small",
    ]  # fmt: skip
    assert items[0]["indexes"] == [dataset]
    assert (items[0]["weights"], items[0]["kind"]) == ("own", "finetuned")
    assert "openai" in items[1]["pretrained"]
    assert items[1]["recommended"]
    assert call_any("GET", "/models/ViT-B-32/openai")["pretrained"] == "openai"
    assert call_any("GET", "/models/ViT-B-32%2Fopenai")["id"] == "ViT-B-32/openai"
    assert call_any("GET", "/models/clip-browser-small/untrained")["weights"] == "none"
    call_any("GET", "/models/ViT-B-32/nothing", 404)


def test_an_own_model_gets_another_name_and_a_note(service: Service, call: Caller) -> None:
    trained(service, call.dataset())
    changed = call("PATCH", f"/models/{OWN}", json={"note": "the good one"})
    assert (changed["name"], changed["note"]) == ("Cats 1", "the good one")
    assert call("PATCH", f"/models/{OWN}", json={"name": "Best"})["note"] == "the good one"
    call("PATCH", "/models/ViT-B-32/openai", 400, json={"name": "mine"})
    call("PATCH", "/models/nobody", 404, json={"name": "mine"})


def test_a_model_that_is_searched_with_is_deleted_only_by_force(
    any_service: Service, call_any: Caller
) -> None:
    dataset = call_any.dataset()
    trained(any_service, dataset)
    refused = call_any("DELETE", f"/models/{OWN}", 409)
    assert refused["details"] == {"datasets": [dataset], "default_for": [], "runs": []}
    assert call_any("GET", f"/datasets/{dataset}/indexes")["items"][0]["model_name"] == "Cats 1"
    call_any("DELETE", f"/models/{OWN}?force=1", 204)
    call_any("GET", f"/models/{OWN}", 404)
    assert call_any("GET", f"/datasets/{dataset}/indexes")["items"] == []
    call_any("DELETE", f"/trash/models/{OWN}", 204)
    assert list(any_service.services.store.list("")) == []
    call_any("DELETE", "/models/ViT-B-32/openai?force=1", 400)


def test_a_model_is_downloaded_as_a_zip_of_its_folder(service: Service, call: Caller) -> None:
    trained(service, call.dataset(), indexed=False)
    archive = zipfile.ZipFile(io.BytesIO(call("GET", f"/models/{OWN}/download")))
    assert archive.testzip() is None
    assert set(archive.namelist()) == {f"{OWN}/training.json", f"{OWN}/open_clip_model.safetensors"}
    call("GET", "/models/ViT-B-32/openai/download", 400)


def test_an_index_is_stale_when_images_came_later(service: Service, call: Caller) -> None:
    dataset = call.dataset()
    service.add_images(dataset, 1)
    trained(service, dataset)
    assert call("GET", f"/datasets/{dataset}/indexes")["items"][0]["stale"] is False
    steps = {step["key"]: step for step in call("GET", f"/datasets/{dataset}")["steps"]}
    assert (steps["index"]["state"], steps["search"]["state"]) == ("done", "ready")
    with service.services.sessions() as session:
        session.add(
            Model(id="later", name="Cats 2", architecture="ViT-B-32", folder="models_finetuned/later",
                  dataset_id=dataset, created_by="ada", params={}, metrics={})
        )  # fmt: skip
    steps = {step["key"]: step for step in call("GET", f"/datasets/{dataset}")["steps"]}
    assert (steps["index"]["state"], steps["index"]["reason"]) == (
        "stale",
        "Cats 2 has no index yet.",
    )
    call("DELETE", "/models/later", 204)
    call("GET", f"/datasets/{dataset}")


def add_model(service: Service, model_id: str, **facts: Any) -> None:
    """A model of one's own, without files."""
    with service.services.sessions() as session:
        session.add(
            Model(
                **{
                    "id": model_id, "name": model_id, "architecture": "ViT-B-32-quickgelu",
                    "pretrained": "openai", "folder": f"models_finetuned/{model_id}",
                    "created_by": "ada", "params": {}, "metrics": {}, **facts,
                }
            )
        )  # fmt: skip


def test_tags_are_trimmed_unique_and_found_by(any_service: Service, call_any: Caller) -> None:
    trained(any_service, call_any.dataset())
    add_model(any_service, "other", note="for the kiosk")
    tags = [" production ", "Production", "läuft", "x" * 40]
    changed = call_any("PATCH", f"/models/{OWN}", json={"tags": tags})
    assert changed["tags"] == ["production", "läuft", "x" * 40]
    assert call_any("PATCH", f"/models/{OWN}", json={"note": "n"})["tags"] == changed["tags"]

    def found(**query: str) -> list[str]:
        return [item["id"] for item in call_any("GET", "/models", query_string=query)["items"]]

    assert found(tag="PRODUCTION") == [OWN]
    assert found(tag="nobody") == []
    assert found(q="kiosk") == ["other"]
    assert found(q="vit-l-14") == ["ViT-L-14"]
    assert found(q="production cats") == [OWN]
    assert call_any("PATCH", f"/models/{OWN}", json={"tags": []})["tags"] == []


def test_tags_that_do_not_fit_are_refused(service: Service, call: Caller) -> None:
    trained(service, call.dataset())
    bad: list[Any] = [
        ["x" * 41],
        [""],
        ["  "],
        ["a\nb"],
        ["a\x00"],
        ["t"] * 11,
        "one",
        [1],
        [None],
        {},
    ]
    for tags in bad:
        assert "tags" in call("PATCH", f"/models/{OWN}", 400, json={"tags": tags})["message"]
    assert call("GET", f"/models/{OWN}")["tags"] == []


def test_a_model_tells_where_it_comes_from(any_service: Service, call_any: Caller) -> None:
    trained(any_service, call_any.dataset())
    lineage = {"snapshot_id": "abc", "code": "1.0"}
    add_model(any_service, "on", pretrained=OWN, lineage=lineage)
    add_model(any_service, "mix", source="blended", params={"alpha": 0.5})
    add_model(
        any_service, "in", source="imported", pretrained="", architecture="ViT-X-9",
        params={"parameters": 5, "embed_dim": 8, "image_size": 16},
    )  # fmt: skip
    shown = {item["id"]: item for item in call_any("GET", "/models")["items"]}
    assert [shown[each]["base"] for each in (OWN, "on", "mix", "in")] == [
        "ViT-B-32/openai", OWN, "ViT-B-32/openai", "",
    ]  # fmt: skip
    assert [shown[each]["source"] for each in (OWN, "mix", "in")] == [
        "trained", "blended", "imported",
    ]  # fmt: skip
    assert shown["on"]["lineage"] == lineage
    assert (shown["in"]["parameters"], shown["in"]["embed_dim"]) == (5, 8)
    assert shown["ViT-B-32"]["source"] is None
    assert shown[OWN]["created_by"] == "ada"


def test_a_dataset_is_searched_with_the_model_that_was_chosen(
    any_service: Service, call_any: Caller
) -> None:
    from api.search.routes import _indexed_model

    dataset = call_any.dataset()
    trained(any_service, dataset)
    with any_service.services.sessions() as session:
        session.add(
            SearchIndex(
                dataset_id=dataset, model_id="ViT-B-32/openai", prefix="p", images=2, dim=512
            )
        )
    assert call_any("GET", f"/datasets/{dataset}")["model_id"] is None
    assert _indexed_model(any_service.services, dataset, None) == "ViT-B-32/openai"
    chosen = call_any("PUT", f"/datasets/{dataset}/model", json={"model_id": OWN})
    assert chosen["model_id"] == OWN
    assert _indexed_model(any_service.services, dataset, None) == OWN
    assert call_any("GET", f"/models/{OWN}")["is_default_for"] == [dataset]
    chosen = call_any("PUT", f"/datasets/{dataset}/model", json={"model_id": "ViT-L-14/openai"})
    assert call_any("GET", "/models/ViT-L-14")["is_default_for"] == [dataset]
    assert _indexed_model(any_service.services, dataset, None) == "ViT-B-32/openai"
    call_any("PUT", f"/datasets/{dataset}/model", 400, json={"model_id": "nobody"})
    call_any("PUT", f"/datasets/{dataset}/model", 400, json={})
    call_any("PUT", "/datasets/nowhere/model", 404, json={"model_id": OWN})
    chosen = call_any("PUT", f"/datasets/{dataset}/model", json={"model_id": None})
    assert chosen["model_id"] is None


def test_a_model_that_is_a_choice_or_that_a_run_waits_for_is_deleted_only_by_force(
    any_service: Service, call_any: Caller
) -> None:
    dataset = call_any.dataset()
    trained(any_service, dataset, indexed=False)
    call_any("PUT", f"/datasets/{dataset}/model", json={"model_id": OWN})
    with any_service.services.sessions() as session:
        for job_id, state in (("waits", "queued"), ("ended", "failed")):
            session.add(
                Job(
                    id=job_id, kind="train", queue="gpu", state=state, dataset_id=dataset,
                    params={"pretrained": OWN}, progress={}, created_by="ada", notes=[],
                )
            )  # fmt: skip
    refused = call_any("DELETE", f"/models/{OWN}", 409)
    assert refused["details"] == {"datasets": [], "default_for": [dataset], "runs": ["waits"]}
    assert "waits" in refused["message"]
    assert "will fail" in refused["remedy"]
    call_any("DELETE", f"/models/{OWN}?force=1", 204)
    assert call_any("GET", f"/datasets/{dataset}")["model_id"] is None


def zipped(*names: str) -> io.BytesIO:
    """A zip with these files."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in names:
            archive.writestr(name, b"{}")
    packed.seek(0)
    return packed


def test_a_model_folder_is_brought_in_by_a_job(any_service: Service, call_any: Caller) -> None:
    data = {"file": (zipped("m/open_clip_config.json"), "m.zip"), "name": "Ours"}
    job = call_any("POST", "/models", 202, data=data)["job"]
    assert (job["kind"], job["queue"], job["dataset_id"]) == ("import_model", "gpu", None)
    assert job["params"]["name"] == "Ours"
    key = job["params"]["upload_key"]
    stored = any_service.services.store.get_bytes(key)
    assert zipfile.ZipFile(io.BytesIO(stored)).namelist() == ["m/open_clip_config.json"]
    named = call_any("POST", "/models?name=Theirs", 202, data={"file": (zipped("a"), "a.zip")})
    assert named["job"]["params"]["name"] == "Theirs"


def test_a_large_model_folder_comes_in_portions(service: Service, call: Caller) -> None:
    body = zipped("m/open_clip_config.json").getvalue()
    upload = call("POST", "/uploads", 201, json={"name": "m.zip", "size_bytes": len(body)})["id"]
    call("POST", "/models", 409, json={"upload": upload})
    for start in (0, 50):
        part = body[start : start + 50] if start == 0 else body[start:]
        call(
            "PUT", f"/uploads/{upload}", data=part,
            headers={"Upload-Offset": str(start), "Content-Type": "application/octet-stream"},
        )  # fmt: skip
    job = call("POST", "/models", 202, json={"upload": upload, "name": "Ours"})["job"]
    assert service.services.store.get_bytes(job["params"]["upload_key"]) == body
    assert job["params"]["name"] == "Ours"
    assert call("POST", "/models", 202, json={"upload": upload})["job"]["id"] == job["id"]


def test_an_upload_that_is_no_model_is_refused_and_leaves_nothing(
    service: Service, call: Caller
) -> None:
    call("POST", "/models", 415, data=b"zip", headers={"Content-Type": "application/zip"})
    call("POST", "/models", 400, data={"other": (zipped("a"), "a.zip")})
    call("POST", "/models", 400, data={"file": (zipped("a"), "a.zip"), "name": "a\x00b"})
    call("POST", "/models", 400, data={"file": (zipped("a"), "a.zip"), "name": "n" * 20_000})
    both = {"file": [(zipped("a"), "a.zip"), (zipped("b"), "b.zip")]}
    assert "one zip" in call("POST", "/models", 400, data=both)["message"]
    assert call("GET", "/jobs")["items"] == []
    assert list(service.services.store.list("uploads/")) == []


def test_a_blend_is_asked_for_between_a_tuned_model_and_what_it_began_with(
    any_service: Service, call_any: Caller
) -> None:
    dataset = call_any.dataset()
    trained(any_service, dataset)
    job = call_any("POST", f"/models/{OWN}/blend", 202, json={"alpha": 0.5, "name": "Half"})["job"]
    assert (job["kind"], job["queue"], job["dataset_id"]) == ("blend", "gpu", dataset)
    assert job["params"] == {"model": OWN, "alpha": 0.5, "name": "Half"}
    assert call_any("POST", f"/models/{OWN}/blend", 202, json={"alpha": 1})["job"]["params"] == {
        "model": OWN, "alpha": 1.0,
    }  # fmt: skip
    add_model(any_service, "scratch", pretrained="")
    assert (
        "from scratch"
        in call_any("POST", "/models/scratch/blend", 400, json={"alpha": 0})["message"]
    )
    add_model(any_service, "in", source="imported", pretrained="")
    call_any("POST", "/models/in/blend", 400, json={"alpha": 0})
    add_model(any_service, "orphan", pretrained="20250101-000000_gone")
    assert "deleted" in call_any("POST", "/models/orphan/blend", 400, json={"alpha": 0})["message"]
    call_any("POST", "/models/ViT-B-32/openai/blend", 400, json={"alpha": 0})
    call_any("POST", "/models/nobody/blend", 404, json={"alpha": 0})


def test_an_alpha_out_of_range_is_refused(service: Service, call: Caller) -> None:
    trained(service, call.dataset())
    values = [
        "-0.1",
        "1.01",
        "NaN",
        "Infinity",
        "1e400",
        "null",
        "true",
        '"0.5"',
        "[0.5]",
        "1" + "0" * 400,
    ]
    for body in ["{}", "[]", *(f'{{"alpha": {value}}}' for value in values)]:
        headers = {"Content-Type": "application/json"}
        refused = call("POST", f"/models/{OWN}/blend", 400, data=body, headers=headers)
        assert refused["code"] == "invalid_input", body
