"""The registry in the terminal, on a running service."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from common.db.tables import Model
from tests.cli.conftest import Call, Service
from tests.workers import search_data
from workers.runtime.services import open_services

OURS = "20261123-101010_ours"


@pytest.fixture
def ours(service: Service) -> Iterator[str]:
    """A fine-tuned model with a file."""
    services = open_services(service.settings)
    services.store.put_bytes(f"models_finetuned/{OURS}/training.json", b"{}")
    with services.sessions() as session:
        session.add(
            Model(
                id=OURS, name="Ours", architecture="ViT-B-32-quickgelu", pretrained="openai",
                folder=f"models_finetuned/{OURS}", created_by="ada", params={},
                metrics={
                    "recall_before": {"t2i_r1": 0.31}, "recall_after": {"t2i_r1": 0.58},
                    "forgetting": {"before": {"t2i_r1": 0.9}, "after": {"t2i_r1": 0.8}},
                },
            )
        )  # fmt: skip
    yield OURS
    with services.sessions() as session:
        model = session.get(Model, OURS)
        if model is not None:
            session.delete(model)


def test_a_model_is_named_noted_tagged_and_found(call: Call, ours: str) -> None:
    assert "Kiosk" in call("model", "rename", ours, "Kiosk").out
    assert "the good one" in call("model", "note", ours, "the good one").out
    assert call("model", "tag", ours, "production", "night").code == 0
    tagged = call("model", "tag", ours, "Night", "--remove", "--json")
    assert tagged.json["tags"] == ["production"]
    listed = call("models", "--tag", "production")
    assert "31% -> 58%" in listed.out
    assert "90% -> 80%" in listed.out
    assert "ViT-L-14" not in listed.out
    assert [item["id"] for item in call("models", "--find", "kiosk", "--json").json] == [ours]


def test_a_dataset_gets_its_model_and_gives_it_up(call: Call, service: Service, ours: str) -> None:
    search_data.add_dataset(open_services(service.settings), 1, "chosen")
    answer = call("model", "default", ours, "--dataset", "chosen")
    assert f"chosen is searched with {ours}" in answer.out
    assert call("models", "--find", ours, "--json").json[0]["is_default_for"] == ["chosen"]
    refused = call("model", "delete", ours)
    assert refused.code == 1
    assert "chosen is searched with it by choice" in refused.err
    assert (
        call("model", "default", "--none", "--dataset", "chosen", "--json").json["model_id"] is None
    )
    assert call("model", "default", "--dataset", "chosen").code == 2
    assert call("model", "delete", ours).code == 0
    assert call("model", "delete", ours).code == 1


def test_a_model_is_downloaded_and_brought_in_again(
    call: Call, service: Service, ours: str, tmp_path: Path
) -> None:
    out = tmp_path / "m.zip"
    assert call("model", "download", ours, str(out)).code == 0
    assert zipfile.ZipFile(out).namelist() == [f"{ours}/training.json"]
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "open_clip_config.json").write_text("{}")
    job = call("model", "import", str(folder), "--name", "Back", "--json").json
    assert (job["kind"], job["params"]["name"]) == ("import_model", "Back")
    stored = open_services(service.settings).store.get_bytes(job["params"]["upload_key"])
    assert zipfile.ZipFile(io.BytesIO(stored)).namelist() == ["folder/open_clip_config.json"]
    assert call("model", "import", str(out), "--json").json["kind"] == "import_model"
    assert call("model", "import", str(tmp_path / "nothing")).code == 1


def test_a_blend_is_queued_and_an_alpha_out_of_range_is_named(call: Call, ours: str) -> None:
    job = call("model", "blend", ours, "0.5", "--name", "Half", "--json").json
    assert job["params"] == {"model": ours, "alpha": 0.5, "name": "Half"}
    for alpha in ("1.5", "nan", "1e400", "half"):
        refused = call("model", "blend", ours, alpha)
        assert refused.code == 1
        assert "alpha" in refused.err


def test_a_number_out_of_range_is_named_with_its_range(call: Call, service: Service) -> None:
    services = open_services(service.settings)
    search_data.add_dataset(services, 4, "numbers")
    assert call("split", "--dataset", "numbers", "--follow").code == 0
    for name, value in (
        ("lr", "nan"),
        ("lr", "1e400"),
        ("epochs", "0"),
        ("gpus", "true"),
        ("seed", "-1"),
    ):
        refused = call("train", "--dataset", "numbers", f"--{name}", value)
        assert refused.code == 1
        assert f"{name} is " in refused.err
        assert "it must be" in refused.err
