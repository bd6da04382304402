"""Model folders for tests: a tiny ViT of no known architecture, and zips of folders."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import open_clip
import torch

from workers.gpu.models.folder import CONFIG_FILE, WEIGHTS_FILE, save_weights

TINY: dict[str, Any] = {
    "embed_dim": 32,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 8},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
}
PREPROCESS = {
    "size": [32, 32], "mode": "RGB", "mean": [0.4, 0.5, 0.6], "std": [0.2, 0.3, 0.4],
    "interpolation": "bilinear", "resize_mode": "shortest", "fill_color": 0,
}  # fmt: skip


def write_tiny(folder: Path, seed: int = 0, **config: Any) -> Path:
    """A folder with a tiny ViT of random weights. config: parts of the JSON file to exchange."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    save_weights(open_clip.CLIP(**TINY), folder / WEIGHTS_FILE)
    content = {"model_cfg": TINY, "preprocess_cfg": PREPROCESS, **config}
    (folder / CONFIG_FILE).write_text(json.dumps(content))
    return folder


def zip_folder(folder: Path, archive: Path, inside: str = "") -> Path:
    """A zip of a folder's files, below the folder `inside` of the zip."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as out:
        for path in sorted(folder.iterdir()):
            out.write(path, f"{inside}/{path.name}" if inside else path.name)
    return archive
