"""Importing a model folder, by the child as a real process; each fault is named."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import open_clip
import pytest
import safetensors.torch
import torch

from common.errors import InvalidInput
from tests.workers.gpu.children import Child, run_child
from tests.workers.gpu.model_folders import PREPROCESS, TINY, write_tiny, zip_folder
from workers.gpu.models.folder import CONFIG_FILE, WEIGHTS_FILE, save_weights
from workers.gpu.models.import_child import run
from workers.gpu.models.imported_model import name_architecture
from workers.gpu.models.model_config import check_config, count_numbers
from workers.models.clip_model import create_clip
from workers.runtime.child_io import Emitter


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """The child switches the hub off for its process; here for the test."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def settings(archive: Path, folder: Path) -> dict[str, Any]:
    return {
        "archive": str(archive),
        "archive_name": archive.name,
        "imported_by": "anna",
        "job_id": "j1",
        "work_dir": str(folder / "work"),
    }


def take_in(archive: Path, folder: Path) -> Child:
    (folder / "work").mkdir(exist_ok=True)
    return run_child("models.import_child", settings(archive, folder), folder)


def refused(archive: Path, folder: Path) -> str:
    """The words of the refusal; in this process, which has torch already."""
    (folder / "work").mkdir(exist_ok=True)
    with pytest.raises(InvalidInput) as caught:
        run(Emitter(io.StringIO()), settings(archive, folder))
    assert caught.value.remedy
    return f"{caught.value.message} {caught.value.remedy}"


def test_a_folder_in_a_subfolder_of_the_zip_becomes_a_model_folder_that_plain_open_clip_loads(
    tmp_path: Path,
) -> None:
    given = write_tiny(tmp_path / "given")
    (given / "README.md").write_text("# Their card")
    taken = take_in(zip_folder(given, tmp_path / "m.zip", "their model"), tmp_path).closing
    assert taken["event"] == "result", taken
    made = Path(taken["model_folder"])
    assert made.name.endswith("_their-model")
    assert taken["name"] == "their model"
    assert (taken["architecture"], taken["embed_dim"], taken["image_size"]) == ("own-ViT", 32, 32)
    assert {path.name for path in made.iterdir()} == {
        CONFIG_FILE, WEIGHTS_FILE, "training.json", "metrics.jsonl", "README.md", "README.original.md",
    }  # fmt: skip
    model, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{made}")
    theirs = safetensors.torch.load_file(given / WEIGHTS_FILE)
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, theirs[name])
    assert "(0.4, 0.5, 0.6)" in str(preprocess) or "[0.4, 0.5, 0.6]" in str(preprocess)
    assert sum(each.numel() for each in model.parameters()) == taken["parameters"]
    card = (made / "README.md").read_text()
    assert "imported into CLIP Browser" in card
    assert "anna" in card


def test_the_record_of_a_tuned_model_is_believed_only_where_it_can_be(tmp_path: Path) -> None:
    given = tmp_path / "given"
    given.mkdir()
    loaded = create_clip("clip-browser-small", None)
    save_weights(loaded.model, given / WEIGHTS_FILE)
    config = {
        "model_cfg": open_clip.get_model_config("clip-browser-small"),
        "preprocess_cfg": dict(loaded.model.visual.preprocess_cfg),
    }
    (given / CONFIG_FILE).write_text(json.dumps(config))
    recall = {f"{way}_r{cut}": 0.5 for way in ("t2i", "i2t") for cut in (1, 5, 10)}
    record = {
        "architecture": "ViT-H-14",
        "pretrained": "../../etc/passwd",
        "params": {"name": "boats", "lr": 1e-3, "epochs": "many" * 1000, "evil": {"a": 1}},
        "metrics": {
            "recall_before": recall,
            "recall_after": {**recall, "t2i_r1": 0.75},
            "best_epoch": 3,
            "took_s": float("nan"),
            "blends": [{"alpha": 0.5, **recall, "forgetting": 7}, "nonsense"],
            "best_alpha": 0.5,
        },
        "lineage": {"snapshot_id": "abc", "trained_by": "x" * 9999, "other": [1]},
        "data": {"rows": 80, "images": -1},
    }
    (given / "training.json").write_text(json.dumps(record))
    (given / "metrics.jsonl").write_text('{"epoch": 0, "t2i_r1": 0.5, "x": "y"}\nno json\n[1]\n')
    taken = take_in(zip_folder(given, tmp_path / "m.zip"), tmp_path).closing
    assert taken["event"] == "result", taken
    assert (taken["architecture"], taken["name"]) == ("clip-browser-small", "boats")
    made = Path(taken["model_folder"])
    written = json.loads((made / "training.json").read_text())
    assert written["architecture"] == "clip-browser-small"
    assert written["pretrained"] == ""
    assert set(written["params"]) == {"name", "lr", "epochs"}
    assert len(written["params"]["epochs"]) == 300
    assert written["metrics"]["recall_after"]["t2i_r1"] == 0.75
    assert "blends" not in written["metrics"]
    assert "took_s" not in written["metrics"]
    assert written["data"] == {"rows": 80}
    assert set(written["lineage"]) == {"snapshot_id", "trained_by", "imported_from", "imported_by"}
    assert (made / "metrics.jsonl").read_text() == '{"epoch": 0, "t2i_r1": 0.5}\n'


def drop_weights(folder: Path) -> None:
    (folder / WEIGHTS_FILE).unlink()


def as_pickle(folder: Path) -> None:
    torch.save({"a": torch.zeros(2)}, folder / "open_clip_pytorch_model.bin")
    drop_weights(folder)


def cut_short(folder: Path) -> None:
    data = (folder / WEIGHTS_FILE).read_bytes()
    (folder / WEIGHTS_FILE).write_bytes(data[: len(data) // 2])


def no_config(folder: Path) -> None:
    (folder / CONFIG_FILE).rename(folder / "config.json")


def broken_config(folder: Path) -> None:
    (folder / CONFIG_FILE).write_text("{")


def half_a_config(folder: Path) -> None:
    (folder / CONFIG_FILE).write_text('{"model_cfg": {"embed_dim": 3}}')


def changed_model(folder: Path, part: str, **values: Any) -> None:
    model = {**TINY, part: {**TINY[part], **values}}
    write_config(folder, model_cfg=model)


def write_config(folder: Path, **values: Any) -> None:
    content = {"model_cfg": TINY, "preprocess_cfg": PREPROCESS, **values}
    (folder / CONFIG_FILE).write_text(json.dumps(content))


def other_width(folder: Path) -> None:
    changed_model(folder, "text_cfg", layers=2)


def other_embedding(folder: Path) -> None:
    write_config(folder, model_cfg={**TINY, "embed_dim": 64})


def huge(folder: Path) -> None:
    changed_model(folder, "vision_cfg", width=400_000)


def endless(folder: Path) -> None:
    changed_model(folder, "vision_cfg", layers=10**9)


def unknown_option(folder: Path) -> None:
    changed_model(folder, "vision_cfg", colour="red")


def foreign_tokenizer(folder: Path) -> None:
    changed_model(folder, "text_cfg", hf_tokenizer_name="somebody/tokenizer")


def name_of_a_folder(folder: Path) -> None:
    changed_model(folder, "vision_cfg", timm_model_name="local-dir:/etc")


def no_numbers(folder: Path) -> None:
    state = safetensors.torch.load_file(folder / WEIGHTS_FILE)
    state["visual.proj"] = torch.full_like(state["visual.proj"], float("nan"))
    safetensors.torch.save_file(state, folder / WEIGHTS_FILE)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (drop_weights, f"no {WEIGHTS_FILE}"),
        (as_pickle, "safetensors.torch.save_file"),
        (cut_short, "damaged"),
        (no_config, "config.json"),
        (broken_config, "no JSON"),
        (half_a_config, "vision_cfg and text_cfg"),
        (other_width, "weights are missing"),
        (other_embedding, "32 x 32 in the file, 32 x 64 by the configuration"),
        (huge, "describes a model of"),
        (endless, "the limit is 200"),
        (unknown_option, "colour"),
        (foreign_tokenizer, "Hugging Face"),
        (no_numbers, "no numbers"),
        (name_of_a_folder, "no image tower of an open_clip model has this name"),
    ],
)
def test_each_fault_of_a_folder_is_named_with_what_to_do(
    tmp_path: Path, spoil: Callable[[Path], None], said: str
) -> None:
    given = write_tiny(tmp_path / "given")
    spoil(given)
    words = refused(zip_folder(given, tmp_path / "m.zip", "m"), tmp_path)
    assert said in words
    assert str(tmp_path) not in words


NO_TOWER = "no image tower of an open_clip model has this name"


@pytest.mark.parametrize(
    ("part", "values", "said"),
    [
        ("vision_cfg", {"timm_model_name": "local-dir:/nowhere"}, NO_TOWER),
        ("vision_cfg", {"timm_model_name": "hf-hub:somebody/model"}, NO_TOWER),
        ("vision_cfg", {"timm_model_name": ["resnet50"]}, NO_TOWER),
        ("vision_cfg", {"image_size": 30_000, "patch_size": 10_000}, "the limit is 1,024"),
        ("vision_cfg", {"image_size": 1024, "patch_size": 1}, "1,048,576 patches"),
        ("vision_cfg", {"mlp_ratio": float("inf")}, "a number is needed"),
        ("text_cfg", {"width": "512"}, "a whole number is needed"),
        ("text_cfg", {"width": None}, "a whole number is needed"),
        ("text_cfg", {"context_length": 10**6}, "the limit is 1,024"),
        ("text_cfg", {"norm_kwargs": {"elementwise_affine": False}}, "no setting of an open_clip"),
        ("text_cfg", {"hf_model_pretrained": True}, "Hugging Face"),
        ("text_cfg", {"tokenizer_mode": "local-dir:/etc"}, "one of clips is needed"),
    ],
)
def test_what_a_configuration_may_not_ask_for_is_named_before_anything_is_built(
    part: str, values: dict[str, Any], said: str
) -> None:
    with pytest.raises(InvalidInput, match=said):
        check_config({"model_cfg": {**TINY, part: {**TINY[part], **values}}})


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"preprocess_cfg": {"size": [40_000, 40_000]}}, "the limit is 1,024"),
        ({"preprocess_cfg": {"script": "x"}}, "'preprocess_cfg.script', which is no setting"),
        ({"preprocess_cfg": [1]}, "no object"),
        ({"text_tower": {"hf_model_name": "somebody/model"}}, "'text_tower', which is no setting"),
    ],
)
def test_what_stands_beside_the_model_is_looked_at_as_well(more: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        check_config({"model_cfg": TINY, **more})


def test_a_zip_with_two_models_or_none_or_that_is_no_zip_is_refused(tmp_path: Path) -> None:
    given = write_tiny(tmp_path / "given")
    archive = zip_folder(given, tmp_path / "two.zip", "a")
    with zipfile.ZipFile(archive, "a") as out:
        out.write(given / CONFIG_FILE, f"b/{CONFIG_FILE}")
    assert "2 models" in refused(archive, tmp_path)
    with zipfile.ZipFile(tmp_path / "none.zip", "w") as out:
        out.writestr("a/cat.jpg", b"cat")
    assert "it holds cat.jpg" in refused(tmp_path / "none.zip", tmp_path)
    (tmp_path / "no.zip").write_bytes(b"no zip at all")
    assert "cannot be read" in refused(tmp_path / "no.zip", tmp_path)


def test_a_zip_with_a_path_that_leaves_it_is_refused_and_nothing_is_written_outside(
    tmp_path: Path,
) -> None:
    given = write_tiny(tmp_path / "given")
    archive = zip_folder(given, tmp_path / "m.zip", "m")
    with zipfile.ZipFile(archive, "a") as out:
        out.writestr("m/../../../escaped.txt", b"x")
    assert "leaves the folder" in refused(archive, tmp_path)
    assert not list(tmp_path.rglob("escaped.txt"))


def test_a_model_of_a_known_architecture_is_called_by_its_name() -> None:
    create_clip("clip-browser-small", None)
    for name in (
        "ViT-B-32",
        "ViT-B-32-quickgelu",
        "ViT-L-14-quickgelu",
        "RN50",
        "clip-browser-small",
    ):
        assert name_architecture(open_clip.get_model_config(name)) == name
    changed = {**open_clip.get_model_config("RN50"), "embed_dim": 7}
    assert name_architecture(changed) == "own-ResNet"


def test_every_model_that_open_clip_has_itself_passes_unless_it_needs_hugging_face() -> None:
    create_clip("clip-browser-small", None)
    own = [
        name for name in open_clip.list_models() if not of_others(open_clip.get_model_config(name))
    ]
    for name in own:
        check_config({"model_cfg": open_clip.get_model_config(name)})
    assert len(own) > 80


def of_others(config: dict[str, Any]) -> bool:
    return "multimodal_cfg" in config or any(key.startswith("hf_") for key in config["text_cfg"])


def test_what_a_configuration_asks_for_is_counted_without_building_it() -> None:
    for name in ("ViT-B-32", "ViT-H-14", "RN50x4"):
        config = open_clip.get_model_config(name)
        with torch.device("meta"):
            built = open_clip.CLIP(**config)
        exact = sum(tensor.numel() for tensor in built.state_dict().values())
        assert count_numbers(config) == pytest.approx(exact, rel=0.05)


def test_a_child_that_asks_for_more_memory_than_there_may_be_gets_an_error_and_no_signal() -> None:
    asking = """
import torch
from workers.gpu.data.host_memory import limited_to_free
from workers.models.memory import is_out_of_memory
with limited_to_free("cpu", 2**30 * 3):
    try:
        torch.ones(2**30)  # 4 GiB, written to
    except RuntimeError as problem:
        print(is_out_of_memory(problem))
torch.ones(1)
"""
    said = subprocess.run(
        [sys.executable, "-c", asking], capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == "True"
