"""A model folder from elsewhere, loaded in plain open_clip to prove it, and written as one of ours."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import open_clip
import torch
from PIL import Image

from common.errors import InvalidInput
from workers.gpu.data.examples import input_shape
from workers.gpu.models.code_version import read_versions
from workers.gpu.models.folder import folder_name, write_model_folder
from workers.gpu.models.imported_config import (
    FIT_REMEDY,
    check_size,
    find_misfit,
    name_architecture,
    read_config,
)
from workers.gpu.models.imported_record import read_history, read_record
from workers.models.clip_model import LOCAL_DIR
from workers.models.memory import is_out_of_memory
from workers.models.source import CONFIG_FILE, WEIGHTS_FILE
from workers.runtime.child_io import Emitter

if TYPE_CHECKING:
    from workers.gpu.models.import_child import ImportConfig

CARD = "README.md"
STAGES = 4
MAX_CARD_BYTES = 2**20


def write_imported(
    emitter: Emitter, config: ImportConfig, folder: Path, inner: str
) -> dict[str, Any]:
    """Check and load the unpacked folder, write the model folder; what the registry needs of it.

    inner: the folder's name in the zip. Raises InvalidInput.
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
    name = config.name or record["params"].get("name") or inner.rsplit("/", 1)[-1] or _stem(config)
    training = {
        "job_id": config.job_id,
        **facts,
        **record,
        "lineage": {
            **record["lineage"],
            "imported_from": config.archive_name,
            "imported_by": config.imported_by,
        },
        "notes": notes,
        "versions": read_versions(),
    }
    made = write_model_folder(
        config.work_dir / "model",
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
            raise InvalidInput(
                "The model does not fit into this machine's memory.", remedy="Import a smaller one."
            ) from problem
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


def _notes(found: dict[str, Any]) -> list[str]:
    if found["preprocess_cfg"]:
        return []
    return [
        "The configuration names no preprocessing: OpenCLIP's mean, deviation and bicubic resizing are used."
    ]


def _stem(config: ImportConfig) -> str:
    return Path(config.archive_name).stem


def _keep_card(folder: Path, made: Path) -> None:
    """The card that came along, beside ours."""
    card = folder / CARD
    if card.is_file() and card.stat().st_size <= MAX_CARD_BYTES:
        text = card.read_text("utf-8", errors="replace")
        (made / "README.original.md").write_text(text, encoding="utf-8")
