"""Trainings that are killed, that diverge, whose disk is full, whose weights are not what they seem."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import open_clip
import pytest
import safetensors.torch
import torch

from tests.small_disk import mounted
from tests.workers.gpu.children import Child
from tests.workers.gpu.tiny_clip import NAME, draw_items, make_model_folder, read_curves

pytestmark = pytest.mark.timeout(900)
ONE_THREAD = {"OMP_NUM_THREADS": "1"}  # so small a model is faster without a second


@pytest.fixture(scope="module")
def base(tmp_path_factory: Any) -> Path:
    return make_model_folder(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def items(tmp_path_factory: Any) -> list[dict[str, Any]]:
    return draw_items(tmp_path_factory.mktemp("images"), 32)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 48 MB."""
    with mounted(tmp_path / "disk", "48m") as folder:
        yield folder


def settings(
    folder: Path, base: Path, items: list[dict[str, Any]], *, params: dict[str, Any], **changed: Any
) -> dict[str, Any]:
    folder.mkdir(exist_ok=True)
    asked = {
        "model": NAME, "epochs": 4, "batch_size": 6, "lr": 1e-3, "warmup": 2, "pretrained": "mine",
    }  # fmt: skip
    return {
        "job_id": "hard", "params": {**asked, **params}, "base": f"local-dir:{base}",
        "train": items[:24], "val": items[24:], "work_dir": str(folder), "runs_dir": str(folder / "runs"),
        "weights_dir": str(folder), "device": "cpu", **changed,
    }  # fmt: skip


def train(config: dict[str, Any], folder: Path) -> Child:
    """A run to its end."""
    return Child("training.child", config, folder, ONE_THREAD).finish(timeout_s=280)


def texts(child: Child, event: str = "log") -> str:
    return "\n".join(each["text"] for each in child.named(event))


@pytest.mark.parametrize("rung", [[1, False], [2, True]])
def test_a_run_killed_in_an_epoch_has_the_loss_curve_of_one_that_was_not(
    tmp_path: Path, base: Path, items: list[dict[str, Any]], rung: list[Any]
) -> None:
    changed: dict[str, Any] = {"params": {}, "rung": rung, "checkpoint_every_s": 0}
    whole = train(settings(tmp_path / "a", base, items, **changed), tmp_path)
    assert whole.closing["event"] == "result", whole.closing
    config = settings(tmp_path / "b", base, items, **changed)
    child = Child("training.child", config, tmp_path, ONE_THREAD, slow=True)
    child.wait_for(lambda event: str(event.get("text")).startswith("Checkpoint at step 6"))
    child.kill()
    again = train(config, tmp_path)
    assert "Going on after step" in texts(again)
    one, two = read_curves(tmp_path / "a" / "runs"), read_curves(tmp_path / "b" / "runs")
    assert len(one["train/loss"]) == 16
    for name, values in one.items():
        assert two[name] == pytest.approx(values, rel=1e-4), name
    assert again.closing["accumulation"] == rung[0]


def test_a_run_that_diverges_says_so_and_keeps_the_last_good_weights(
    tmp_path: Path, base: Path, items: list[dict[str, Any]]
) -> None:
    # Decay is multiplied by the rate: from 0.2 on, each step makes the weights larger.
    wild = {"lr": 1.0, "weight_decay": 10.0, "warmup": 200, "epochs": 60}
    child = train(settings(tmp_path / "run", base, items, params=wild), tmp_path)
    error = child.closing
    assert error["code"] == "training_diverged", error
    assert "lower learning rate" in error["remedy"]
    epoch, folder = error["details"]["best_epoch"], Path(error["details"]["model_folder"])
    assert epoch >= 1
    assert f"epoch {epoch}" in error["message"]
    weights = safetensors.torch.load_file(folder / "open_clip_model.safetensors")
    assert all(bool(torch.isfinite(each).all()) for each in weights.values())
    open_clip.create_model(f"local-dir:{folder}")
    assert "Recall has not grown" in texts(child, "note")


def test_a_run_that_diverges_at_once_keeps_nothing(
    tmp_path: Path, items: list[dict[str, Any]]
) -> None:
    base = make_model_folder(tmp_path)
    file = base / "open_clip_model.safetensors"
    weights = safetensors.torch.load_file(file)
    weights["logit_scale"].fill_(float("nan"))
    safetensors.torch.save_file(weights, file)
    config = settings(tmp_path / "run", base, items, params={}, val=[])
    error = train(config, tmp_path).closing
    assert error["code"] == "training_diverged", error
    assert error["details"] == {"best_epoch": None, "model_folder": None}


def test_a_disk_that_fills_up_ends_no_training_and_the_model_fails_with_words(
    tmp_path: Path, small_disk: Path, base: Path, items: list[dict[str, Any]]
) -> None:
    config = settings(
        small_disk / "work", base, items, params={}, checkpoint_every_s=0,
        runs_dir=str(small_disk / "runs"),
    )  # fmt: skip
    child = train(config, tmp_path)
    assert child.closing["code"] == "disk_full", child.closing
    assert "Free some disk space" in child.closing["remedy"]
    assert "was not written" in texts(child) or "were not kept" in texts(child)
    assert child.series("train/loss")[-1][0] == 15
    kept = sorted((small_disk / "work" / "checkpoints").iterdir())
    assert kept
    assert not [path for path in kept if path.suffix == ".part"]
    subprocess.run(["mount", "-o", "remount,size=400m", str(small_disk)], check=True)
    again = train(config, tmp_path)
    assert again.closing["event"] == "result", again.closing
    assert "Going on after step" in texts(again)


@pytest.mark.parametrize("harm", ["truncated", "other model", "not weights"])
def test_weights_that_do_not_fit_fail_to_start_and_name_the_file(
    tmp_path: Path, items: list[dict[str, Any]], harm: str
) -> None:
    base = make_model_folder(tmp_path)
    file = base / "open_clip_model.safetensors"
    if harm == "truncated":
        file.write_bytes(file.read_bytes()[:100_000])
    elif harm == "not weights":
        file.write_bytes(b"<html>Not found</html>")
    else:
        safetensors.torch.save_file({"visual.proj": torch.zeros(3, 3)}, file)
    error = train(settings(tmp_path / "run", base, items, params={}), tmp_path).closing
    assert error["code"] == "training_failed_to_start"
    assert NAME in error["message"]
    assert error["remedy"]
