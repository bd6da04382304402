"""open_clip_config.json and the weights of a model from elsewhere, looked at before they are loaded.

So that each fault is named, and nothing is built that would not fit this machine's memory.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import open_clip
import safetensors
import torch

from common.errors import InvalidInput
from common.models.catalogue import CATALOGUE, MODEL_CONFIG_DIR
from workers.models.source import CONFIG_FILE, WEIGHTS_FILE

MAX_CONFIG_BYTES = 2**20
MAX_LAYERS = 200
MAX_NUMBER = 1_000_000
SHOWN = 3
REMEDY = "Use the folder as open_clip or CLIP Browser wrote it."
FIT_REMEDY = "Put the configuration beside the weights that it was written with."
SLACK = 10_000_000  # numbers: position embeddings may be resized, buffers made anew


def read_config(folder: Path) -> dict[str, Any]:
    """The content of open_clip_config.json, checked. Raises InvalidInput with what is wrong."""
    path = folder / CONFIG_FILE
    if path.stat().st_size > MAX_CONFIG_BYTES:
        raise InvalidInput(f"{CONFIG_FILE} is {path.stat().st_size:,} bytes.", remedy=REMEDY)
    try:
        config = json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError) as bad:
        raise InvalidInput(f"{CONFIG_FILE} is no JSON: {bad}", remedy=REMEDY) from bad
    given = config.get("model_cfg") if isinstance(config, dict) else None
    model: dict[str, Any] = given if isinstance(given, dict) else {}
    missing = [part for part in ("embed_dim", "vision_cfg", "text_cfg") if part not in model]
    if missing:
        raise InvalidInput(
            f"{CONFIG_FILE} has no model_cfg with {' and '.join(missing)}.", remedy=REMEDY
        )
    _check_model(model)
    preprocess = config.get("preprocess_cfg")
    if preprocess is not None and not isinstance(preprocess, dict):
        raise InvalidInput(f"preprocess_cfg in {CONFIG_FILE} is no object.", remedy=REMEDY)
    return {"model_cfg": model, "preprocess_cfg": preprocess or {}}


def _check_model(model: dict[str, Any]) -> None:
    for part in ("vision_cfg", "text_cfg"):
        if not isinstance(model[part], dict):
            raise InvalidInput(f"{part} in {CONFIG_FILE} is no object.", remedy=REMEDY)
    for name, value in _leaves(model):
        last = name.rsplit(".", 1)[-1]
        if last.startswith("hf_") and value:
            raise InvalidInput(
                f"{name} is {value!r}: text towers and tokenizers of Hugging Face cannot be used here.",
                remedy="Import a model with open_clip's own text tower and tokenizer.",
            )
        if last == "trust_remote_code" and value:
            raise InvalidInput(f"{name} is set: code from outside is not run.", remedy=REMEDY)
        limit = MAX_LAYERS if last == "layers" else MAX_NUMBER
        if isinstance(value, (int, float)) and not abs(value) <= limit:
            raise InvalidInput(f"{name} is {value}; the limit is {limit:,}.", remedy=REMEDY)
    if "multimodal_cfg" in model:
        raise InvalidInput(
            "This is a CoCa model, which writes captions; it cannot be tuned or searched with here.",
            remedy="Import a CLIP model.",
        )


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """(dotted name, value) of everything that is no object or list."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _leaves(each, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list):
        for each in value:
            yield from _leaves(each, name)
    else:
        yield name, value


def read_shapes(folder: Path) -> dict[str, tuple[int, ...]]:
    """{name: shape} of the weights, from the file's header alone. Raises InvalidInput if damaged."""
    try:
        with safetensors.safe_open(folder / WEIGHTS_FILE, "pt") as file:
            return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    except Exception as bad:  # safetensors raises kinds of its own
        raise InvalidInput(
            f"{WEIGHTS_FILE} is damaged or no safetensors file: {bad}", remedy="Pack it again."
        ) from bad


def check_size(folder: Path, model_cfg: dict[str, Any]) -> None:
    """Raises InvalidInput when the configuration asks for far more than the file holds.

    Checked before the model is built, so that a wrong number in the configuration takes no memory.
    """
    needed = _needed_shapes(model_cfg)
    found = read_shapes(folder)
    if needed is None or _count(needed) <= 2 * _count(found) + SLACK:
        return
    raise InvalidInput(
        f"{CONFIG_FILE} describes a model of {_count(needed):,} numbers; {WEIGHTS_FILE} holds "
        f"{_count(found):,}.",
        remedy=FIT_REMEDY,
    )


def find_misfit(folder: Path, model_cfg: dict[str, Any]) -> str:
    """What of the weights is missing, too much, or of another shape; "" when that cannot be told."""
    found, needed = read_shapes(folder), _needed_shapes(model_cfg)
    if needed is None:
        return ""
    missing, extra = sorted(needed.keys() - found.keys()), sorted(found.keys() - needed.keys())
    other = [name for name in needed if name in found and needed[name] != found[name]]
    said = []
    if missing:
        said.append(f"{len(missing)} weights are missing ({_some(missing)})")
    if extra:
        said.append(f"{len(extra)} do not belong to it ({_some(extra)})")
    if other:
        name = other[0]
        said.append(
            f"{len(other)} have another shape ({name} is {_by(found[name])} in the file, "
            f"{_by(needed[name])} by the configuration)"
        )
    return "; ".join(said)


def _needed_shapes(model_cfg: dict[str, Any]) -> dict[str, tuple[int, ...]] | None:
    """{name: shape} that the configuration asks for; None when it can only be told by loading.

    Some image towers compute numbers while they are built, which tensors without memory have not.
    """
    try:
        with torch.device("meta"):
            model = _build(model_cfg)
    except NotImplementedError:
        return None
    except (TypeError, KeyError, ValueError, AssertionError, AttributeError, RuntimeError) as bad:
        if "meta" in str(bad):
            return None
        raise InvalidInput(
            f"{CONFIG_FILE} describes no model that open_clip can build: {bad}", remedy=REMEDY
        ) from bad
    return {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}


def _build(model_cfg: dict[str, Any]) -> Any:
    cfg = {
        key: dict(value) if isinstance(value, dict) else value for key, value in model_cfg.items()
    }
    custom = cfg.pop("custom_text", False)
    return (open_clip.CustomTextCLIP if custom else open_clip.CLIP)(**cfg)


def _some(names: list[str]) -> str:
    more = ", ..." if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _count(shapes: dict[str, tuple[int, ...]]) -> int:
    return sum(math.prod(shape) for shape in shapes.values())


def _by(shape: tuple[int, ...]) -> str:
    return " x ".join(str(side) for side in shape) or "a number"


def name_architecture(model_cfg: dict[str, Any]) -> str:
    """The name of the architecture: the catalogue's or open_clip's own, else what kind it is.

    The trainer's defaults go by whether the name has "ViT" in it (open_clip_train/params.py).
    """
    open_clip.add_model_config(MODEL_CONFIG_DIR)
    ours = [known.name + suffix for known in CATALOGUE for suffix in ("", "-quickgelu")]
    names: list[str] = [*ours, *open_clip.list_models()]
    for name in names:
        known = open_clip.get_model_config(name)
        if known is not None and _plain(known) == _plain(model_cfg):
            return name
    vision = model_cfg["vision_cfg"]
    is_resnet = isinstance(vision.get("layers"), list)
    return "own-ResNet" if is_resnet else "own-ViT"


def _plain(model_cfg: dict[str, Any]) -> dict[str, Any]:
    """Without what is the default anyway."""
    return {key: value for key, value in model_cfg.items() if key != "quick_gelu" or value}
