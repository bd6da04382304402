"""The registry of models."""

from __future__ import annotations

import io
import zipfile

from common.schema import Model, SearchIndex
from tests.api.conftest import Caller, Service

OWN = "20261123-101010_cats"


def trained(service: Service, dataset: str, indexed: bool = True) -> None:
    """A fine-tuned model with its files, and an index made with it."""
    with service.parts.sessions() as session:
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
    service.parts.store.put_bytes(f"models_finetuned/{OWN}/training.json", b"{}")
    service.parts.store.put_bytes(
        f"models_finetuned/{OWN}/open_clip_model.safetensors", b"\x00" * 1000
    )
    if indexed:
        service.parts.store.put_bytes(f"indexes/{dataset}/{OWN}/1/index.faiss", b"index")


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
    assert refused["details"] == {"datasets": [dataset]}
    assert call_any("GET", f"/datasets/{dataset}/indexes")["items"][0]["model_name"] == "Cats 1"
    call_any("DELETE", f"/models/{OWN}?force=1", 204)
    call_any("GET", f"/models/{OWN}", 404)
    assert call_any("GET", f"/datasets/{dataset}/indexes")["items"] == []
    assert list(any_service.parts.store.list("")) == []
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
    with service.parts.sessions() as session:
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
