"""Weights that were placed by hand, and the language model. Loads no torch."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx

from cli.doctor.findings import Finding
from cli.doctor.place import Place
from common.augment.language_models import find_language_model
from common.models.catalogue import SUFFIXES

ASKED_S = 5.0
HEADER_BYTES = 8  # of safetensors: the length of the JSON that follows, little-endian
LONGEST_HEADER = 100 * 1024 * 1024  # safetensors' own limit
FIRST_OF_PICKLE = b"\x80"


def look_at_weights(place: Place) -> Iterator[Finding]:
    """Whether each file of the weights folder is whole."""
    folder = place.settings.weights_dir
    files = sorted(path for path in folder.glob("*/*") if path.suffix in SUFFIXES)
    damaged = [(path, fault) for path in files if (fault := weights_fault(path)) is not None]
    for path, fault in damaged:
        yield Finding(
            f"weights: {path.parent.name}/{path.stem}", "fail", f"{path}: {fault}",
            "Copy it once more, and compare its SHA-256 with the one where it came from.",
        )  # fmt: skip
    if not damaged:
        found = (
            f"{len(files)} placed in {folder}"
            if files
            else "none placed; downloaded at their first use"
        )
        yield Finding("weights", "ok", found)


def weights_fault(path: Path) -> str | None:
    """What is wrong with a file of weights, as far as its frame tells; None when it looks whole."""
    try:
        if path.suffix == ".safetensors":
            return _safetensors_fault(path)
        with path.open("rb") as file:
            old_format = file.read(1) == FIRST_OF_PICKLE
        return (
            None if old_format or zipfile.is_zipfile(path) else "it is no file of torch, or cut off"
        )
    except OSError as problem:
        return f"it cannot be read: {problem.strerror}"


def _safetensors_fault(path: Path) -> str | None:
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(HEADER_BYTES), "little")
        if not 0 < length <= min(LONGEST_HEADER, size - HEADER_BYTES):
            return "it is no safetensors file, or cut off"
        try:
            header = json.loads(file.read(length))
            ends = [
                one["data_offsets"][1] for name, one in header.items() if name != "__metadata__"
            ]
        except (ValueError, KeyError, IndexError, TypeError, AttributeError):
            return "its header cannot be read"
    wanted = HEADER_BYTES + length + max(ends, default=0)
    return None if size == wanted else f"it has {size:,} bytes, and its header speaks of {wanted:,}"


def look_at_language_model(place: Place) -> Iterator[Finding]:
    """The endpoint if one is set, else the folder with the model."""
    settings, check = place.settings, "language model"
    if not settings.llm_base_url:
        here = find_language_model(settings.llm_model, settings.weights_dir)
        found = (
            f"{settings.llm_model} is at {here}"
            if here
            else f"{settings.llm_model} is not on this machine"
        )
        yield Finding(
            check, "ok", f"{found}; paraphrases need it on a GPU worker, synonyms need none"
        )
        return
    key = {"Authorization": f"Bearer {settings.llm_api_key}"} if settings.llm_api_key else {}
    url = f"{settings.llm_base_url.rstrip('/')}/models"
    try:
        answer = httpx.get(url, headers=key, timeout=ASKED_S)
    except httpx.HTTPError as problem:
        yield Finding(
            check, "fail", f"{settings.llm_base_url} does not answer: {problem}",
            "Start it, or check CLIP_BROWSER_LLM_BASE_URL; synonyms work without.",
        )  # fmt: skip
        return
    if answer.status_code in (401, 403):
        yield Finding(
            check, "fail", f"{settings.llm_base_url} refuses the key", "Check CLIP_BROWSER_LLM_API_KEY."
        )  # fmt: skip
    elif answer.status_code >= 500:
        yield Finding(
            check,
            "fail",
            f"{settings.llm_base_url} answers {answer.status_code}",
            "Look at its log.",
        )
    else:
        yield Finding(check, "ok", f"{settings.llm_base_url} answers")
