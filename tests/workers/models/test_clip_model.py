from __future__ import annotations

from pathlib import Path

import open_clip
import pytest
import safetensors.torch
import torch
from open_clip.pretrained import get_pretrained_cfg

from common.errors import InvalidInput, NotFound
from common.models.catalogue import CATALOGUE, SMALL_MODEL, resolve_architecture
from workers.models.clip_model import create_clip, cut_text, encode_texts, load_clip

TEXTS = ["a dog", "a long caption of two dogs that run along the beach in the evening", ""]


def test_text_cut_to_the_longest_caption_gives_the_same_embedding(tmp_path: Path) -> None:
    loaded = load_clip(f"{SMALL_MODEL}/untrained", weights_dir=tmp_path)
    tokens = loaded.tokenizer(TEXTS)
    short = cut_text(loaded.model, tokens)
    assert short.shape[1] < 20
    torch.manual_seed(0)
    plain = open_clip.create_model(SMALL_MODEL, output_dict=True).eval()
    plain.load_state_dict(loaded.model.state_dict())
    with torch.inference_mode():
        whole = plain.encode_text(tokens, normalize=True)
    assert torch.allclose(encode_texts(loaded, TEXTS), whole, atol=1e-6)


def test_the_untrained_model_is_the_same_each_time(tmp_path: Path) -> None:
    one = load_clip(f"{SMALL_MODEL}/untrained", weights_dir=tmp_path)
    torch.rand(100)
    two = load_clip(f"{SMALL_MODEL}/untrained", weights_dir=tmp_path)
    assert torch.equal(encode_texts(one, TEXTS), encode_texts(two, TEXTS))


def test_weights_that_are_nowhere_say_where_to_place_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(NotFound) as caught:
        load_clip("ViT-B-32/openai", weights_dir=tmp_path / "weights")
    assert str(tmp_path / "weights" / "ViT-B-32" / "openai.safetensors") in caught.value.remedy


@pytest.mark.parametrize("suffix", ["safetensors", "pt"])
@pytest.mark.parametrize("content", [b"", b"no weights at all", b"PK\3\4 cut short"])
def test_damaged_weights_are_said_to_be_damaged(
    tmp_path: Path, suffix: str, content: bytes
) -> None:
    file = tmp_path / f"weights.{suffix}"
    file.write_bytes(content)
    with pytest.raises(InvalidInput) as caught:
        create_clip(SMALL_MODEL, file)
    assert "damaged" in caught.value.remedy


def test_weights_of_another_model_are_refused(tmp_path: Path) -> None:
    safetensors.torch.save_file({"visual.proj": torch.zeros(3, 3)}, tmp_path / "w.safetensors")
    with pytest.raises(InvalidInput) as caught:
        create_clip(SMALL_MODEL, tmp_path / "w.safetensors")
    assert "another model" in caught.value.remedy


def test_weights_in_a_torchscript_archive_are_loaded(tmp_path: Path) -> None:
    loaded = load_clip(f"{SMALL_MODEL}/untrained", weights_dir=tmp_path)
    holder = torch.nn.Module()
    for name, tensor in loaded.model.state_dict().items():
        owner = holder
        *path, last = name.split(".")
        for part in path:
            if not hasattr(owner, part):
                owner.add_module(part, torch.nn.Module())
            owner = getattr(owner, part)
        owner.register_buffer(last, tensor)
    torch.jit.script(holder).save(str(tmp_path / "openai.pt"))
    again = create_clip(SMALL_MODEL, tmp_path / "openai.pt")
    again.model.eval()
    assert torch.equal(encode_texts(loaded, TEXTS), encode_texts(again, TEXTS))


def test_a_model_folder_without_weights_is_refused_rather_than_random(tmp_path: Path) -> None:
    (tmp_path / "open_clip_config.json").write_text('{"model_cfg": {}}')
    with pytest.raises(InvalidInput) as caught:
        create_clip(f"local-dir:{tmp_path}", None)
    assert "open_clip_model.safetensors" in caught.value.message


def test_the_catalogue_agrees_with_open_clip_on_every_tag() -> None:
    for model in CATALOGUE:
        for tag in model.tags:
            known = get_pretrained_cfg(model.name, tag.tag)
            assert known, tag
            assert known["hf_hub"].rstrip("/") == tag.hub_repo
            assert bool(known.get("quick_gelu")) == tag.quick_gelu
            if tag.file:
                assert known["url"].endswith("/" + tag.file)
            built = open_clip.get_model_config(resolve_architecture(model.name, tag.tag))
            assert bool(built.get("quick_gelu")) == tag.quick_gelu


def test_the_catalogue_agrees_with_open_clip_on_sizes() -> None:
    for model in CATALOGUE:
        config = open_clip.get_model_config(model.name)
        with torch.device("meta"):
            made = open_clip.CLIP(**config)
        assert sum(p.numel() for p in made.parameters()) == model.parameters
        assert config["embed_dim"] == model.embed_dim
        assert config["vision_cfg"]["image_size"] == model.image_size
