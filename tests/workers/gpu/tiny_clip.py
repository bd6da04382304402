"""A tiny vision transformer CLIP as a model folder, and pictures of its size to train it on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import open_clip
import safetensors.torch
import torch
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from workers.cpu.images.sample import draw_sample

# The name has "vit" in it, as open_clip chooses Adam's constants by that.
NAME = "tiny-vit"
SERIES = ("train/loss", "train/lr", "train/scale")
Curves = dict[str, list[float]]
MEAN, STD = [0.48, 0.46, 0.41], [0.27, 0.26, 0.28]


def make_model_folder(
    parent: Path, *, side: int = 32, patch: int = 8, width: int = 32, layers: int = 2, seed: int = 0
) -> Path:
    """A folder that open_clip loads with `local-dir:`, with random weights."""
    folder = parent / NAME
    folder.mkdir(parents=True)
    model_cfg = {
        "embed_dim": 32,
        "vision_cfg": {
            "image_size": side, "layers": layers, "width": width, "head_width": 16, "patch_size": patch,
        },
        "text_cfg": {
            "context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2,
        },
    }  # fmt: skip
    preprocess = {"size": [side, side], "mean": MEAN, "std": STD, "interpolation": "bicubic"}
    content = {"model_cfg": model_cfg, "preprocess_cfg": preprocess}
    (folder / "open_clip_config.json").write_text(json.dumps(content))
    torch.manual_seed(seed)
    made = open_clip.CLIP(**model_cfg)  # type: ignore[arg-type]
    weights = {name: tensor.contiguous() for name, tensor in made.state_dict().items()}
    safetensors.torch.save_file(weights, folder / "open_clip_model.safetensors")
    return folder


def draw_items(folder: Path, count: int, side: int = 32) -> list[dict[str, Any]]:
    """Pictures of `side` pixels with one caption each."""
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for number, each in enumerate(draw_sample(count=count, seed=5)):
        raw, path = folder / f"{number}.raw.png", folder / f"{number:03d}.png"
        raw.write_bytes(each.png)
        Image.open(raw).convert("RGB").resize((side, side)).save(path)
        raw.unlink()
        made.append({"path": str(path), "captions": [f"{each.caption} number {number}"]})
    return made


def read_curves(folder: Path) -> Curves:
    """Every step's value of the series, from TensorBoard's files."""
    board = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    board.Reload()
    assert [point.step for point in board.Scalars("train/loss")] == list(
        range(len(board.Scalars("train/loss")))
    )
    return {name: [point.value for point in board.Scalars(name)] for name in SERIES}
