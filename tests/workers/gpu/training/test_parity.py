"""Our training and `open_clip_train.main`, both really run on the same data: the same optimisation."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from tests.workers.gpu.tiny_clip import (
    NAME,
    SERIES,
    Curves,
    draw_items,
    make_model_folder,
    read_curves,
)

pytestmark = pytest.mark.timeout(900)
SEED = 3
LR, DECAY, WARMUP = 2e-3, 0.2, 3


def run_module(module: str, *arguments: str, folder: Path) -> None:
    made = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=Path(__file__).parents[4], capture_output=True, text=True, timeout=240, check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert made.returncode == 0, made.stderr[-3000:]
    (folder / "said").write_text(made.stdout)


def run_bare(
    folder: Path, items: list[dict[str, Any]], model: str, epochs: int, batch: int, *more: str,
    order: str = str(SEED),
) -> tuple[Curves, dict[str, torch.Tensor]]:  # fmt: skip
    """(curves, weights at the end) of open_clip's own trainer."""
    folder.mkdir()
    rows = "".join(f"{item['path']}\t{item['captions'][0]}\n" for item in items)
    (folder / "train.csv").write_text(f"filepath\ttitle\n{rows}")
    run_module(
        "tests.workers.gpu.training.bare_trainer", order,
        "--train-data", str(folder / "train.csv"), "--model", model, "--epochs", str(epochs),
        "--batch-size", str(batch), "--lr", str(LR), "--wd", str(DECAY), "--warmup", str(WARMUP),
        "--seed", str(SEED), "--precision", "fp32", "--device", "cpu", "--workers", "0",
        "--aug-cfg", "scale=(1.0,1.0)", "--logs", str(folder / "logs"), "--name", "bare",
        "--report-to", "tensorboard", "--log-every-n-steps", "1", *more, folder=folder,
    )  # fmt: skip
    logs = folder / "logs" / "bare"
    saved = torch.load(logs / "checkpoints" / f"epoch_{epochs}.pt", weights_only=True)
    return read_curves(logs / "tensorboard"), saved["state_dict"]


def run_ours(
    folder: Path, items: list[dict[str, Any]], epochs: int, batch: int, *parts: str,
    base: str = "", model: str = NAME,
) -> tuple[Curves, dict[str, torch.Tensor]]:  # fmt: skip
    """(curves, weights at the end) of our training child."""
    folder.mkdir()
    config = {
        "job_id": "parity",
        "params": {
            "model": model, "epochs": epochs, "batch_size": batch, "lr": LR, "warmup": WARMUP,
            "weight_decay": DECAY, "seed": SEED, "precision": "fp32", "pretrained": "mine" if base else "",
        },
        "base": base, "train": items, "work_dir": str(folder), "runs_dir": str(folder / "runs"),
        "weights_dir": str(folder), "device": "cpu",
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    run_module(
        "tests.workers.gpu.training.plain_trainer",
        str(folder / "config.json"),
        *parts,
        folder=folder,
    )
    closing = json.loads((folder / "said").read_text().splitlines()[-1])
    assert closing["event"] == "result", closing
    file = Path(closing["model_folder"]) / "open_clip_model.safetensors"
    return read_curves(folder / "runs"), dict(safetensors.torch.load_file(file))


def compare(
    ours: tuple[Curves, dict[str, torch.Tensor]],
    bare: tuple[Curves, dict[str, torch.Tensor]],
    *,
    loss_within: float,
) -> None:
    for name in SERIES:
        within = 1e-6 if name == "train/lr" else loss_within
        assert ours[0][name] == pytest.approx(bare[0][name], rel=within), name
    assert ours[0]["train/loss"][0] != pytest.approx(ours[0]["train/loss"][-1], rel=0.05)
    assert ours[1].keys() == bare[1].keys()


def test_the_losses_of_every_step_are_those_of_open_clips_own_trainer(tmp_path: Path) -> None:
    base = f"local-dir:{make_model_folder(tmp_path)}"
    items = draw_items(tmp_path / "images", 27)
    ours = run_ours(tmp_path / "ours", items, 4, 8, base=base)
    bare = run_bare(tmp_path / "bare", items, base, 4, 8)
    assert len(ours[0]["train/loss"]) == 12
    compare(ours, bare, loss_within=1e-5)
    for name, tensor in bare[1].items():
        if "in_proj_bias" not in name:  # keys have no gradient: Adam makes steps of rounding noise
            assert torch.allclose(ours[1][name], tensor, atol=2e-5), name


def test_with_its_own_shuffling_a_batch_of_all_images_gives_the_same_losses(tmp_path: Path) -> None:
    base = f"local-dir:{make_model_folder(tmp_path)}"
    items = draw_items(tmp_path / "images", 16)
    ours = run_ours(tmp_path / "ours", items, 8, 16, base=base)
    bare = run_bare(tmp_path / "bare", items, base, 8, 16, order="-")
    compare(ours, bare, loss_within=1e-4)


def test_a_batch_in_parts_is_open_clips_accumulation(tmp_path: Path) -> None:
    base = f"local-dir:{make_model_folder(tmp_path)}"
    items = draw_items(tmp_path / "images", 24)
    ours = run_ours(tmp_path / "ours", items, 3, 8, "2", base=base)
    bare = run_bare(tmp_path / "bare", items, base, 3, 4, "--accum-freq", "2")
    compare(ours, bare, loss_within=1e-4)


def test_the_small_model_from_scratch_learns_as_open_clips_own_trainer_has_it_learn(
    tmp_path: Path,
) -> None:
    items = draw_items(tmp_path / "images", 20, side=64)
    ours = run_ours(tmp_path / "ours", items, 3, 8, model="clip-browser-small")
    bare = run_bare(tmp_path / "bare", items, "clip-browser-small", 3, 8)
    compare(ours, bare, loss_within=1e-3)
