"""training.json of a model from elsewhere: what can be believed of it, value by value."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from common.models.catalogue import find_model
from common.training.params import TrainParams
from workers.gpu.proof.control_set import FIGURES
from workers.gpu.proof.recall import RECALLS

MAX_BYTES = 2**20
MAX_TEXT = 300
MAX_EPOCHS = 1000
_COUNTS = ("best_epoch", "epochs_done", "steps")
_DATA = ("rows", "images", "val_images")
_LINEAGE = (
    "dataset_id", "snapshot_id", "caption_seq", "train_rows", "augmentation", "base_model",
    "trained_by", "blend_of",
)  # fmt: skip


def read_record(folder: Path, architecture: str) -> dict[str, Any]:
    """{"params", "pretrained", "data", "metrics", "lineage"} of a folder's training.json.

    What is missing, of another type, or out of range is left out; a file that is no such record gives
    a record without figures.
    """
    raw = _read_json(folder / "training.json")
    params = _scalars(raw.get("params"), TrainParams.model_fields)
    return {
        "params": params,
        "pretrained": _known_tag(architecture, raw.get("pretrained")),
        "data": _counts(raw.get("data"), _DATA),
        "metrics": _metrics(raw.get("metrics")),
        "lineage": _lineage(raw.get("lineage")),
    }


def read_history(folder: Path) -> list[dict[str, Any]]:
    """The epochs of a folder's metrics.jsonl, figures only; [] when there are none to be had."""
    path = folder / "metrics.jsonl"
    if not path.is_file() or path.stat().st_size > MAX_BYTES:
        return []
    epochs = []
    for line in path.read_text("utf-8", errors="replace").splitlines()[:MAX_EPOCHS]:
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict):
            epochs.append({key: value for key, value in record.items() if _is_number(value)})
    return epochs


def _read_json(path: Path) -> dict[str, Any]:
    if not path.is_file() or path.stat().st_size > MAX_BYTES:
        return {}
    try:
        raw = json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError):
        return {}
    return raw if isinstance(raw, dict) else {}


def _known_tag(architecture: str, pretrained: Any) -> str:
    """The tag of published weights; a model's id means nothing here. "" when it is none."""
    known = find_model(architecture)
    tag = known.find_tag(pretrained) if known and isinstance(pretrained, str) else None
    return tag.tag if tag else ""


def _metrics(raw: Any) -> dict[str, Any]:
    given = raw if isinstance(raw, dict) else {}
    before, after = (_shares(given.get(key), RECALLS) for key in ("recall_before", "recall_after"))
    made: dict[str, Any] = _counts(given, _COUNTS)
    made["recall_before"], made["recall_after"] = (before, after) if after else ({}, {})
    forgetting = given.get("forgetting")
    if isinstance(forgetting, dict):
        told = {when: _shares(forgetting.get(when), FIGURES) for when in ("before", "after")}
        images = _counts(forgetting, ("images",))
        if images and all(told.values()):
            made["forgetting"] = {**images, **told}
    blends = (
        [_blend(each) for each in given.get("blends") or []] if _is_list(given, "blends") else []
    )
    if blends and all(blends):
        made["blends"] = blends
        best = given.get("best_alpha")
        made["best_alpha"] = best if any(best == each["alpha"] for each in blends) else None
    return made


def _is_list(given: Mapping[str, Any], key: str) -> bool:
    value = given.get(key)
    return isinstance(value, list) and len(value) <= 101


def _blend(raw: Any) -> dict[str, Any]:
    """A blend's figures; {} when one is missing."""
    names = ("alpha", *RECALLS)
    figures = _shares(raw, names)
    return (
        {**figures, "forgetting": _shares(raw, ("forgetting",)).get("forgetting")}
        if figures
        else {}
    )


def _shares(raw: Any, names: Iterable[str]) -> dict[str, float]:
    """All of the named numbers, each from 0 to 1; {} when one is not."""
    given = raw if isinstance(raw, dict) else {}
    found = {name: given[name] for name in names if _is_share(given.get(name))}
    return found if all(name in found for name in names) else {}


def _is_share(value: Any) -> bool:
    return _is_number(value) and 0 <= value <= 1


def _counts(raw: Any, names: Iterable[str]) -> dict[str, int]:
    given = raw if isinstance(raw, dict) else {}
    return {
        name: given[name]
        for name in names
        if type(given.get(name)) is int and 0 <= given[name] < 2**53
    }


def _lineage(raw: Any) -> dict[str, Any]:
    made = _scalars(raw, _LINEAGE)
    augmentation = raw.get("augmentation") if isinstance(raw, dict) else None
    if isinstance(augmentation, dict):
        made["augmentation"] = _scalars(augmentation, list(augmentation)[:20])
    return made


def _scalars(raw: Any, names: Iterable[str]) -> dict[str, Any]:
    """The named texts, numbers and truths; long texts are cut."""
    given = raw if isinstance(raw, dict) else {}
    made: dict[str, Any] = {}
    for name in names:
        value = given.get(name)
        if isinstance(value, str):
            made[name[:MAX_TEXT]] = value[:MAX_TEXT]
        elif isinstance(value, bool) or _is_number(value):
            made[name[:MAX_TEXT]] = value
    return made


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value) and abs(value) < 2**53
