"""open_clip_config.json of a stranger's model: read key by key, nothing of it is passed on unseen.

open_clip hands what stands in it to whatever builds the towers: a name may be a folder of this machine
or a repository to fetch code from, a number may ask for all memory there is. So each key is one of
open_clip's own (`CLIPVisionCfg`, `CLIPTextCfg`, `PreprocessCfg`), each value of its type and within bounds.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import open_clip

from common.errors import InvalidInput
from workers.models.source import CONFIG_FILE

MAX_CONFIG_BYTES = 2**20
MAX_LAYERS = 200
MAX_NUMBER = 1_000_000
MAX_SIDE_PX = 1024
MAX_PATCHES = 4096  # a side of 1024 in patches of 16: attention costs their square
SHOWN_CHARS = 100
REMEDY = "Use the folder as open_clip or CLIP Browser wrote it."
Check = Callable[[Any], str]  # what is wrong with a value, "" if nothing is


def read_config(folder: Path) -> dict[str, Any]:
    """{"model_cfg", "preprocess_cfg"} of open_clip_config.json, checked. Raises InvalidInput with what is wrong."""
    path = folder / CONFIG_FILE
    if path.stat().st_size > MAX_CONFIG_BYTES:
        raise InvalidInput(f"{CONFIG_FILE} is {path.stat().st_size:,} bytes.", remedy=REMEDY)
    try:
        config = json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError) as bad:
        raise InvalidInput(f"{CONFIG_FILE} is no JSON: {bad}", remedy=REMEDY) from bad
    return check_config(config)


def check_config(config: Any) -> dict[str, Any]:
    """The same of what the file holds. Raises InvalidInput."""
    given = config.get("model_cfg") if isinstance(config, dict) else None
    model: dict[str, Any] = given if isinstance(given, dict) else {}
    missing = [part for part in ("embed_dim", "vision_cfg", "text_cfg") if part not in model]
    if missing:
        raise InvalidInput(
            f"{CONFIG_FILE} has no model_cfg with {' and '.join(missing)}.", remedy=REMEDY
        )
    _refuse_other_kinds(model)
    _check_object(config, _FILE, "")
    _check_patches(model["vision_cfg"])
    return {"model_cfg": model, "preprocess_cfg": config.get("preprocess_cfg") or {}}


def count_numbers(model_cfg: dict[str, Any]) -> int:
    """About how many weights a checked configuration asks for, at least; nothing is built for it.

    A tower of timm counts as none: it is one of those that open_clip knows.
    """
    vision, text, dim = model_cfg["vision_cfg"], model_cfg["text_cfg"], model_cfg["embed_dim"]
    width, ends = text.get("width", 512), text.get("vocab_size", 49408)
    words = (ends + text.get("context_length", 77) + dim) * width
    return int(words + _count_layers(text, width, text.get("layers", 12)) + _count_vision(vision))


def _count_vision(vision: dict[str, Any]) -> float:
    width, layers = vision.get("width", 768), vision.get("layers", 12)
    if vision.get("timm_model_name"):
        return 0
    if isinstance(layers, list):  # a ResNet: three convolutions a block, each stage twice as wide
        stages = sum(17 * count * (width * 2**stage) ** 2 for stage, count in enumerate(layers))
        return float(stages + 4 * (32 * width) ** 2)
    flat = (3 * _patch(vision) ** 2 + _patches(vision)) * width
    return float(flat + _count_layers(vision, width, layers))


def _count_layers(tower: dict[str, Any], width: int, layers: int) -> float:
    """Attention, 4 squares of the width, and the two halves of the feed-forward part."""
    return float(layers * width**2 * (4 + 2 * tower.get("mlp_ratio", 4.0)))


def _refuse_other_kinds(model: dict[str, Any]) -> None:
    """What is a model, but none that can be used here, in words of its own."""
    if "multimodal_cfg" in model:
        raise InvalidInput(
            "This is a CoCa model, which writes captions; it cannot be tuned or searched with here.",
            remedy="Import a CLIP model.",
        )
    text = model["text_cfg"]
    for key, value in text.items() if isinstance(text, dict) else ():
        if key.startswith("hf_") and value:
            raise InvalidInput(
                f"text_cfg.{key} is {_shown(value)}: text towers and tokenizers of Hugging Face cannot be "
                "used here.",
                remedy="Import a model with open_clip's own text tower and tokenizer.",
            )


def _check_patches(vision: dict[str, Any]) -> None:
    if isinstance(vision.get("layers"), list) or vision.get("timm_model_name"):
        return
    if _patches(vision) > MAX_PATCHES:
        raise InvalidInput(
            f"vision_cfg cuts an image into {_patches(vision):,} patches; the limit is {MAX_PATCHES:,}.",
            remedy=REMEDY,
        )


def _patches(vision: dict[str, Any]) -> int:
    size = vision.get("image_size", 224)
    sides = size if isinstance(size, list) else [size, size]
    return math.prod(side // _patch(vision) for side in sides)


def _patch(vision: dict[str, Any]) -> int:
    return int(vision.get("patch_size") or 16)


def _check_object(given: Any, known: Mapping[str, Check], name: str) -> None:
    if not isinstance(given, dict):
        raise InvalidInput(f"{name} in {CONFIG_FILE} is no object.", remedy=REMEDY)
    for key, value in given.items():
        place = f"{name}.{key}" if name else str(key)
        check = known.get(key)
        if check is None:
            raise InvalidInput(
                f"{CONFIG_FILE} has {_shown(place)}, which is no setting of an open_clip model.",
                remedy=REMEDY,
            )
        if value is None and (key in _MAY_BE_NULL or name == "preprocess_cfg"):
            continue
        if isinstance(check, _Object):
            _check_object(value, check.known, place)
        elif wrong := check(value):
            raise InvalidInput(f"{place} is {_shown(value)}; {wrong}.", remedy=REMEDY)


class _Object:
    """The check of an object within: `_check_object` looks into it, and names its keys."""

    def __init__(self, known: Mapping[str, Check]) -> None:
        self.known = known

    def __call__(self, value: Any) -> str:
        return "" if isinstance(value, dict) else "an object is needed"


def _shown(value: Any) -> str:
    return repr(value)[:SHOWN_CHARS]


def _whole(limit: int, least: int = 1) -> Check:
    def check(value: Any) -> str:
        if type(value) is not int:
            return "a whole number is needed"
        if value > limit:
            return f"the limit is {limit:,}"
        return "" if value >= least else f"the least is {least}"

    return check


def _number(limit: float = MAX_NUMBER) -> Check:
    def check(value: Any) -> str:
        if type(value) not in (int, float) or not math.isfinite(value):
            return "a number is needed"
        return "" if abs(value) <= limit else f"the limit is {limit:,}"

    return check


def _truth(value: Any) -> str:
    return "" if isinstance(value, bool) else "true or false is needed"


def _one_of(*known: Any) -> Check:
    def check(value: Any) -> str:
        fits = isinstance(value, (str, bool)) and value in known
        return "" if fits else "one of " + ", ".join(str(each) for each in known) + " is needed"

    return check


def _each(check_one: Check, *counts: int) -> Check:
    def check(value: Any) -> str:
        if not isinstance(value, list) or len(value) not in counts:
            return f"a list of {counts[0]} is needed"
        return next(filter(None, map(check_one, value)), "")

    return check


def _either(first: Check, second: Check) -> Check:
    """A list is checked by the second, all else by the first."""
    return lambda value: second(value) if isinstance(value, list) else first(value)


def _known_tower(value: Any) -> str:
    """timm takes names of folders and of repositories, too; those in open_clip's own files are neither."""
    known = isinstance(value, str) and value in _timm_names()
    return "" if known else "no image tower of an open_clip model has this name"


def _timm_names() -> set[str]:
    configs = (open_clip.get_model_config(name) for name in open_clip.list_models())
    return {
        str(name)
        for config in configs
        if config and (name := config["vision_cfg"].get("timm_model_name"))
    }


def _is_empty(value: Any) -> str:
    return "" if not value else "nothing of Hugging Face can be used here"


_MAY_BE_NULL = {
    "act_kwargs", "block_type", "hf_model_name", "hf_tokenizer_name", "init_logit_bias", "ls_init_value",
    "norm_kwargs", "patch_size", "preprocess_cfg", "timm_drop_path", "timm_model_name", "timm_pool",
    "timm_proj", "tokenizer_kwargs", "tokenizer_mode",
}  # fmt: skip
_SIDE = _whole(MAX_SIDE_PX)
_SIZE = _either(_SIDE, _each(_SIDE, 2))
_BLOCKS: dict[str, Check] = {
    **dict.fromkeys(
        ("qk_norm", "scaled_cosine_attn", "scale_heads", "scale_attn_inner", "scale_attn", "scale_fc",
         "final_ln_after_pool", "output_tokens"),
        _truth,
    ),
    "block_type": _one_of("default", "custom"),
    "mlp_ratio": _number(64),
    "ls_init_value": _number(),
    "act_kwargs": _Object({"approximate": _one_of("none", "tanh")}),
    "norm_kwargs": _Object({"eps": _number(1)}),
    "width": _whole(MAX_NUMBER),
}  # fmt: skip
_VISION: dict[str, Check] = {
    **_BLOCKS,
    "layers": _either(_whole(MAX_LAYERS), _each(_whole(MAX_LAYERS), 4)),
    "head_width": _whole(MAX_NUMBER),
    "patch_size": _SIDE,
    "image_size": _SIZE,
    "patch_dropout": _number(1),
    "attentional_pool": _one_of(True, False, "parallel", "cascade"),
    "attn_pooler_queries": _whole(MAX_PATCHES),
    "attn_pooler_heads": _whole(MAX_PATCHES),
    "no_ln_pre": _truth,
    "pos_embed_type": _one_of("learnable", "sin_cos_2d"),
    "pool_type": _one_of("tok", "avg", "none"),
    "timm_model_name": _known_tower,
    "timm_model_pretrained": _truth,  # open_clip sets it by itself: off, as the folder has weights
    "timm_pool": _one_of("", "abs_attn", "rot_attn", "avg", "map", "token"),
    "timm_proj": _one_of("", "linear", "mlp", "none"),
    "timm_proj_bias": _truth,
    "timm_drop": _number(1),
    "timm_drop_path": _number(1),
}
_TEXT: dict[str, Check] = {
    **_BLOCKS,
    "layers": _whole(MAX_LAYERS),
    "heads": _whole(MAX_NUMBER),
    "context_length": _whole(1024, 3),  # a begin, a word, an end
    "vocab_size": _whole(MAX_NUMBER),
    "embed_cls": _truth,
    "pad_id": _whole(MAX_NUMBER, 0),
    "eos_id": _whole(MAX_NUMBER, 0),
    "no_causal_mask": _truth,
    "pool_type": _one_of("first", "last", "argmax", "eos", "none"),
    "proj_bias": _truth,
    "proj_type": _one_of("linear", "none"),
    "tokenizer_mode": _one_of("clips"),
    "tokenizer_kwargs": _Object(
        {"clean": _one_of("lower", "whitespace", "canonicalize"), "strip_sep_token": _truth}
    ),
    "hf_tokenizer_name": _is_empty,
    "hf_model_name": _is_empty,
    "hf_model_pretrained": _is_empty,
    "hf_proj_type": _is_empty,
    "hf_pooler_type": _is_empty,
}
_MODEL: dict[str, Check] = {
    "embed_dim": _whole(MAX_NUMBER),
    "vision_cfg": _Object(_VISION),
    "text_cfg": _Object(_TEXT),
    "quick_gelu": _truth,
    "custom_text": _truth,
    "init_logit_scale": _number(),
    "init_logit_bias": _number(),
    "nonscalar_logit_scale": _truth,
}
_PREPROCESS: dict[str, Check] = {
    "size": _SIZE,
    "mode": _one_of("RGB"),
    "mean": _each(_number(), 3),
    "std": _each(_number(), 3),
    "interpolation": _one_of("bicubic", "bilinear", "random"),
    "resize_mode": _one_of("shortest", "longest", "squash"),
    "fill_color": _whole(255, 0),
}
_FILE: dict[str, Check] = {"model_cfg": _Object(_MODEL), "preprocess_cfg": _Object(_PREPROCESS)}
