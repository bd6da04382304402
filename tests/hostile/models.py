"""Configurations of models that ask for other files, other code, or all memory there is."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

import open_clip

from tests.hostile.names import odd_name
from workers.gpu.models.model_config import check_config, count_numbers

VALUES: tuple[Any, ...] = (
    None, True, -1, 0, 1, 0.5, 1e308, float("inf"), 2**31, 10**30, "", "512", [], [1, 2], [7] * 4, {},
    {"a": 1}, "local-dir:/etc", "hf-hub:a/b", "/etc/passwd", "resnet50", ["x"] * 4, {"eps": "x"},
)  # fmt: skip
KEYS = (
    "hf_model_name", "hf_tokenizer_name", "trust_remote_code", "timm_model_name", "multimodal_cfg",
    "timm_model_pretrained", "cache_dir", "image_size", "patch_size", "context_length", "norm_kwargs",
    "act_kwargs", "tokenizer_kwargs", "layers", "width", "heads", "__class__", "custom_text",
)  # fmt: skip
MOST = (
    10**12
)  # numbers that a checked configuration may be counted to; its file says what is too many


def make(rng: random.Random) -> Iterator[tuple[str, bytes]]:
    """(what it is, the file), without an end."""
    own = ["ViT-B-32", "RN50", "ViT-B-32-quickgelu", "convnext_base", "ViT-H-14"]
    while True:
        config: dict[str, Any] = {
            "model_cfg": copy.deepcopy(open_clip.get_model_config(rng.choice(own))),
            "preprocess_cfg": {
                "size": [224, 224],
                "mode": "RGB",
                "mean": [0.5] * 3,
                "std": [0.5] * 3,
            },
        }
        for _ in range(rng.choice((0, 1, 1, 1, 2, 3))):
            place = rng.choice(_objects(config))
            key = rng.choice([*place, *KEYS, odd_name(rng)[:50]])
            place[key] = copy.deepcopy(rng.choice([*VALUES, place.get(key, 12), 8, 64]))
        yield "a changed configuration", json.dumps(config).encode("utf-8", "surrogatepass")


def take(data: bytes) -> None:
    """As the import does, before anything is built. Raises InvalidInput."""
    found = check_config(json.loads(data))
    assert "local-dir" not in json.dumps(found)
    assert "hf-hub" not in json.dumps(found)
    assert "passwd" not in json.dumps(found)
    assert 0 <= count_numbers(found["model_cfg"]) < MOST**3


def _objects(value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, dict):
        return []
    return [value, *(each for inner in value.values() for each in _objects(inner))]
