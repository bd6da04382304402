"""A model folder from elsewhere: looked at, loaded in plain open_clip to prove it, written as one of ours.

Its configuration and its weights' header are read first, so that each fault is named, and nothing is built
that would not fit this machine's memory.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import open_clip
import safetensors
import torch
from PIL import Image

from common.errors import InvalidInput
from common.models.catalogue import CATALOGUE, MODEL_CONFIG_DIR
from workers.gpu.data.examples import input_shape
from workers.gpu.models.code_version import read_versions
from workers.gpu.models.folder import folder_name, write_model_folder
from workers.gpu.models.imported_record import read_history, read_record
from workers.gpu.models.model_config import REMEDY, count_numbers, read_config
from workers.models.clip_model import LOCAL_DIR
from workers.models.memory import is_out_of_memory
from workers.models.source import CONFIG_FILE, WEIGHTS_FILE
from workers.runtime.child_io import Emitter

SHOWN = 3
FIT_REMEDY = "Put the configuration beside the weights that it was written with."
SLACK = 10_000_000  # numbers: position embeddings may be resized, buffers made anew
CARD = "README.md"
STAGES = 4
MAX_CARD_BYTES = 2**20


def write_imported(
    emitter: Emitter,
    folder: Path,
    work_dir: Path,
    *,
    job_id: str,
    asked_name: str | None,
    usual_name: str,
    origin: dict[str, str],
) -> dict[str, Any]:
    """Check and load the unpacked folder, write the model folder; what the registry needs of it.

    usual_name: where neither the user nor the model's own record has one. origin: for its lineage.
    Raises InvalidInput.
    """
    found = read_config(folder)
    check_size(folder, found["model_cfg"])
    emitter.progress(2, STAGES, "stages", "loading the model")
    model, preprocess, tokenizer = load_plain(folder, found["model_cfg"])
    prove(model, preprocess, tokenizer)
    emitter.progress(3, STAGES, "stages", "writing the model")
    architecture = name_architecture(found["model_cfg"])
    facts = {
        "architecture": architecture,
        "parameters": sum(each.numel() for each in model.parameters()),
        "image_size": input_shape(model).size,
        "embed_dim": int(found["model_cfg"]["embed_dim"]),
    }
    record = read_record(folder, architecture)
    notes = _notes(found)
    name = asked_name or record["params"].get("name") or usual_name
    training = {
        "job_id": job_id,
        **facts,
        **record,
        "lineage": {**record["lineage"], **origin},
        "notes": notes,
        "versions": read_versions(),
    }
    made = write_model_folder(
        work_dir / "model",
        folder_name(name),
        weights=folder / WEIGHTS_FILE,
        model_config=found["model_cfg"],
        preprocess=dict(model.visual.preprocess_cfg),
        training=training,
        history=read_history(folder),
    )
    _keep_card(folder, made)
    for note in notes:
        emitter.note(note)
    return {
        "model_folder": str(made),
        "name": name,
        "params": record["params"],
        **facts,
        "notes": notes,
    }


def _notes(found: dict[str, Any]) -> list[str]:
    if found["preprocess_cfg"]:
        return []
    return [
        "The configuration names no preprocessing: OpenCLIP's mean, deviation and bicubic resizing are used."
    ]


def _keep_card(folder: Path, made: Path) -> None:
    """The card that came along, beside ours."""
    card = folder / CARD
    if card.is_file() and card.stat().st_size <= MAX_CARD_BYTES:
        text = card.read_text("utf-8", errors="replace")
        (made / "README.original.md").write_text(text, encoding="utf-8")


def load_plain(folder: Path, model_cfg: dict[str, Any]) -> tuple[Any, Any, Any]:
    """(model, preprocessing, tokenizer) by open_clip alone. Raises InvalidInput when it cannot."""
    name = f"{LOCAL_DIR}{folder}"
    try:
        model, _, preprocess = open_clip.create_model_and_transforms(name, require_pretrained=True)
        tokenizer = open_clip.get_tokenizer(name)
    except (
        Exception
    ) as problem:  # torch, safetensors and open_clip raise many kinds for a bad folder
        if is_out_of_memory(problem):
            raise
        misfit = find_misfit(folder, model_cfg)
        first_line = (str(problem).splitlines() or [type(problem).__name__])[0]
        raise InvalidInput(
            f"{WEIGHTS_FILE} and {CONFIG_FILE} are not of one model: {misfit}."
            if misfit
            else f"open_clip cannot load the folder: {first_line}",
            remedy=FIT_REMEDY,
        ) from problem
    return model.eval(), preprocess, tokenizer


def prove(model: Any, preprocess: Any, tokenizer: Any) -> None:
    """Embed a picture and a text. Raises InvalidInput unless both come out, as numbers, alike in length."""
    try:
        with torch.inference_mode():
            picture = preprocess(Image.new("RGB", (96, 64), "teal")).unsqueeze(0)  # (1, 3, S, S)
            made = [model.encode_image(picture), model.encode_text(tokenizer(["a teal picture"]))]
    except Exception as problem:  # whatever a folder of strangers leads to
        if is_out_of_memory(problem):
            raise
        raise InvalidInput(
            f"The model loads, but cannot embed a picture and a text: {problem}",
            remedy="Check preprocess_cfg and the context length in open_clip_config.json.",
        ) from problem
    if made[0].shape != made[1].shape:
        raise InvalidInput(
            f"Pictures become {made[0].shape[1]} numbers and texts {made[1].shape[1]}: they cannot be "
            "compared.",
            remedy=FIT_REMEDY,
        )
    if not all(bool(torch.isfinite(each).all()) and bool(each.any()) for each in made):
        raise InvalidInput(
            "The model's embeddings are no numbers: its weights are damaged, or its training diverged.",
            remedy="Import the weights of an earlier epoch.",
        )


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
    found = _count(read_shapes(folder))
    limit = 2 * found + SLACK
    asked = count_numbers(model_cfg)
    if asked <= limit:  # else even its layers without numbers would take long
        needed = _needed_shapes(model_cfg)
        asked = asked if needed is None else _count(needed)
    if asked > limit:
        raise InvalidInput(
            f"{CONFIG_FILE} describes a model of {asked:,} numbers; {WEIGHTS_FILE} holds {found:,}.",
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
