"""The training child as a real process: whole runs of the small model on drawn images."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import open_clip
import pytest
import safetensors.torch
import torch
from PIL import Image

from tests.workers.gpu import tiny_clip
from tests.workers.gpu.children import Child, run_child
from workers.cpu.images.sample import draw_sample
from workers.gpu.models.folder import WEIGHTS_FILE
from workers.models.clip_model import LoadedClip, create_clip

IMAGES, VAL = 52, 12
STEPS_PER_EPOCH, EPOCHS = 5, 3
RECALLS = {f"{way}_r{k}" for way in ("t2i", "i2t") for k in (1, 5, 10)}


@pytest.fixture(scope="module")
def items(tmp_path_factory: Any) -> list[dict[str, Any]]:
    """Drawn images with two captions each."""
    folder = tmp_path_factory.mktemp("images")
    made = []
    for each in draw_sample(count=IMAGES, seed=3):
        path = folder / f"{Path(each.filename).stem}.png"
        path.write_bytes(each.png)
        made.append({"path": str(path), "captions": [each.caption, f"a picture of {each.caption}"]})
    return made


def settings(
    folder: Path,
    items: list[dict[str, Any]],
    *,
    params: dict[str, Any] | None = None,
    **changed: Any,
) -> dict[str, Any]:
    asked = {"model": "clip-browser-small", "epochs": EPOCHS, "batch_size": 8, "name": "My Shapes!"}
    (folder / "work").mkdir(exist_ok=True)
    return {
        "job_id": "probe",
        "params": {**asked, **(params or {})},
        "train": items[VAL:],
        "val": items[:VAL],
        "work_dir": str(folder / "work"),
        "runs_dir": str(folder / "runs"),
        "weights_dir": str(folder / "weights"),
        "device": "cpu",
        "lineage": {"snapshot_id": "abc"},
        **changed,
    }


@pytest.fixture(scope="module")
def finished(tmp_path_factory: Any, items: list[dict[str, Any]]) -> Child:
    """A run that nobody disturbed, in an environment that would switch on distributed mode."""
    folder = tmp_path_factory.mktemp("finished")
    cluster = {"WORLD_SIZE": "4", "RANK": "1", "LOCAL_RANK": "1", "SLURM_NTASKS": "4"}
    child = run_child("training.child", settings(folder, items), folder, cluster)
    assert child.closing["event"] == "result", (folder / "training.child.stderr").read_text()[
        -2000:
    ]
    return child


def folder_of(child: Child) -> Path:
    return Path(child.closing["model_folder"])


def weights_of(child: Child) -> dict[str, torch.Tensor]:
    return dict(safetensors.torch.load_file(folder_of(child) / "open_clip_model.safetensors"))


def embed(model: Any, preprocess: Any, tokenizer: Any, image: str) -> torch.Tensor:
    model.eval()
    with torch.inference_mode():
        pixels = preprocess(Image.open(image).convert("RGB")).unsqueeze(0)
        text = model.encode_text(tokenizer(["a red circle"]))
        return torch.cat([model.encode_image(pixels), text])


def test_a_run_makes_all_its_steps_and_says_how_good_it_is(finished: Child) -> None:
    result = finished.closing
    assert result["steps"] == STEPS_PER_EPOCH * EPOCHS
    assert result["epochs_done"] == EPOCHS
    assert 0 <= result["best_epoch"] <= EPOCHS
    assert set(result["recall_before"]) == set(result["recall_after"]) == RECALLS
    assert result["recall_after"]["t2i_r1"] >= result["recall_before"]["t2i_r1"]
    assert result["samples_per_second"] > 0


def test_the_model_folder_loads_in_plain_open_clip_and_embeds_alike(
    finished: Child, items: list[dict[str, Any]]
) -> None:
    name = f"local-dir:{folder_of(finished)}"
    model, _, preprocess = open_clip.create_model_and_transforms(name)
    theirs = embed(model, preprocess, open_clip.get_tokenizer(name), items[0]["path"])
    ours: LoadedClip = create_clip(name, None)
    mine = embed(ours.model, ours.preprocess, ours.tokenizer, items[0]["path"])
    assert torch.allclose(theirs, mine, atol=1e-6)
    assert "64" in str(preprocess)


def test_the_model_folder_has_everything_of_the_contract(finished: Child) -> None:
    folder = folder_of(finished)
    assert folder.name[8] == "-"
    assert folder.name.endswith("_My-Shapes")
    config = json.loads((folder / "open_clip_config.json").read_text())
    assert config["model_cfg"]["quick_gelu"] is False
    assert config["preprocess_cfg"]["mean"]
    training = json.loads((folder / "training.json").read_text())
    assert training["lineage"]["snapshot_id"] == "abc"
    assert training["params"]["warmup"] == 2
    assert training["data"] == {"rows": 80, "images": 40, "val_images": 12}
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == [0, 1, 2, 3]
    assert "recall@10" in (folder / "README.md").read_text()


def test_the_series_begin_at_the_first_step_end_at_the_last_and_never_go_back(
    finished: Child,
) -> None:
    for name in ("train/loss", "train/lr", "train/samples_per_second"):
        steps = [step for step, _ in finished.series(name)]
        assert steps[0] == 0
        assert steps[-1] == STEPS_PER_EPOCH * EPOCHS - 1
        assert steps == sorted(set(steps))
    recall = [each for each in finished.named("metric") if each["name"] == "val/t2i_r10"]
    assert [each["epoch"] for each in recall] == [0, 1, 2, 3]
    assert [each["step"] for each in recall] == [0, 5, 10, 15]
    done = [each["done"] for each in finished.named("progress") if each["done"] is not None]
    assert done == sorted(done)
    assert done[-1] == STEPS_PER_EPOCH * EPOCHS


def test_the_result_says_how_it_was_run(finished: Child) -> None:
    result = finished.closing
    assert result["precision"] == "fp32"
    assert (result["micro_batch"], result["accumulation"]) == (8, 1)
    assert result["gradient_checkpointing"] is False
    assert result["stopped_early"] is False
    assert result["diverged"] is False
    assert result["peak_memory_gb"] is None
    assert result["overhead_s"] == pytest.approx(result["took_s"] - result["trained_s"], abs=0.05)


def test_the_load_of_the_machine_is_told_about_once_a_second(finished: Child) -> None:
    for name in ("system/cpu_utilisation", "system/memory_gb"):
        points = finished.series(name)
        steps = [step for step, _ in points]
        assert len(points) >= finished.closing["trained_s"] * 0.5
        assert steps == sorted(steps)
    assert all(0 <= value <= 100 for _, value in finished.series("system/cpu_utilisation"))
    assert all(0.1 < value < 10 for _, value in finished.series("system/memory_gb"))


def test_tensorboards_files_are_written(finished: Child) -> None:
    runs = folder_of(finished).parents[2] / "runs"
    assert list(runs.glob("events.out.tfevents.*"))


def test_a_stopped_run_goes_on_in_the_middle_of_an_epoch_to_the_same_weights(
    tmp_path: Path, items: list[dict[str, Any]], finished: Child
) -> None:
    config = settings(tmp_path, items)
    child = Child("training.child", config, tmp_path, slow=True)
    child.wait_for(lambda event: event["event"] == "metric" and event["name"] == "train/loss")
    child.stop()
    stopped = child.finish().closing
    assert stopped["event"] == "stopped"
    assert 0 < stopped["step"] < stopped["steps"]
    again = run_child("training.child", config, tmp_path)
    assert again.closing["steps"] == finished.closing["steps"]
    assert again.series("train/loss")[0][0] == stopped["step"]
    assert again.closing["recall_after"] == finished.closing["recall_after"]
    weights = weights_of(again)
    for name, tensor in weights_of(finished).items():
        if "in_proj_bias" not in name:  # keys have no gradient: Adam makes steps of rounding noise
            assert torch.allclose(tensor.float(), weights[name].float(), atol=1e-3), name


@pytest.mark.timed
def test_a_run_that_is_asked_to_stop_has_ended_within_five_seconds(
    tmp_path: Path, items: list[dict[str, Any]]
) -> None:
    child = Child("training.child", settings(tmp_path, items), tmp_path, slow=True)
    child.wait_for(lambda event: event["event"] == "metric" and event["name"] == "train/loss")
    began = time.monotonic()
    child.stop()
    assert child.finish().closing["event"] == "stopped"
    assert time.monotonic() - began < 5


def test_a_killed_run_goes_on_from_its_last_good_checkpoint(
    tmp_path: Path, items: list[dict[str, Any]], finished: Child
) -> None:
    config = settings(tmp_path, items, checkpoint_every_s=0)
    child = Child("training.child", config, tmp_path, slow=True)
    child.wait_for(
        lambda event: event["event"] == "log" and event["text"].startswith("Checkpoint at step 6")
    )
    child.kill()
    newest = sorted((tmp_path / "work" / "checkpoints").glob("step_*.pt"))[-1]
    newest.write_bytes(newest.read_bytes()[:50_000])
    again = run_child("training.child", config, tmp_path)
    assert again.closing["steps"] == finished.closing["steps"]
    assert again.closing["recall_after"] == finished.closing["recall_after"]
    said = [each["text"] for each in again.named("log")]
    assert any("cannot be read" in text for text in said)
    assert any(text.startswith("Going on after step") for text in said)


def test_a_batch_above_the_rows_is_corrected_and_a_broken_image_left_out(
    tmp_path: Path, items: list[dict[str, Any]]
) -> None:
    (tmp_path / "broken.png").write_bytes(b"no image")
    few = [*items[:9], {"path": str(tmp_path / "broken.png"), "captions": ["broken"]}]
    config = settings(tmp_path, items, train=few, val=[], params={"batch_size": 64, "epochs": 1})
    child = run_child("training.child", config, tmp_path)
    notes = child.closing["notes"]
    assert child.closing["steps"] == 1
    assert any("64 is more than the 9" in note for note in notes)
    assert any("broken.png" in note for note in notes)
    assert any("no validation images" in note for note in notes)
    assert child.closing["best_epoch"] == 1
    assert [each["text"] for each in child.named("note")] == notes


def test_early_stopping_keeps_the_untuned_model_when_nothing_is_better(
    tmp_path: Path, items: list[dict[str, Any]]
) -> None:
    base = tiny_clip.make_model_folder(tmp_path)  # without BatchNorm, which learns at any rate
    changed = {
        "model": tiny_clip.NAME,
        "pretrained": "tiny",
        "lr": 1e-9,
        "epochs": 9,
        "early_stopping": 2,
    }
    config = settings(tmp_path, items, base=f"local-dir:{base}", params=changed)
    child = run_child("training.child", config, tmp_path)
    assert child.closing["epochs_done"] == 2
    assert child.closing["stopped_early"] is True
    assert child.closing["best_epoch"] == 0
    told = [each["text"] for each in child.named("note")]
    assert any("Stopped early after epoch 2" in text for text in told)
    assert any("untuned model" in note for note in child.closing["notes"])
    for name, tensor in safetensors.torch.load_file(base / WEIGHTS_FILE).items():
        assert torch.equal(tensor, weights_of(child)[name]), name


def test_missing_weights_fail_at_once_and_say_where_to_place_them(
    tmp_path: Path, items: list[dict[str, Any]]
) -> None:
    config = settings(tmp_path, items, params={"model": "ViT-B-32", "pretrained": "openai"})
    offline = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path), "HOME": str(tmp_path)}
    began = time.monotonic()
    error = run_child("training.child", config, tmp_path, offline).closing
    assert error["code"] == "training_failed_to_start"
    assert str(tmp_path / "weights" / "ViT-B-32" / "openai.safetensors") in error["remedy"]
    assert time.monotonic() - began < 15


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"model": "ViT-Z-99"}, "ViT-Z-99"),
        ({"model": "clip-browser-small", "pretrained": "openai"}, "openai"),
    ],
)
def test_an_unknown_model_or_tag_fails_to_start(
    tmp_path: Path, items: list[dict[str, Any]], params: dict[str, Any], said: str
) -> None:
    error = run_child("training.child", settings(tmp_path, items, params=params), tmp_path).closing
    assert error["code"] == "training_failed_to_start"
    assert said in error["message"]
