from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from common.errors import InvalidInput, NotFound
from common.models import catalogue


def test_weights_trained_with_quickgelu_get_the_architecture_that_has_it() -> None:
    assert catalogue.resolve_architecture("ViT-B-32", "openai") == "ViT-B-32-quickgelu"
    assert catalogue.resolve_architecture("ViT-B-32", "laion400m_e32") == "ViT-B-32-quickgelu"
    assert catalogue.resolve_architecture("ViT-L-14", "dfn2b") == "ViT-L-14-quickgelu"
    assert catalogue.resolve_architecture("ViT-L-14", "laion400m_e32") == "ViT-L-14"
    assert catalogue.resolve_architecture("ViT-B-32", "laion2b_s34b_b79k") == "ViT-B-32"
    assert catalogue.resolve_architecture("ViT-B-32", "") == "ViT-B-32"


def test_an_unknown_tag_is_answered_with_those_there_are() -> None:
    with pytest.raises(InvalidInput) as caught:
        catalogue.get_tag("ViT-H-14", "openai")
    assert "laion2b_s32b_b79k" in caught.value.remedy
    with pytest.raises(InvalidInput) as caught:
        catalogue.get_tag("clip-browser-small", "openai")
    assert "empty" in caught.value.remedy


def test_weights_are_found_where_somebody_placed_them_before_any_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HOME", str(tmp_path))
    weights = tmp_path / "weights"
    assert catalogue.weights_state("ViT-B-32", "openai", weights) == "not here"
    cached = (
        "models--timm--vit_base_patch32_clip_224.openai/snapshots/1/open_clip_model.safetensors"
    )
    hub = tmp_path / "hf" / "hub" / cached
    placed = weights / "ViT-B-32" / "openai.pt"
    for path in (hub, placed):
        path.parent.mkdir(parents=True)
        path.write_bytes(b"x")
        assert catalogue.find_weights("ViT-B-32", "openai", weights) == path
    assert catalogue.weights_state("ViT-B-32", "openai", weights) == "cached"
    assert catalogue.weights_state("clip-browser-small", "", weights) == "none"


def test_references_name_a_model_and_its_weights() -> None:
    known, tag = catalogue.split_reference("ViT-B-32/openai")
    assert (known.name, tag) == ("ViT-B-32", "openai")
    assert catalogue.is_reference("clip-browser-small/untrained")
    for wrong in (
        "ViT-B-32",
        "ViT-B-32/",
        "ViT-B-32/untrained",
        "RN50/openai",
        "clip-browser-small/",
    ):
        with pytest.raises(NotFound):
            catalogue.split_reference(wrong)


def test_reading_the_catalogue_and_planning_loads_no_torch() -> None:
    code = "import sys, common.models.catalogue, common.training.planning; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
