"""The folder of a tuned model: plain open_clip loads it with `local-dir:` and its own preprocessing."""

from __future__ import annotations

import json
import re
import shutil
import unicodedata
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import open_clip
import safetensors.torch

from workers.gpu.models.card import write_card

WEIGHTS_FILE = "open_clip_model.safetensors"
CONFIG_FILE = "open_clip_config.json"
NAME_LIMIT = 60


def folder_name(name: str, moment: datetime | None = None) -> str:
    """`<YYYYmmdd-HHMMSS>_<name>`, in UTC; what a path or an address cannot hold becomes '-'."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^A-Za-z0-9._-]+", "-", plain).strip("-._")[:NAME_LIMIT].strip("-._")
    return f"{(moment or datetime.now(UTC)):%Y%m%d-%H%M%S}_{slug or 'model'}"


def save_weights(model: Any, path: Path) -> None:
    """The model's weights in fp32 as safetensors, written by a temporary file and rename."""
    tensors = {
        name: tensor.detach().float().cpu().contiguous() if tensor.is_floating_point()
        else tensor.detach().cpu().contiguous()
        for name, tensor in model.state_dict().items()
    }  # fmt: skip
    part = path.with_suffix(".part")
    safetensors.torch.save_file(tensors, part)
    part.replace(path)


def read_model_config(name: str) -> dict[str, Any]:
    """open_clip's configuration of an architecture or a `local-dir:` folder."""
    config: dict[str, Any] = open_clip.get_model_config(name)
    return config


def write_model_folder(
    parent: Path,
    name: str,
    *,
    weights: Path,
    model_config: dict[str, Any],
    preprocess: dict[str, Any],
    training: dict[str, Any],
    history: list[dict[str, Any]],
) -> Path:
    """Write `parent/<name>`, whole or not at all; the folder.

    weights: a file that `save_weights` wrote. training: parameters, metrics and lineage, the model card's source.
    """
    parent.mkdir(parents=True, exist_ok=True)
    made, part = parent / name, parent / f".{name}.part"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    config = {"model_cfg": model_config, "preprocess_cfg": preprocess}
    _write_json(part / CONFIG_FILE, config)
    _write_json(part / "training.json", training)
    lines = "".join(json.dumps(record) + "\n" for record in history)
    (part / "metrics.jsonl").write_text(lines, encoding="utf-8")
    (part / "README.md").write_text(write_card(name, training), encoding="utf-8")
    shutil.copyfile(weights, part / WEIGHTS_FILE)
    shutil.rmtree(made, ignore_errors=True)
    part.replace(made)
    return made


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2, default=str) + "\n", encoding="utf-8")
