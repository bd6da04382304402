from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import pytest
import torch

from tests.workers.gpu.tiny_clip import NAME, draw_items, make_model_folder
from workers.gpu.data.batches import InputShape, TrainBatches
from workers.gpu.data.cache import PixelCache
from workers.gpu.training.memory import (
    BatchLayout,
    allocate_moments,
    has_batch_norm,
    list_layouts,
    smaller_layout,
    split_batch,
)


def test_the_layouts_go_from_whole_batches_to_single_images_with_checkpointing() -> None:
    assert list_layouts(8) == [
        BatchLayout(), BatchLayout(1, True), BatchLayout(2, True), BatchLayout(4, True), BatchLayout(8, True),
    ]  # fmt: skip
    assert list_layouts(6)[-1] == BatchLayout(6, True)
    assert list_layouts(1) == [BatchLayout(), BatchLayout(1, True)]
    layout: BatchLayout | None = BatchLayout()
    sizes = []
    while layout is not None:
        sizes.append(layout.micro_batch(50))
        layout = smaller_layout(layout, 50)
    assert sizes == [50, 50, 25, 13, 7, 4, 2, 1]


def test_a_layout_that_is_not_listed_still_has_a_smaller_one() -> None:
    assert smaller_layout(BatchLayout(3, False), 8) == BatchLayout(4, True)
    assert smaller_layout(BatchLayout(8, True), 8) is None


@pytest.mark.parametrize("parts", [1, 3, 7])
def test_micro_batches_are_the_same_images_in_the_same_order(tmp_path: Path, parts: int) -> None:
    rng = np.random.default_rng(0)
    cache = PixelCache(10**6, tmp_path / "cache")
    for _ in range(22):
        cache.append(rng.integers(0, 256, (16, 16, 3), dtype=np.uint8))
    shape = InputShape(16, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    tokens = torch.arange(22).view(-1, 1).repeat(1, 4)
    captions = [[i] for i in range(22)]
    batches = TrainBatches(cache, tokens, captions, shape, batch_size=7, seed=1)
    whole = list(batches.of_epoch(0))
    got = [part for batch in whole for part in split_batch(*batch, parts)]
    assert len(got) == batches.num_batches * parts == 3 * parts
    assert torch.equal(torch.cat([p for p, _ in got]), torch.cat([p for p, _ in whole]))
    assert torch.equal(torch.cat([t for _, t in got]), torch.cat([t for _, t in whole]))
    sizes = [len(texts) for _, texts in got]
    assert max(sizes) - min(sizes) <= 1


def adam(model: torch.nn.Module) -> torch.optim.AdamW:
    return torch.optim.AdamW(model.parameters(), lr=0.1, weight_decay=0.5, fused=True)


def test_moments_made_beforehand_change_neither_the_weights_nor_the_steps() -> None:
    torch.manual_seed(0)
    one = torch.nn.Linear(5, 3)
    two = copy.deepcopy(one)
    first, second = adam(one), adam(two)
    allocate_moments(first)
    assert torch.equal(one.weight, two.weight)
    assert one.weight.grad is None
    assert first.param_groups[0]["lr"] == 0.1
    assert len(first.state) == 2
    for _ in range(3):
        inputs = torch.randn(4, 5)
        for model, optimizer in ((one, first), (two, second)):
            optimizer.zero_grad()
            model(inputs).square().sum().backward()
            optimizer.step()
    assert torch.equal(one.weight, two.weight)


def test_the_small_model_has_batch_norm_and_a_vision_transformer_has_none(tmp_path: Path) -> None:
    folder = make_model_folder(tmp_path)
    assert not has_batch_norm(open_clip.create_model(f"local-dir:{folder}"))
    assert has_batch_norm(torch.nn.Sequential(torch.nn.BatchNorm2d(3)))


def train(
    folder: Path, items: list[dict[str, Any]], base: Path, room_gb: float
) -> list[dict[str, Any]]:
    """The events of a training that may take so many GB more than the program itself does."""
    folder.mkdir()
    config = {
        "job_id": "memory",
        "params": {
            "model": NAME, "epochs": 2, "batch_size": len(items), "lr": 1e-3, "warmup": 1,
            "pretrained": "mine", "precision": "fp32",
        },
        "base": f"local-dir:{base}", "train": items, "work_dir": str(folder),
        "runs_dir": str(folder / "runs"), "weights_dir": str(folder), "device": "cpu",
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    made = subprocess.run(
        [
            sys.executable, "-m", "tests.workers.gpu.training.plain_trainer", str(folder / "config.json"), "0",
            str(room_gb),
        ],
        cwd=Path(__file__).parents[4], capture_output=True, text=True, timeout=280, check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    events = [json.loads(line) for line in made.stdout.splitlines()]
    assert events[-1]["event"] in ("result", "error"), made.stderr[-2000:]
    return events


def losses(events: list[dict[str, Any]]) -> list[float]:
    return [each["value"] for each in events if each.get("name") == "train/loss"]


def said(events: list[dict[str, Any]]) -> str:
    return "\n".join(each["text"] for each in events if each["event"] == "log")


@pytest.mark.timeout(600)
@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_DATA counts all memory on Linux only")
def test_a_batch_that_does_not_fit_is_trained_in_parts_with_the_same_losses(tmp_path: Path) -> None:
    base = make_model_folder(tmp_path, side=64, patch=4, width=32, layers=12)
    items = draw_items(tmp_path / "images", 96, side=64)
    limited = train(tmp_path / "limited", items, base, 0.22)
    result = limited[-1]
    assert result["event"] == "result", result
    assert result["gradient_checkpointing"] is True
    assert result["accumulation"] > 1
    assert result["micro_batch"] * result["accumulation"] >= 96
    assert "does not fit the memory with batches of 96" in said(limited)
    assert "the same batch size of 96" in said(limited)
    free = train(tmp_path / "free", items, base, 0.0)
    assert free[-1]["accumulation"] == 1
    assert "does not fit" not in said(free)
    assert losses(limited) == pytest.approx(losses(free), rel=1e-4)
    assert len(losses(free)) == 2


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_DATA counts all memory on Linux only")
def test_what_does_not_fit_at_all_fails_and_names_what_would(tmp_path: Path) -> None:
    base = make_model_folder(tmp_path, side=64, patch=4, width=512, layers=8)
    items = draw_items(tmp_path / "images", 2, side=64)
    error = train(tmp_path / "run", items, base, 0.12)[-1]
    assert error["code"] == "gpu_out_of_memory"
    assert NAME in error["message"]
    assert "GB of memory" in error["message"]
    assert "one image at a time" in error["message"]
    assert "CLIP_BROWSER_TRAIN_MEMORY_GB" in error["remedy"]
