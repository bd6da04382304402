"""Language models for paraphrases: where their folders are, and whether one is whole. No torch.

Looked for, in this order: the folder that the name is, `<data dir>/weights/<organisation>/<name>` (where
downloads go, and where a folder may be placed by hand), the Hugging Face cache.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

from common.errors import LlmFailed
from common.models.catalogue import hub_cache

FALLBACK = "or augment with synonyms, which need no language model."
PARTIAL = ".part"  # ends the name of a file that is still being downloaded
WEIGHTS = ("*.safetensors", "pytorch_model*.bin")
INDEXES = ("model.safetensors.index.json", "pytorch_model.bin.index.json")
TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "tekken.json")
_HUB_NAME = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")


def is_folder_name(model: str) -> bool:
    """Whether a model is named by a folder's path, not by its name on the hub."""
    return model.startswith((".", "~", os.sep)) or not _HUB_NAME.fullmatch(model)


def find_language_model(model: str, weights_dir: Path) -> Path | None:
    """The folder with all files of a model on this machine, or None."""
    if is_folder_name(model):
        named = Path(model).expanduser()
        return named if is_whole(named) else None
    cached = hub_cache() / f"models--{model.replace('/', '--')}" / "snapshots"
    folders = [weights_dir / model, *sorted(cached.glob("*"))]
    return next((folder for folder in folders if is_whole(folder)), None)


def is_whole(folder: Path) -> bool:
    """Whether a folder has configuration, tokenizer and every file of weights."""
    if not (folder / "config.json").is_file() or any(folder.glob(f"*{PARTIAL}")):
        return False
    if not any((folder / name).is_file() for name in TOKENIZERS):
        return False
    for name in INDEXES:
        if (folder / name).is_file():
            return all((folder / shard).is_file() for shard in _shards(folder / name))
    return any(any(folder.glob(pattern)) for pattern in WEIGHTS)


def _shards(index: Path) -> set[str]:
    try:
        return set(json.loads(index.read_text("utf-8"))["weight_map"].values())
    except (ValueError, KeyError, AttributeError):
        return {"(an index that cannot be read)"}


def size_bytes(folder: Path) -> int:
    """Of the weights that are loaded: safetensors if there are any."""
    sizes = (sum(path.stat().st_size for path in folder.glob(pattern)) for pattern in WEIGHTS)
    return next((size for size in sizes if size), 0)


def placement(model: str, weights_dir: Path) -> str:
    """How somebody without a network brings a model here, in one sentence."""
    return (
        f"Download all files of {model} on another machine into {weights_dir / model}, or set "
        "CLIP_BROWSER_LLM_MODEL to a folder with config.json, tokenizer and weights"
    )


def require_folder(model: str) -> Path:
    """The folder that a path names. Raises LlmFailed when no whole model is in it."""
    folder = Path(model).expanduser()
    if is_whole(folder):
        return folder
    raise LlmFailed(
        f"There is no whole language model in {folder}.",
        remedy="Set CLIP_BROWSER_LLM_MODEL (or the job's llm_model) to a folder with config.json, "
        f"tokenizer and all weights, or to a name on the hub, {FALLBACK}",
    )
