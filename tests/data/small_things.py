"""Small pictures with captions, and a small model whose weights are mostly zeros."""

from __future__ import annotations

import json
from pathlib import Path

import open_clip
import safetensors.torch
import torch
from PIL import Image, ImageDraw

COLOURS = {"red": "#d22", "green": "#2a2", "blue": "#22d", "yellow": "#dc2"}
SHAPES = ("circle", "square", "triangle", "bar")
SIDE = 64
MODEL = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 16, "head_width": 8, "patch_size": 8},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
}
PREPROCESS = {"size": [32, 32], "mean": [0.5, 0.5, 0.5], "std": [0.3, 0.3, 0.3]}


def draw_images(folder: Path, count: int = 14) -> None:
    """Pictures with a text file beside each; the last two are all but the same as the first two."""
    folder.mkdir(parents=True)
    pairs = [(shape, colour) for shape in SHAPES for colour in COLOURS]
    for number, (shape, colour) in enumerate(pairs[: count - 2] + pairs[:2]):
        path = folder / f"{number:02}-{shape}.png"
        image = draw(shape, COLOURS[colour])
        if number >= count - 2:
            image.putpixel((0, 0), (250, 250, 250))
        image.save(path)
        path.with_suffix(".txt").write_text(f"a {colour} {shape}\n", encoding="utf-8")


def draw(shape: str, colour: str) -> Image.Image:
    """A shape on white."""
    image = Image.new("RGB", (SIDE, SIDE), "white")
    pen = ImageDraw.Draw(image)
    if shape == "circle":
        pen.ellipse((8, 8, 56, 56), fill=colour)
    elif shape == "square":
        pen.rectangle((12, 12, 52, 52), fill=colour)
    elif shape == "triangle":
        pen.polygon([(32, 6), (58, 56), (6, 56)], fill=colour)
    else:
        pen.rectangle((4, 26, 60, 38), fill=colour)
    return image


def write_model(folder: Path, captions: list[str]) -> Path:
    """A model folder; the embeddings of words that these captions have not are zero."""
    folder.mkdir()
    torch.manual_seed(7)
    model = open_clip.CLIP(**MODEL)  # type: ignore[arg-type]
    used = open_clip.get_tokenizer("ViT-B-32")(captions).unique()
    with torch.no_grad():
        kept = model.token_embedding.weight[used].clone()
        model.token_embedding.weight.zero_()
        model.token_embedding.weight[used] = kept
    weights = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    safetensors.torch.save_file(weights, folder / "open_clip_model.safetensors")
    content = {"model_cfg": MODEL, "preprocess_cfg": PREPROCESS}
    (folder / "open_clip_config.json").write_text(json.dumps(content))
    return folder
