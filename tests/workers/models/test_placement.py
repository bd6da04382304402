"""Weights that somebody brings are loaded once before they are placed."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import safetensors.torch
import torch

from common.errors import InvalidInput
from common.models import catalogue
from common.models.catalogue import SMALL_MODEL, PretrainedTag, find_weights
from workers.models.clip_model import load_clip
from workers.models.placement import place_weights

ROOT = Path(__file__).parents[3]


@pytest.fixture
def with_a_tag(monkeypatch: pytest.MonkeyPatch) -> None:
    """The small model as if weights of it were published: real ones have hundreds of MB."""
    known = catalogue.get_model(SMALL_MODEL)
    published = replace(known, tags=(PretrainedTag("ours", "no/where"),))
    models = tuple(published if each is known else each for each in catalogue.CATALOGUE)
    monkeypatch.setattr(catalogue, "CATALOGUE", models)


def weights_of_the_small_model(folder: Path) -> bytes:
    loaded = load_clip(f"{SMALL_MODEL}/untrained", weights_dir=folder)
    tensors = loaded.model.state_dict().items()
    return safetensors.torch.save({name: each.contiguous() for name, each in tensors})


@pytest.mark.usefixtures("with_a_tag")
def test_weights_are_checked_placed_and_found_there(tmp_path: Path) -> None:
    content = weights_of_the_small_model(tmp_path)
    earlier = tmp_path / "weights" / SMALL_MODEL / "ours.pt"
    earlier.parent.mkdir(parents=True)
    earlier.write_bytes(b"damaged")
    placed = place_weights(io.BytesIO(content), SMALL_MODEL, "ours", tmp_path / "weights")
    assert placed.read_bytes() == content
    assert find_weights(SMALL_MODEL, "ours", tmp_path / "weights") == placed
    assert [each.name for each in placed.parent.iterdir()] == ["ours.safetensors"]


@pytest.mark.usefixtures("with_a_tag")
def test_what_cannot_be_loaded_is_refused_and_leaves_what_was_there(tmp_path: Path) -> None:
    earlier = tmp_path / SMALL_MODEL / "ours.safetensors"
    earlier.parent.mkdir(parents=True)
    earlier.write_bytes(b"the earlier ones")
    other = safetensors.torch.save({"visual.proj": torch.zeros(3, 3)})
    for content in (b"", b"<html>not found</html>", b"PK\3\4 cut short", other):
        with pytest.raises(InvalidInput):
            place_weights(io.BytesIO(content), SMALL_MODEL, "ours", tmp_path)
    assert [each.read_bytes() for each in earlier.parent.iterdir()] == [b"the earlier ones"]


def test_a_tag_that_nobody_published_is_refused_with_the_command(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput):
        place_weights(io.BytesIO(b"PK"), "ViT-B-32", "no-such-tag", tmp_path)
    command = [sys.executable, "-m", "cli.main", "weights", "add", "-"]
    done = subprocess.run(
        [*command, "--model", "ViT-B-32", "--tag", "openai"],
        cwd=ROOT, input=b"<html>", capture_output=True, timeout=60, check=False,
        env={**os.environ, "CLIP_BROWSER_DATA_DIR": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 1
    assert b"neither a safetensors file nor one that PyTorch wrote" in done.stderr
